"""Leases and shards: one writer per shard, and takeovers that wait (spec 01)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.conftest import TestDatabase

EXPIRE = """UPDATE hub."HostLease" SET "expiresAt" = 'epoch' WHERE "hostId" = $1"""


LASTS = """
UPDATE hub."HostLease" SET "expiresAt" = now() + interval '1 hour' WHERE "hostId" = $1
"""
"""However long the machine takes, it does not expire by itself."""


@pytest.fixture
async def sql(database: TestDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.owner_url)
    await connection.execute('UPDATE hub."ShardOwner" SET "hostId" = NULL')
    await connection.execute('DELETE FROM hub."HostLease"')
    yield connection
    await connection.close()


async def opened(sql: asyncpg.Connection, host: str) -> int:
    epoch: int = await sql.fetchval("SELECT hub.lease_open($1, $2)", host, f"unix:/{host}")
    await sql.execute(LASTS, host)
    return epoch


async def take(
    sql: asyncpg.Connection, host: str, epoch: int, shards: Any = None, dead: str | None = None
) -> list[int]:
    taken: list[int] = await sql.fetchval(
        "SELECT hub.lease_take($1, $2, $3, $4)", host, epoch, shards, dead
    )
    return taken


async def routing(sql: asyncpg.Connection) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(await sql.fetchval("SELECT hub.routing()"))
    return table


async def beat(sql: asyncpg.Connection, host: str, epoch: int, n: int) -> str:
    answer: str = await sql.fetchval("SELECT hub.flush($1, $2, $3, '{}')", host, epoch, n)
    return answer


async def test_epochs_rise_and_the_first_host_takes_all(sql: asyncpg.Connection) -> None:
    first, second = await opened(sql, "one"), await opened(sql, "two")
    assert second > first
    assert await take(sql, "one", first) == list(range(256))
    assert await take(sql, "two", second) == [], "the living keep theirs"
    table = await routing(sql)
    assert table["owners"] == ["one"] * 256
    assert [host["hostId"] for host in table["hosts"] if host["alive"]] == ["one", "two"]


async def test_an_expired_lease_can_be_taken_and_only_then_is_lost(
    sql: asyncpg.Connection,
) -> None:
    one, two = await opened(sql, "one"), await opened(sql, "two")
    await take(sql, "one", one)
    await sql.execute(EXPIRE, "one")
    assert await beat(sql, "one", one, 1) == "ok", "expired, but nobody took it"
    await sql.execute(LASTS, "one")
    assert await take(sql, "two", two) == []
    await sql.execute(EXPIRE, "one")
    assert await take(sql, "two", two, [3, 4]) == [3, 4]
    assert await beat(sql, "one", one, 2) == "fenced"
    assert len(await take(sql, "two", two)) == 254


async def test_proof_of_death_needs_no_expiry(sql: asyncpg.Connection) -> None:
    one, two = await opened(sql, "one"), await opened(sql, "two")
    await take(sql, "one", one, list(range(100)))
    assert await take(sql, "two", two, dead="one") == list(range(100)), "its shards, not the free"
    assert await beat(sql, "one", one, 1) == "fenced"


async def test_a_takeover_waits_for_a_flush_under_way(
    sql: asyncpg.Connection, database: TestDatabase
) -> None:
    one, two = await opened(sql, "one"), await opened(sql, "two")
    await take(sql, "one", one)
    other = await asyncpg.connect(database.owner_url)
    flush = sql.transaction()
    await flush.start()
    assert await beat(sql, "one", one, 1) == "ok"
    taking = asyncio.create_task(take(other, "two", two, None, "one"))
    await waiting_for_a_lock(database, taking)
    await flush.commit()
    assert len(await taking) == 256
    assert await beat(sql, "one", one, 2) == "fenced"
    await other.close()


async def waiting_for_a_lock(database: TestDatabase, task: asyncio.Task[Any]) -> None:
    """Returns when some backend of this database waits for another's row."""
    watcher = await asyncpg.connect(database.owner_url)
    try:
        async with asyncio.timeout(60):
            while not await watcher.fetchval(
                "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock')"
            ):
                assert not task.done(), "the takeover did not wait"
    finally:
        await watcher.close()


async def test_two_who_take_at_once_share_nothing(
    sql: asyncpg.Connection, database: TestDatabase
) -> None:
    epochs = {host: await opened(sql, host) for host in ("one", "two", "three")}
    connections = [await asyncpg.connect(database.owner_url) for _ in epochs]
    taken = await asyncio.gather(
        *(
            take(c, host, epoch)
            for c, (host, epoch) in zip(connections, epochs.items(), strict=True)
        )
    )
    for connection in connections:
        await connection.close()
    assert sorted(shard for shards in taken for shard in shards) == list(range(256))


async def test_the_owner_itself_names_the_next_one(sql: asyncpg.Connection) -> None:
    one, two = await opened(sql, "one"), await opened(sql, "two")
    await take(sql, "one", one)
    give = "SELECT hub.lease_give($1, $2, $3, $4)"
    assert await sql.fetchval(give, "one", one, [1, 2], "two") == [1, 2]
    assert await sql.fetchval(give, "one", one, [1, 5], "two") == [5], "1 is not its own any more"
    assert await sql.fetchval(give, "one", one, [9], "nobody") == []
    assert (await routing(sql))["owners"][:3] == ["one", "two", "two"]
    await sql.execute("SELECT hub.lease_close('two', $1)", two)
    assert await sql.fetchval(give, "one", one, [7], "two") == []


async def test_a_host_that_lost_its_lease_takes_and_gives_nothing(
    sql: asyncpg.Connection,
) -> None:
    one = await opened(sql, "one")
    await take(sql, "one", one)
    await sql.execute("SELECT hub.lease_close('one', $1)", one)
    for statement in (
        "SELECT hub.lease_take('one', $1, NULL, NULL)",
        "SELECT hub.lease_give('one', $1, '{1}', 'one')",
    ):
        with pytest.raises(asyncpg.PostgresError) as lost:
            await sql.fetchval(statement, one)
        assert lost.value.sqlstate == "BH002"
    assert not (await routing(sql))["hosts"][0]["alive"]
