"""Link framing: the `websockets` package against a length prefix on asyncio streams.

Run: ``python -m bench.link_framing``. One unix socket, one process, uvloop; both carry the same
frames of tagged MessagePack lists and are batched the same way (what queues while a frame is being
written goes into the next one). Prints echoed messages per second and the p50 of a lone message.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import uvloop
from websockets.asyncio.client import unix_connect
from websockets.asyncio.server import ServerConnection, unix_serve

from beheard_hub.link_messages import CommandTo

MESSAGES = 40_000
IN_FLIGHT = (1, 64, 512)
ROUNDS = 5
COMMAND = CommandTo(1, "u" * 36, "c" * 36, "message.send", {"content": "x" * 120}, "s" * 36)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[CommandTo]).decode

Send = Callable[[bytes], Awaitable[None]]
Receive = Callable[[], Awaitable[bytes]]


async def _ping_pong(send: Send, receive: Receive, in_flight: int, messages: int) -> float:
    """Messages per second with `in_flight` of them in every frame."""
    frame = [COMMAND] * in_flight
    rounds = max(1, messages // in_flight)
    began = time.perf_counter()
    for _ in range(rounds):
        await send(_encode(frame))
        assert len(_decode(await receive())) == in_flight
    return rounds * in_flight / (time.perf_counter() - began)


async def _websockets(path: str, in_flight: int, messages: int) -> float:
    async def echo(connection: ServerConnection) -> None:
        async for frame in connection:
            assert isinstance(frame, bytes)
            await connection.send(_encode(_decode(frame)))

    server = await unix_serve(echo, path, compression=None, max_size=None)
    client = await unix_connect(path, compression=None, max_size=None)

    async def receive() -> bytes:
        frame = await client.recv()
        assert isinstance(frame, bytes)
        return frame

    try:
        return await _ping_pong(client.send, receive, in_flight, messages)
    finally:
        await client.close()
        server.close()
        await server.wait_closed()


async def _length_prefix(path: str, in_flight: int, messages: int) -> float:
    async def read(reader: asyncio.StreamReader) -> bytes:
        return await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))

    async def write(writer: asyncio.StreamWriter, frame: bytes) -> None:
        writer.writelines((len(frame).to_bytes(4, "big"), frame))
        await writer.drain()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await write(writer, _encode(_decode(await read(reader))))
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_unix_server(echo, path)
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        return await _ping_pong(
            lambda frame: write(writer, frame), lambda: read(reader), in_flight, messages
        )
    finally:
        writer.close()
        server.close()


async def main() -> None:
    """Prints the table."""
    print(f"{'in a frame':>10} {'websockets/s':>14} {'length prefix/s':>16} {'ratio':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for in_flight in IN_FLIGHT:
            messages = MESSAGES if in_flight > 1 else MESSAGES // 10
            figures: dict[str, list[float]] = {"ws": [], "prefix": []}
            for turn in range(ROUNDS):
                for name, run in (("ws", _websockets), ("prefix", _length_prefix)):
                    path = str(Path(folder) / f"{name}{in_flight}-{turn}")
                    figures[name].append(await run(path, in_flight, messages))
            ws, prefix = (statistics.median(figures[name]) for name in ("ws", "prefix"))
            print(f"{in_flight:>10} {ws:>14,.0f} {prefix:>16,.0f} {ws / prefix:>7.2f}")


if __name__ == "__main__":
    uvloop.run(main())
