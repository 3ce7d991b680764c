"""Idle connections against a hub of three frames: they come back after a loss, and stay away after
they left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from beheard_hub.load.idle import Idle, opened, returned
from beheard_hub.load.pairs import Phone

WAIT_SECONDS_MAX = 20


class Gate:
    """Greets, and answers a subscription with a snapshot."""

    def __init__(self) -> None:
        self.url = ""
        self.came = 0
        self.open: list[ServerConnection] = []
        self.silent = asyncio.Event()
        """Set when nobody is connected."""

    async def __call__(self, socket: ServerConnection) -> None:
        self.came += 1
        self.open.append(socket)
        self.silent.clear()
        await socket.send('{"type":"hello"}')
        try:
            while True:
                assert '"subscribe"' in str(await socket.recv())
                await socket.send('{"type":"snapshot","sessionId":"s","seq":1,"state":{}}')
        except ConnectionClosed:
            self.open.remove(socket)
        if not self.open:
            self.silent.set()


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    gate = Gate()
    server: Server
    async with serve(gate, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        gate.url = f"ws://127.0.0.1:{port}"
        yield gate


async def test_all_are_subscribed_and_each_tells_how_long_it_took(gate: Gate) -> None:
    devices = [Idle(gate.url, "token", "s") for _ in range(5)]
    assert len(await opened(devices)) == 5
    assert all(device.subscribed.is_set() for device in devices)
    await asyncio.gather(*(device.close() for device in devices))


@pytest.mark.parametrize("by_hub", [True, False], ids=["by the hub", "by the network"])
async def test_who_is_lost_comes_back(gate: Gate, by_hub: bool) -> None:
    device = Idle(gate.url, "token", "s")
    await device.open()
    began = time.perf_counter()
    device.subscribed.clear()
    if by_hub:
        await gate.open[0].close(1012)
    else:
        device.drop()
    [took] = await asyncio.wait_for(returned([device], began), WAIT_SECONDS_MAX)
    assert took > 0
    assert (gate.came, device.losses) == (2, 1)
    await device.close()


async def test_who_left_stays_away(gate: Gate) -> None:
    device = Idle(gate.url, "token", "s")
    await device.open()
    await device.close()
    await asyncio.wait_for(gate.silent.wait(), WAIT_SECONDS_MAX)
    assert (gate.came, device.losses) == (1, 0)


async def test_a_command_into_a_lost_connection_counts_as_lost(gate: Gate) -> None:
    phone = await Phone.connect(gate.url, "token")
    phone.wire.abort()
    for _ in ("before anybody is told of it", "and after"):
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(phone.command("session.list", {}), WAIT_SECONDS_MAX)
        await phone.wire.lost
