"""Processes die while many send: every ack is in Postgres once, every seq is there once."""

from __future__ import annotations

from .conftest import Town
from .load import assert_stored_once, kill_one, under_load

ACKS_BETWEEN = 5


async def test_three_kills_of_hosts_under_load_lose_and_repeat_nothing(town: Town) -> None:
    killed: list[int] = []
    async with under_load(town) as load:
        for _ in range(3):
            await load.everybody_gets(ACKS_BETWEEN)
            await kill_one(lambda: town.hub.address()["host_pids"], killed)
        await load.everybody_gets(ACKS_BETWEEN)
    assert len(killed) == 3
    await assert_stored_once(town, load)


async def test_a_kill_of_postgres_under_load_loses_and_repeats_nothing(town: Town) -> None:
    killed: list[int] = []
    async with under_load(town) as load:
        await load.everybody_gets(ACKS_BETWEEN)
        await kill_one(lambda: [town.hub.address()["postgres_pid"]], killed)
        await load.everybody_gets(ACKS_BETWEEN)
    assert len(killed) == 1
    await assert_stored_once(town, load)
