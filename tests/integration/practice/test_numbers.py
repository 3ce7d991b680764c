"""Numbers of sessions and messages under concurrency: no number twice, on no host."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from beheard_hub.persistence import sql
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.numbers import BlockNumbers, reserve_in
from beheard_hub.ports import Actor
from tests.conftest import TestDatabase

WANTED = 400


async def many(numbers: BlockNumbers) -> list[int]:
    """Numbers as turns take them, with the background let in between."""
    taken = []
    for _ in range(WANTED):
        taken.append(numbers.number("message"))
        if numbers._filling and len(taken) % 7 == 0:
            await asyncio.gather(*numbers._filling.values())
    return taken


async def test_two_hosts_never_get_the_same_number(database: TestDatabase) -> None:
    pools = [await Database.open(database.runtime_url) for _ in range(2)]
    hosts = [BlockNumbers(reserve_in(db), block=20, low=10) for db in pools]
    try:
        for host in hosts:
            await host.open()
        one, other = await asyncio.gather(*(many(host) for host in hosts))
    finally:
        for host in hosts:
            await host.close()
        for db in pools:
            await db.close()
    assert len({*one, *other}) == 2 * WANTED
    assert one == sorted(one), "within a host they rise"


async def test_a_row_without_a_number_of_ours_takes_another_one(
    db: Database, owner: asyncpg.Connection
) -> None:
    reserved = await reserve_in(db)("scenario", 5)
    made = await owner.fetchval(
        'INSERT INTO practice."Scenario" (slug, name, description, "partnerPersona",'
        " \"partnerSystemPrompt\", \"coachSystemPrompt\") VALUES ('x', 'x', 'x', 'x', 'x', 'x')"
        " RETURNING id"
    )
    assert made not in reserved
    assert len(set(reserved)) == 5


@pytest.mark.parametrize(("kind", "how_many"), [("user", 1), ("message", 0), ("message", 100_001)])
async def test_nothing_else_is_counted(db: Database, kind: str, how_many: int) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await reserve_in(db)(kind, how_many)


async def test_who_reads_reserves_nothing(db: Database) -> None:
    async with db.acting_as(Actor("a")) as tx:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tx.fetchval(sql.text("practice.reserve_numbers"), "message", 1)
