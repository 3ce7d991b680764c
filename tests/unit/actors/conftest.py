"""One world per test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from beheard_hub.actors.host import Host
from beheard_hub.persistence import write_behind
from tests.unit.actors.world import Peer, World


@pytest.fixture(autouse=True)
def at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time stands still in these worlds but for what a test moves, and so does the heartbeat, which
    would renew a lease by the machine's own time."""
    monkeypatch.setattr(write_behind, "HEARTBEAT_MILLISECONDS", 3_600_000)


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """A database with one session of ann and bob."""
    world = World()
    world.session("s1")
    yield world
    await world.stop()


@pytest_asyncio.fixture
async def host(world: World) -> Host:
    """The only host: it owns every shard."""
    return await world.host()


@pytest_asyncio.fixture
async def peer(host: Host) -> Peer:
    """A gateway's line to it."""
    return Peer(host)
