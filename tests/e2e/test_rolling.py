"""Operators at the door of a hub: what they see, and what cannot be done. That sessions move under
load and nothing is lost: `test_chaos.py`, plans resize and restart."""

from __future__ import annotations

from typing import Any

import pytest

from beheard_hub.control import Failed, ask
from beheard_hub.settings import SetupError

from .conftest import Town


async def operate(town: Town, name: str, **args: Any) -> Any:
    """What the operator is answered."""
    said: list[str] = []
    return await ask(town.hub.data_dir, name, args, said.append)


async def test_hosts_come_and_go_and_hold_all_shards_between_them(town: Town) -> None:
    before = [row["number"] for row in await operate(town, "hosts.list")]
    added = await operate(town, "hosts.add")
    await operate(town, "hosts.remove", number=before[0])
    rows = await operate(town, "hosts.list")
    assert [row["number"] for row in rows] == sorted([*before[1:], added])
    assert len({row["pid"] for row in rows}) == len(rows)
    await town.play("friendship")


async def test_a_restart_puts_others_in_the_place_of_all(town: Town) -> None:
    old = town.hub.address()
    await operate(town, "restart")
    new = await town.hub.address_when(
        lambda now: not set(now["gateway_pids"]) & set(old["gateway_pids"])
    )
    assert not set(new["host_pids"]) & set(old["host_pids"])
    assert (len(new["host_pids"]), len(new["gateway_pids"])) == (2, 2)
    assert new["gateways"] == old["gateways"], "where clients find them"
    await town.play("friendship")


async def test_what_cannot_be_done_is_said(town: Town) -> None:
    with pytest.raises(Failed, match="no session host 99"):
        await operate(town, "hosts.remove", number=99)
    with pytest.raises(Failed, match="does not know"):
        await operate(town, "hosts.dance")
    with pytest.raises(SetupError, match="No hub serves"):
        await ask(town.hub.data_dir / "elsewhere", "hosts.list", {}, lambda _: None)
