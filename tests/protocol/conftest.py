"""A real gateway on a real port, with a fake host behind it, and bare clients in front."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.guests import GuestKey
from beheard_hub.gateway.rates import Rates
from beheard_hub.gateway.server import Gateway, build_gateway
from beheard_hub.ports import Exports

from .fake_host import FakeHost, FakeIdentities, World

PATIENCE_SECONDS = 30.0
JSON = "beheard.v1"
MSGPACK = "beheard.v1.msgpack"


class RealClock:
    """The machine's, until a test stops it."""

    def __init__(self) -> None:
        self._stopped: float | None = None

    def now(self) -> datetime:
        return datetime.now(UTC)

    def mono(self) -> float:
        return time.monotonic() if self._stopped is None else self._stopped

    def stop(self) -> None:
        """From here on no rate regains anything, however long the machine takes."""
        self._stopped = time.monotonic()


class Client:
    """One bare websocket that speaks one of the codecs."""

    def __init__(self, socket: ClientConnection, codec: str) -> None:
        self.socket = socket
        self.codec = codec

    async def send(self, **frame: Any) -> None:
        if self.codec == MSGPACK:
            await self.socket.send(msgspec.msgpack.encode(frame))
        else:
            await self.socket.send(msgspec.json.encode(frame).decode())

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            payload = await self.socket.recv()
        if self.codec == MSGPACK:
            assert isinstance(payload, bytes)
            frame = msgspec.msgpack.decode(payload)
        else:
            assert isinstance(payload, str)
            frame = msgspec.json.decode(payload)
        assert isinstance(frame, dict)
        return frame

    async def expect(self, kind: str) -> dict[str, Any]:
        frame = await self.next()
        assert frame["type"] == kind, frame
        return frame

    async def call(
        self, command_id: str, name: str, data: Any = None, **more: Any
    ) -> dict[str, Any]:
        await self.send(type="command", id=command_id, name=name, data=data or {}, **more)
        while (frame := await self.next()).get("id") != command_id:
            pass
        return frame

    async def closed(self) -> int:
        """The close code, reading over whatever comes before it."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.next()
        return self.socket.close_code or 0

    async def still_lives(self) -> None:
        await self.send(type="ping")
        while (await self.next())["type"] != "pong":
            pass


class Hub:
    """The gateway under test."""

    def __init__(
        self, gateway: Gateway, world: World, identities: FakeIdentities, clock: RealClock
    ) -> None:
        self.gateway = gateway
        self.clock = clock
        self.world = world
        self.identities = identities
        self.host: FakeHost = world.hosts["h1"]
        self.clients: list[Client] = []

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.gateway.port}/v1/ws"

    async def open(
        self,
        token: str | None = "alice",
        codec: str | None = JSON,
        *,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Client:
        more = dict(headers or {})
        if token is not None:
            more["Authorization"] = f"Bearer {token}"
        socket = await connect(
            self.url,
            subprotocols=[Subprotocol(codec)] if codec else None,
            additional_headers=more,
            max_size=None,
            **options,
        )
        client = Client(socket, codec or JSON)
        self.clients.append(client)
        return client

    async def enter(self, token: str = "alice", codec: str = JSON, **options: Any) -> Client:
        client = await self.open(token, codec, **options)
        await client.expect("hello")
        return client

    async def listen(self, token: str = "alice", session_id: str = "s1", **more: Any) -> Client:
        client = await self.enter(token)
        await client.send(type="subscribe", sessionId=session_id, **more)
        if "after" not in more:
            await client.expect("snapshot")
        return client


async def until(condition: Callable[[], bool], what: str) -> None:
    """Gives the loop turns until `condition` holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited for: {what}"
        await asyncio.sleep(0.005)


StartHub = Callable[..., Awaitable[Hub]]


@contextlib.asynccontextmanager
async def starting() -> AsyncIterator[StartHub]:
    """Starts gateways with bounds of one's choice, and ends them all."""
    running: list[tuple[Hub, asyncio.Task[None]]] = []

    async def start(
        world: World | None = None,
        *,
        limits: bool = True,
        exports: Exports | None = None,
        guests: GuestKey | None = None,
        allowed_origins: Sequence[str] = (),
        **bounds: Any,
    ) -> Hub:
        if world is None:
            world = World()
            world.host("h1", owns_all=True)
        identities, clock = FakeIdentities(), RealClock()
        gateway = build_gateway(
            routing=world,
            dialer=world,
            identities=identities,
            clock=clock,
            rates=Rates(enabled=limits),
            exports=exports,
            guests=guests,
            allowed_origins=allowed_origins,
            bounds=Bounds(**bounds),
        )
        task = asyncio.create_task(gateway.serve("127.0.0.1", 0))
        hub = Hub(gateway, world, identities, clock)
        running.append((hub, task))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await gateway.ready.wait()
        return hub

    yield start
    for hub, task in running:
        for client in hub.clients:
            await client.socket.close()
        hub.gateway.stop()
        await asyncio.wait_for(task, PATIENCE_SECONDS)


@pytest.fixture
async def start_hub() -> AsyncIterator[StartHub]:
    """Gateways of one test."""
    async with starting() as start:
        yield start


@pytest.fixture
async def hub(start_hub: StartHub) -> Hub:
    """One gateway with one host that owns everything."""
    hub = await start_hub()
    await until(lambda: hub.gateway.lobby.router.ready, "all shards reachable")
    return hub
