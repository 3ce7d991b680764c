"""What a peer sends before its upgrade is answered: kept up to a bound, and not a byte more."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from beheard_hub.gateway.lobby import Lobby
from beheard_hub.gateway.wire import EARLY_BYTES_MAX, Wire

from .conftest import PATIENCE_SECONDS, Hub, until
from .test_closing import masked, upgrade_request


class Door:
    """Holds upgrades unanswered until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = asyncio.Event()
        self.waiting = 0
        enter = Lobby.__call__

        async def held(lobby: Lobby, *scope: Any) -> None:
            self.waiting += 1
            await self.open.wait()
            await enter(lobby, *scope)

        monkeypatch.setattr(Lobby, "__call__", held)


async def waiting_peer(hub: Hub, door: Door) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.gateway.port)
    writer.write(upgrade_request(hub.gateway.port, token="alice"))
    await until(lambda: door.waiting == 1, "an upgrade that waits for its answer")
    return reader, writer


def early_bytes(hub: Hub) -> int:
    assert hub.gateway._server is not None
    [wire] = hub.gateway._server.server_state.connections
    assert isinstance(wire, Wire)
    return len(wire._early)


async def test_frames_within_the_bound_are_read_once_the_upgrade_is_answered(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Door(monkeypatch)
    reader, writer = await waiting_peer(hub, door)
    ping = masked(b'{"type":"ping"}')
    pings = 100
    writer.write(ping * pings)
    await until(lambda: early_bytes(hub) == pings * len(ping), "all pings to be held back")
    door.open.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await reader.readuntil(b'"hello"')
        for _ in range(pings):
            await reader.readuntil(b'"pong"')
    writer.close()


async def test_a_peer_that_sends_more_is_cut_off(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door(monkeypatch)
    reader, writer = await waiting_peer(hub, door)
    writer.write(b"x" * EARLY_BYTES_MAX)
    await until(lambda: early_bytes(hub) == EARLY_BYTES_MAX, "the bound to be reached")
    writer.write(b"x")
    async with asyncio.timeout(PATIENCE_SECONDS):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()
    door.open.set()
    await until(lambda: len(hub.gateway.lobby) == 0, "the connection to be forgotten")
