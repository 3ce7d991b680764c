"""One world per test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from beheard_hub.actors.host import Host
from tests.unit.actors.world import Peer, World


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
