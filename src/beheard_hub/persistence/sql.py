"""Named queries: SQL lives in `queries/*.sql`, one or several queries to a file.

A query begins with ``-- name: <name>``, then a comment that says its purpose, then optionally
``-- args: a, b`` (the names of $1, $2, ...), then one statement. A file without ``-- name:`` is one
query with the file's name. With ``-- tables: A, B`` a query is there once for each table, whose
name stands for ``{table}`` in the query's name and in its statement.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

QUERIES = Path(__file__).parent / "queries"
_NAME = re.compile(r"^-- name:\s*([\w.{}]+)\s*$", re.MULTILINE)
_ARGS = re.compile(r"^-- args:(.*)$", re.MULTILINE)
_TABLES = re.compile(r"^-- tables:(.*)$", re.MULTILINE)
TABLE = "{table}"


class Query(msgspec.Struct, frozen=True):
    """One statement and the names of its parameters, in the order of $1, $2, ..."""

    name: str
    args: tuple[str, ...]
    text: str


@functools.cache
def queries(directory: Path = QUERIES) -> Mapping[str, Query]:
    """Every named query below `directory`. Raises ValueError when a name is used twice."""
    found: dict[str, Query] = {}
    for path in sorted(directory.glob("*.sql")):
        for query in _queries_of(path):
            if query.name in found:
                raise ValueError(f"query {query.name} is there twice, again in {path.name}")
            found[query.name] = query
    return found


def text(name: str) -> str:
    """The statement called `name`."""
    return queries()[name].text


def _queries_of(path: Path) -> Iterator[Query]:
    pieces = _NAME.split(path.read_text())
    if len(pieces) == 1:
        yield _query(path.stem, pieces[0])
    for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
        for table in _listed(_TABLES, body) or ("",):
            yield _query(name.replace(TABLE, table), body.replace(TABLE, table))


def _query(name: str, body: str) -> Query:
    lines = [line for line in body.splitlines() if not line.startswith("--")]
    return Query(name, _listed(_ARGS, body), "\n".join(lines).strip().rstrip(";"))


def _listed(header: re.Pattern[str], body: str) -> tuple[str, ...]:
    """The words of a header line, if it is there."""
    found = header.search(body)
    return tuple(word.strip() for word in found[1].split(",") if word.strip()) if found else ()
