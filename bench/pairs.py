"""Load on a running hub: pairs of people on bare websockets, as lean as a load generator can be.

Each pair has one ACTIVE session; A pauses and resumes it in turn. Every command is acked after its
commit and tells the partner by an event, so one command is four stored rows and two deliveries.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect

ENCODE = msgspec.json.Encoder()
DECODE = msgspec.json.Decoder()
TOGGLE = ("session.pause", "session.resume")


class Phone:
    """One bare connection: sends commands, waits for their answers, counts events."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.events = 0
        self.arrived = asyncio.Event()
        self.sent = 0
        self.reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, url: str, token: str) -> Phone:
        """Opens a connection, authenticated by header."""
        headers = {"Authorization": f"Bearer {token}"}
        socket = await connect(
            f"{url}/v1/ws", additional_headers=headers, compression=None, ping_interval=None
        )
        await socket.recv()
        return cls(socket)

    async def _read(self) -> None:
        async for raw in self.socket:
            frame = DECODE.decode(raw)
            kind = frame["type"]
            if kind in ("ack", "error"):
                waiting = self.answers.pop(frame.get("id") or "", None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(frame)
            elif kind in ("event", "snapshot"):
                self.events += kind == "event"
                self.arrived.set()

    async def command(self, name: str, data: dict[str, Any], session_id: str = "") -> Any:
        """Sends one command and returns its ack's data; a refusal ends the bench."""
        self.sent += 1
        frame = {"type": "command", "id": f"c{self.sent}", "name": name, "data": data}
        if session_id:
            frame["sessionId"] = session_id
        answer = asyncio.get_running_loop().create_future()
        self.answers[f"c{self.sent}"] = answer
        await self.socket.send(ENCODE.encode(frame).decode())
        reply = await asyncio.wait_for(answer, 60)
        if reply["type"] != "ack":
            raise RuntimeError(f"{name} was refused: {reply['code']}")
        return reply["data"]

    async def subscribe(self, session_id: str) -> None:
        """Subscribes and waits for the snapshot."""
        self.arrived.clear()
        await self.socket.send(
            ENCODE.encode({"type": "subscribe", "sessionId": session_id}).decode()
        )
        await asyncio.wait_for(self.arrived.wait(), 60)

    async def close(self) -> None:
        """Ends the connection."""
        await self.socket.close()
        self.reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.reader


class Pair:
    """Two phones in one ACTIVE session."""

    def __init__(self, a: Phone, b: Phone, session_id: str) -> None:
        self.a, self.b, self.session_id = a, b, session_id
        self.toggles = 0

    async def toggle(self) -> float:
        """One command; returns its ack's latency in seconds."""
        name = TOGGLE[self.toggles % 2]
        self.toggles += 1
        began = time.perf_counter()
        await self.a.command(name, {}, self.session_id)
        return time.perf_counter() - began

    async def close(self) -> None:
        """Ends both connections."""
        await self.a.close()
        await self.b.close()


async def make_pair(url: str, token: Callable[[str], str], number: int) -> Pair:
    """Leads two new users into one session, both subscribed."""
    a = await Phone.connect(url, token(f"bench-a{number}"))
    b = await Phone.connect(url, token(f"bench-b{number}"))
    made = await a.command("session.create", {"inviteName": "Bench"})
    await b.command("invitation.accept", {"invitationId": made["invitationId"]})
    session_id = made["session"]["id"]
    await a.subscribe(session_id)
    await b.subscribe(session_id)
    return Pair(a, b, session_id)


async def make_pairs(url: str, token: Callable[[str], str], count: int, base: int) -> list[Pair]:
    """`count` pairs, ten at a time; `base` keeps their users apart from earlier ones."""
    pairs: list[Pair] = []
    for start in range(0, count, 10):
        numbers = range(base + start, base + min(start + 10, count))
        pairs += await asyncio.gather(*(make_pair(url, token, n) for n in numbers))
    return pairs


class Figures:
    """What one stretch of load gave."""

    def __init__(self, commands: int, seconds: float, latencies: list[float]) -> None:
        self.commands, self.seconds = commands, seconds
        self.latencies = sorted(latencies)

    @property
    def rate(self) -> float:
        """Durable commands per second."""
        return self.commands / self.seconds

    def percentile_ms(self, share: float) -> float:
        """Ack latency in milliseconds below which `share` of the acks lie."""
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))] * 1e3


async def saturate(pairs: Sequence[Pair], in_flight: int, seconds: float) -> Figures:
    """Every pair keeps `in_flight` commands under way; ends when all events have arrived too."""
    latencies: list[float] = []
    events_before = sum(pair.b.events for pair in pairs)
    began = time.perf_counter()

    async def lane(pair: Pair) -> None:
        while time.perf_counter() - began < seconds:
            latencies.append(await pair.toggle())

    await asyncio.gather(*(lane(pair) for pair in pairs for _ in range(in_flight)))
    while sum(pair.b.events for pair in pairs) - events_before < len(latencies):
        await asyncio.sleep(0.005)
    return Figures(len(latencies), time.perf_counter() - began, latencies)


async def steady(pairs: Sequence[Pair], per_second: float, seconds: float) -> Figures:
    """Commands at a fixed rate, spread over the pairs, whatever the answers take."""
    latencies: list[float] = []
    running: set[asyncio.Task[None]] = set()
    began = time.perf_counter()

    async def one(pair: Pair) -> None:
        latencies.append(await pair.toggle())

    for number in range(int(per_second * seconds)):
        await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
        task = asyncio.create_task(one(pairs[number % len(pairs)]))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    return Figures(len(latencies), time.perf_counter() - began, latencies)
