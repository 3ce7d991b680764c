"""Every table, every operation, every actor, against `expectations.py` (spec 4.1, 4.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import pytest

from tests.integration.database.conftest import HOST, World, insert, update
from tests.integration.database.expectations import ACTORS, KEY_COLUMNS, WALLS, Wall

TABLES = """
SELECT format('%s.%I', n.nspname, c.relname) AS name, c.relrowsecurity, c.relforcerowsecurity,
       (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies,
       pg_get_userbyid(c.relowner) AS owner
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
"""
RUN_TIME = ("beheard_app", "beheard_writer", "beheard_ops", "beheard_login")
SESSIONS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "a": {"s": ["a"], "1": ["a"]},
    "b": {"s": ["b"], "2": ["b"]},
    "c": {"t": ["c"], "3": ["c"]},
    "S": {"": ["staff"]},
    "A": {"": ["admin"]},
}
"""On whose behalf → app.writing."""
WRITERS = [*SESSIONS, "nobody"]


async def tables(world: World) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await world.sql.fetch(TABLES)
    return rows


async def test_every_table_of_the_catalogue_is_expected(world: World) -> None:
    assert {row["name"] for row in await tables(world)} == set(WALLS)


async def test_every_table_has_forced_row_level_security_and_a_policy(world: World) -> None:
    for row in await tables(world):
        assert row["relrowsecurity"], row["name"]
        assert row["relforcerowsecurity"], row["name"]
        assert row["policies"] > 0, row["name"]
        assert row["owner"] == "beheard_owner", row["name"]


async def test_a_table_without_a_policy_is_noticed(world: World) -> None:
    async with world.undone():
        await world.sql.execute("CREATE TABLE public.unwalled (id text)")
        row = {r["name"]: r for r in await tables(world)}["public.unwalled"]
        assert row["policies"] == 0
        assert not row["relrowsecurity"]
        assert row["name"] not in WALLS


@pytest.mark.parametrize("table", WALLS)
async def test_reads(world: World, table: str) -> None:
    wall = WALLS[table]
    seen = {who: await readable_rows(world, table, wall, actor) for who, actor in ACTORS.items()}
    assert seen == {who: wall.reads.get(who, set()) for who in ACTORS}


@pytest.mark.parametrize("actor_role", ["garbage", "USER", "user ", "beheard_owner"])
async def test_garbage_in_the_locals_sees_nothing(world: World, actor_role: str) -> None:
    for table, wall in WALLS.items():
        if not wall.reads:
            continue
        async with world.acting(ACTORS["owner"]):
            await world.sql.execute("SELECT set_config('app.actor_role', $1, true)", actor_role)
            await world.sql.execute("SELECT set_config('app.current_stage', 'four', true)")
            assert await world.sql.fetchval(f"SELECT count(*) FROM {table}") == 0, table


@pytest.mark.parametrize("table", WALLS)
async def test_nobody_has_more_privileges_than_the_walls_need(world: World, table: str) -> None:
    wall = WALLS[table]
    for role in RUN_TIME:
        has = {
            op: await world.sql.fetchval("SELECT has_table_privilege($1, $2, $3)", role, table, op)
            or (
                op not in ("DELETE", "TRUNCATE")
                and await world.sql.fetchval(
                    "SELECT has_any_column_privilege($1, $2, $3)", role, table, op
                )
            )
            for op in ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
        }
        assert not has["TRUNCATE"], role
        if role in ("beheard_app", "beheard_login"):
            assert not any(has.values()), role
        if role == "beheard_writer":
            assert has["INSERT"] == (bool(wall.inserts) or wall.inserts_apart)
            assert has["UPDATE"] == bool(wall.updates) or table == 'hub."HostLease"'
    assert not await world.sql.fetchval(
        "SELECT has_any_column_privilege('beheard_login', $1, 'SELECT')", table
    )


@pytest.mark.parametrize("table", WALLS)
async def test_the_writer_reads_key_columns_only(world: World, table: str) -> None:
    readable = await world.sql.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0"
        " AND has_column_privilege('beheard_writer', attrelid, attnum, 'SELECT')",
        table,
    )
    if table != 'hub."HostLease"':
        assert {row[0] for row in readable} <= KEY_COLUMNS


WRITTEN = [table for table, wall in WALLS.items() if wall.inserts]
CHANGED = [table for table, wall in WALLS.items() if wall.updates]


@pytest.mark.parametrize("table", WRITTEN)
async def test_inserts(world: World, table: str) -> None:
    wall = WALLS[table]
    for writer in WRITERS:
        async with world.undone():
            row = await take_out(world, table, wall)
            op = insert(bare(table), row)
            if writer in wall.inserts:
                assert await world.flush(SESSIONS.get(writer, {}), op) == "ok", writer
                await world.sql.execute("RESET ROLE")
                assert await count(world, table, wall) == 1, writer
            else:
                assert await refusal(world, writer, op) == "42501", writer


@pytest.mark.parametrize("table", CHANGED)
async def test_updates(world: World, table: str) -> None:
    wall = WALLS[table]
    for writer in WRITERS:
        async with world.undone():
            row = await one_row(world, table, wall)
            rules = json.loads(await world.sql.fetchval("SELECT hub.writable()"))
            column = rules[bare(table)]["set"][0]
            key = "id" if "id" in row else wall.key
            op = update(bare(table), [key], {key: row[key], column: row[column]})
            if writer in wall.updates:
                assert await world.flush(SESSIONS.get(writer, {}), op) == "ok", writer
            else:
                assert await refusal(world, writer, op) in ("BH001", "42501"), writer


@pytest.mark.parametrize("table", WRITTEN)
async def test_inserts_need_a_lease_that_stands(world: World, table: str) -> None:
    wall = WALLS[table]
    for epoch, dead in ((999, False), (1000, True)):
        async with world.undone():
            row = await take_out(world, table, wall)
            if dead:
                await world.sql.execute('UPDATE hub."HostLease" SET dead = true')
            await world.as_writer({"s": ["a", "b"]}, epoch=epoch)
            cols = ", ".join(f'"{name}"' for name in row)
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await world.sql.execute(
                    f"INSERT INTO {table} ({cols}) SELECT {cols}"
                    f" FROM jsonb_populate_record(NULL::{table}, $1)",
                    json.dumps(row),
                )


async def test_operations_see_no_content(world: World) -> None:
    content = await world.sql.fetch(
        "SELECT c.oid::regclass::text || '.' || a.attname FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'"
        " WHERE pg_get_userbyid(c.relowner) = 'beheard_owner' AND a.attnum > 0"
        " AND has_column_privilege('beheard_ops', a.attrelid, a.attnum, 'SELECT')"
        " AND a.attname = ANY ($1)",
        ["content", "description", "context", "email", "name", "phone", "need", "evidence",
         "question", "answer", "title", "feedback", "transformedContent", "transformedPreview",
         "contentDescription", "reply", "data", "embedding", "intensity", "rankedIds", "label",
         "properties", "partnerSystemPrompt", "coachSystemPrompt", "token"],
    )  # fmt: skip
    assert {row[0] for row in content} == {
        'hub."SessionEvent".name',
        'hub."CommandReceipt".name',
    }


async def readable_rows(world: World, table: str, wall: Wall, actor: Any) -> set[str]:
    """The keys of the rows that somebody sees, of those that the test is about."""
    query = f'SELECT "{wall.key}"::text FROM {table}'
    try:
        seen: set[str] = await world.see(actor, query)
    except asyncpg.InsufficientPrivilegeError:
        return set()
    return seen if wall.among is None else seen & wall.among


async def refusal(world: World, writer: str, op: Any) -> str | None:
    """The SQLSTATE with which a flush is refused; None where it is not."""
    try:
        await world.flush(SESSIONS.get(writer, {}), op)
    except asyncpg.PostgresError as error:
        return str(error.sqlstate)
    return None


def bare(table: str) -> str:
    """The catalogue's name → the batch's: public."Message" → Message."""
    return table.replace('"', "").removeprefix("public.")


async def one_row(world: World, table: str, wall: Wall) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(
        await world.sql.fetchval(
            f'SELECT to_jsonb(t) FROM {table} t WHERE t."{wall.key}"::text = $1', wall.row
        )
    )
    return row


async def count(world: World, table: str, wall: Wall) -> int:
    number: int = await world.sql.fetchval(
        f'SELECT count(*) FROM {table} t WHERE t."{wall.key}"::text = $1', wall.row
    )
    return number


async def take_out(world: World, table: str, wall: Wall) -> dict[str, Any]:
    """Removes the row without its consequences, so that the very same can be inserted again."""
    row = await one_row(world, table, wall)
    await world.sql.execute("SET LOCAL session_replication_role = replica")
    await world.sql.execute(f'DELETE FROM {table} WHERE "{wall.key}"::text = $1', wall.row)
    await world.sql.execute("SET LOCAL session_replication_role = origin")
    by_the_database = ("updatedAt", "seat", "theDefault")
    return {name: value for name, value in row.items() if name not in by_the_database}


async def test_the_lease_of_the_seed_is_the_one_meant(world: World) -> None:
    assert await world.sql.fetchval('SELECT "hostId" FROM hub."HostLease"') == HOST
