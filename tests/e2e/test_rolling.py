"""Hosts are added, removed and restarted, and gateways with them, while many send: every ack is in
Postgres once, every seq is there once, and nobody waits long."""

from __future__ import annotations

from typing import Any

import pytest

from beheard_hub.control import Failed, ask
from beheard_hub.settings import SetupError

from .conftest import Town
from .load import assert_stored_once, under_load

ACKS_BETWEEN = 5


async def operate(town: Town, name: str, **args: Any) -> Any:
    """What the operator is answered."""
    said: list[str] = []
    return await ask(town.hub.data_dir, name, args, said.append)


async def numbers(town: Town) -> list[int]:
    """Of the hosts that there are."""
    return [row["number"] for row in await operate(town, "hosts.list")]


async def test_a_host_more_and_a_host_less_under_load_lose_and_repeat_nothing(town: Town) -> None:
    before = await numbers(town)
    async with under_load(town) as load:
        await load.everybody_gets(ACKS_BETWEEN)
        added = await operate(town, "hosts.add")
        assert await numbers(town) == sorted([*before, added])
        await load.everybody_gets(ACKS_BETWEEN)
        await operate(town, "hosts.remove", number=before[0])
        await load.everybody_gets(ACKS_BETWEEN)
    assert await numbers(town) == sorted([*before[1:], added])
    rows = await operate(town, "hosts.list")
    assert sum(row["stats"]["shards"] for row in rows) == 256
    await assert_stored_once(town, load)


async def test_a_restart_of_everything_under_load_loses_and_repeats_nothing(town: Town) -> None:
    old = town.hub.address()
    async with under_load(town) as load:
        await load.everybody_gets(ACKS_BETWEEN)
        await operate(town, "restart")
        await load.everybody_gets(ACKS_BETWEEN)
        new = await town.hub.address_when(lambda now: now["gateway_pids"] != old["gateway_pids"])
    for kind in ("host_pids", "gateway_pids"):
        assert not set(old[kind]) & set(new[kind]), "every one is another"
        assert len(new[kind]) == len(old[kind])
    assert new["gateways"] == old["gateways"], "where clients find them"
    await assert_stored_once(town, load)


async def test_what_cannot_be_done_is_said(town: Town) -> None:
    with pytest.raises(Failed, match="no session host 99"):
        await operate(town, "hosts.remove", number=99)
    with pytest.raises(Failed, match="does not know"):
        await operate(town, "hosts.dance")
    with pytest.raises(SetupError, match="No hub serves"):
        await ask(town.hub.data_dir / "elsewhere", "hosts.list", {}, lambda _: None)
