"""Every row that a session kind writes fits the tables and what a flush may do to them.

Read from the sources: a handler names table and columns literally, so a misspelt column, a missing
one or an update that the writer may not make shows here before any journey meets it.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

import beheard_hub
from tests.integration.database.conftest import World

DOMAIN = Path(beheard_hub.__file__).parent / "domain"
OPERATIONS = {"insert": "i", "update": "u", "delete": "d"}
SCHEMAS = {"practice": "practice."}
"""Kind → what its turn puts before a table's name."""
BY_TRIGGER = {"seat", "contentType"}
COLUMNS = """
SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname AS table,
       a.attname AS name,
       a.attnotnull AND NOT a.atthasdef AS required
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname IN ('public', 'hub', 'practice')
WHERE a.attnum > 0 AND NOT a.attisdropped
"""


class Written(msgspec.Struct, frozen=True):
    """One place in the sources that writes a row."""

    where: str
    op: str
    table: str
    columns: frozenset[str]
    whole: bool
    """All columns stand there literally."""


def written() -> Iterator[Written]:
    """Calls of the turn's insert, update, delete and session (an update of "Session")."""
    for path in sorted(DOMAIN.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            columns = frozenset(k.arg for k in call.keywords if k.arg is not None)
            whole = all(k.arg is not None for k in call.keywords)
            where, name = f"{path.name}:{call.lineno}", call.func.attr
            if name == "session" and columns:
                yield Written(where, "u", "Session", columns, whole)
            elif name in OPERATIONS and call.args:
                first = call.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    table = SCHEMAS.get(path.relative_to(DOMAIN).parts[0], "") + first.value
                    yield Written(where, OPERATIONS[name], table, columns, whole)


def faults(
    row: Written,
    columns: Mapping[str, Mapping[str, bool]],
    writable: Mapping[str, Mapping[str, object]],
) -> Iterator[str]:
    """What the database would refuse."""
    rule = writable.get(row.table, {})
    if row.op not in str(rule.get("ops", "")):
        yield f"{row.where}: no flush may do {row.op!r} to {row.table}"
        return
    known = columns[row.table]
    settable = rule.get("set", []) if row.op == "u" else list(known)
    assert isinstance(settable, list)
    if odd := row.columns - set(settable):
        yield f"{row.where}: {row.table} does not take {sorted(odd)}"
    required = {name for name, needed in known.items() if needed} - BY_TRIGGER
    if row.op == "i" and row.whole and (missing := required - row.columns):
        yield f"{row.where}: {row.table} needs {sorted(missing)}"


async def test_rows_of_the_domain_fit_the_database(world: World) -> None:
    columns: dict[str, dict[str, bool]] = {}
    for row in await world.sql.fetch(COLUMNS):
        columns.setdefault(row["table"], {})[row["name"]] = row["required"]
    writable = json.loads(await world.sql.fetchval("SELECT hub.writable()"))
    rows = list(written())
    assert len(rows) >= 10
    assert [fault for row in rows for fault in faults(row, columns, writable)] == []


def test_a_misfit_is_noticed() -> None:
    columns = {"Message": {"id": True, "content": True, "stage": False}}
    writable = {"Message": {"ops": "iu", "set": ["embedding"]}}
    for row, said in (
        (Written("x:1", "d", "Message", frozenset(), True), "no flush may do"),
        (Written("x:1", "u", "Message", frozenset({"content"}), True), "does not take"),
        (Written("x:1", "i", "Message", frozenset({"id"}), True), "needs ['content']"),
        (Written("x:1", "i", "Massage", frozenset({"id"}), True), "no flush may do"),
    ):
        assert said in next(faults(row, columns, writable))
