"""Operators at the door of a hub: what they see, and what cannot be done. That sessions move under
load and nothing is lost: `test_chaos.py`, plans resize and restart."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from beheard_hub.client import Hub
from beheard_hub.control import Failed, ask
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.settings import SetupError, process_environment
from beheard_hub.testing.hub_process import HubProcess
from tests.e2e import haystacks
from tests.e2e.conftest import Town


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


async def test_a_gateway_on_its_own_joins_and_gives_way(town: Town, tmp_path: Path) -> None:
    for name in ("cluster-secret", "token-key.pem"):
        (tmp_path / name).write_bytes((town.hub.data_dir / name).read_bytes())
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "beheard_hub", "gateway", "--port", "0",
        env={
            **process_environment(), "DATABASE_URL": haystacks.owner_url(town),
            "BEHEARD_DATA_DIR": str(tmp_path),
        },
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        word, port = (await process.stdout.readline()).split()
        assert word == b"listening"
        url, person = f"ws://127.0.0.1:{int(port)}/v1/ws", town.person("Ada")
        async with Hub.connect(url, person.token) as hub:
            made = await hub.command("session.create", {"inviteName": "Ben"})
        async with Hub.connect(town.gateways()[0], person.token) as hub:
            await hub.command("session.get", session_id=made.data["session"]["id"])
    finally:
        process.terminate()
        assert await process.wait() == 0


async def test_a_hub_of_one_process_ends_when_it_has_lost_its_lease(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path / "data", BEHEARD_LINK="inprocess", BEHEARD_EMBEDDERS="0")
    await hub.start(process_environment())
    url = await asyncio.to_thread(EmbeddedPostgres(hub.data_dir).url)
    connection = await asyncpg.connect(url)
    await connection.execute('UPDATE hub."HostLease" SET dead = true')
    await connection.close()
    assert await hub.ended() == 1
    assert "lost its lease" in hub.log_tail()


async def test_what_cannot_be_done_is_said(town: Town) -> None:
    with pytest.raises(Failed, match="no session host 99"):
        await operate(town, "hosts.remove", number=99)
    with pytest.raises(Failed, match="does not know"):
        await operate(town, "hosts.dance")
    with pytest.raises(SetupError, match="No hub serves"):
        await ask(town.hub.data_dir / "elsewhere", "hosts.list", {}, lambda _: None)
