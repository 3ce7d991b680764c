"""A stand-in for the hub's websocket: plays what a test tells it, connection by connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

Script: TypeAlias = Callable[["Line"], Awaitable[None]]
AT = "2026-01-02T03:04:05.000006Z"


class Line:
    """One accepted connection, as the script sees it."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self._packed = socket.subprotocol == "beheard.v1.msgpack"

    async def say(self, kind: str, **fields: Any) -> None:
        frame = {"type": kind, **fields}
        if self._packed:
            await self.socket.send(msgspec.msgpack.encode(frame))
        else:
            await self.socket.send(msgspec.json.encode(frame).decode())

    async def expect(self, kind: str) -> dict[str, Any]:
        """Next frame of the client, which must be of that kind."""
        raw = await asyncio.wait_for(self.socket.recv(), 20)
        frame: dict[str, Any] = (
            msgspec.msgpack.decode(raw) if isinstance(raw, bytes) else msgspec.json.decode(raw)
        )
        assert frame["type"] == kind, f"expected {kind}, got {frame['type']}"
        return frame

    async def greet(self) -> str:
        """Takes the token and says hello; returns the token."""
        token: str = (await self.expect("auth"))["token"]
        await self.say("hello", connectionId="c", userId="u", protocol="beheard.v1", limits={})
        return token

    async def ack(self, command: dict[str, Any], **data: Any) -> None:
        await self.say("ack", id=command["id"], data=data, seq=0, duplicate=False)

    async def refuse(
        self, command: dict[str, Any], code: str, *, retryable: bool, **more: Any
    ) -> None:
        await self.say(
            "error", id=command["id"], code=code, message="No.", retryable=retryable, **more
        )

    async def event(self, seq: int, name: str = "partner.nudged") -> None:
        await self.say("event", sessionId="s", seq=seq, name=name, data={}, at=AT)

    async def until_closed(self) -> None:
        await self.socket.wait_closed()


class StandIn:
    """Plays its scripts in order, the last one again for every further connection."""

    def __init__(self, scripts: tuple[Script, ...]) -> None:
        self.url = ""
        self.connections = 0
        self._scripts = scripts
        self.problem: Exception | None = None
        self._done: list[asyncio.Event] = [asyncio.Event() for _ in scripts]

    async def play(self, socket: ServerConnection) -> None:
        number = min(self.connections, len(self._scripts) - 1)
        self.connections += 1
        try:
            await self._scripts[number](Line(socket))
        except Exception as problem:
            self.problem = self.problem or problem
            raise
        finally:
            self._done[number].set()

    async def passed(self, number: int) -> None:
        """Waits until a script came to its end."""
        await asyncio.wait_for(self._done[number].wait(), 30)
        if self.problem is not None:
            raise self.problem


@asynccontextmanager
async def standing_in(*scripts: Script) -> AsyncIterator[StandIn]:
    """A stand-in on a free port."""
    stand_in = StandIn(scripts)
    subprotocols = [Subprotocol("beheard.v1"), Subprotocol("beheard.v1.msgpack")]
    async with serve(
        stand_in.play, "127.0.0.1", 0, subprotocols=subprotocols, compression=None
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        stand_in.url = f"ws://127.0.0.1:{port}/v1/ws"
        yield stand_in
        if stand_in.problem is not None:
            raise stand_in.problem
