"""The cables between people and gateways: bytes go through, until one is cut or held."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random

CHUNK_BYTES = 64 * 1024


class _Cable:
    """One connection of one device."""

    def __init__(self, device: asyncio.StreamWriter, gateway: asyncio.StreamWriter) -> None:
        self._ends = (device, gateway)
        self.flowing = asyncio.Event()
        """Cleared: the device reads nothing of what the hub sends."""
        self.flowing.set()

    def cut(self) -> None:
        """Both ends are gone at once, without a word."""
        for end in self._ends:
            end.transport.abort()


class Network:
    """Listens in front of one gateway and passes on what comes. Made by :func:`in_front_of`."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._cables: set[_Cable] = set()

    def cut(self, rng: Random, share: float) -> int:
        """Cuts that share of the cables; how many."""
        chosen = [cable for cable in self._cables if rng.random() < share]
        for cable in chosen:
            cable.cut()
        return len(chosen)

    async def hold(self, rng: Random, share: float, seconds: float) -> int:
        """That share of the devices reads nothing for so long; how many."""
        chosen = [cable for cable in self._cables if rng.random() < share]
        for cable in chosen:
            cable.flowing.clear()
        await asyncio.sleep(seconds)
        for cable in chosen:
            cable.flowing.set()
        return len(chosen)

    async def joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A device connects; ends when either end does."""
        try:
            from_hub, to_hub = await asyncio.open_connection(*self._to)
        except OSError:  # the gateway is dead just now
            writer.transport.abort()
            return
        cable = _Cable(writer, to_hub)
        self._cables.add(cable)
        always = asyncio.Event()
        always.set()
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass_on(reader, to_hub, always))
                both.create_task(_pass_on(from_hub, writer, cable.flowing))
        finally:
            self._cables.discard(cable)
            cable.cut()


async def _pass_on(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, flowing: asyncio.Event
) -> None:
    with contextlib.suppress(OSError, RuntimeError):  # the latter: uvloop, of an end that was cut
        while chunk := await source.read(CHUNK_BYTES):
            await flowing.wait()
            sink.write(chunk)
            await sink.drain()
    sink.close()


@contextlib.asynccontextmanager
async def in_front_of(host: str, port: int) -> AsyncIterator[tuple[Network, int]]:
    """A network before that gateway, and the port to connect to instead."""
    network = Network(host, port)
    server = await asyncio.start_server(network.joined, "127.0.0.1", 0)
    try:
        yield network, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        network.cut(Random(0), 2.0)
        await asyncio.sleep(0)
