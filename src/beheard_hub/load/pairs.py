"""Pairs of people on bare websockets, and commands at a rate or as many as go.

Each pair has one ACTIVE session; A pauses and resumes it in turn. Every command is acked after its
commit and tells the partner by an event, so one command is four stored rows and two deliveries.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from secrets import token_hex
from typing import Any, Self, TypeAlias

import msgspec

from beheard_hub.load.wire import Wire

TOGGLE = ("session.pause", "session.resume")
PAUSED = "PAUSED"
RECORDED = {"intensity": 5}
ANSWER_SECONDS_MAX = 60


class _Command(msgspec.Struct, tag="command", rename="camel", omit_defaults=True):
    id: str
    name: str
    data: Mapping[str, Any]
    session_id: str = ""


class Frame(msgspec.Struct, rename="camel"):
    """What the generator reads of a frame; the rest is skipped."""

    type: str
    id: str | None = None
    code: str = ""
    retry_after_ms: int = 0
    data: msgspec.Raw = msgspec.Raw(b"{}")
    session_id: str = ""
    seq: int = 0
    state: msgspec.Raw = msgspec.Raw(b"{}")


class _Session(msgspec.Struct):
    status: str


class _State(msgspec.Struct):
    session: _Session


class _Received(msgspec.Struct, tag="received", rename="camel"):
    session_id: str
    seq: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Frame).decode
_decode_state = msgspec.json.Decoder(_State).decode

Then: TypeAlias = Callable[[Frame | None], None]
"""Gets the answer to a command, or None where the connection ended before it."""


class CommandRefused(RuntimeError):
    """The hub said no to a command of the load. May cross to another process."""

    def __init__(self, name: str, code: str) -> None:
        super().__init__(name, code)
        self.name, self.code = name, code

    def __str__(self) -> str:
        return f"{self.name} was refused: {self.code}"


class Phone:
    """One bare connection: sends commands, waits for their answers, counts events."""

    def __init__(self) -> None:
        self.wire: Wire
        self.answers: dict[str, Then] = {}
        """What to do with the answer to each command that has none yet."""
        self.events = 0
        self.arrived = asyncio.Event()
        self.shown = msgspec.Raw(b"{}")
        """State of the last snapshot."""
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent = 0
        self._tag = token_hex(4)

    @classmethod
    async def connect(cls, url: str, token: str) -> Self:
        """Opens a connection, authenticated by header. Raises ConnectionError."""
        phone = cls()
        phone.wire = await Wire.connect(f"{url}/v1/ws", token, phone._heard, phone._lost)
        await phone.greeted
        return phone

    def _heard(self, text: bytes) -> None:
        frame = _decode(text)
        if frame.type in ("ack", "error"):
            then = self.answers.pop(frame.id or "", None)
            if then is not None:
                then(frame)
        elif frame.type == "event":
            self.events += 1
            with contextlib.suppress(ConnectionError):  # it is told elsewhere
                self.wire.send(_encode(_Received(frame.session_id, frame.seq)))
        elif frame.type == "snapshot":
            self.shown = frame.state
            self.arrived.set()
        elif frame.type == "hello":
            self.greeted.set_result(None)

    def _lost(self) -> None:
        if not self.greeted.done():
            self.greeted.set_exception(ConnectionError("the hub closed the connection"))
        answers, self.answers = self.answers, {}
        for then in answers.values():
            then(None)

    def send(self, name: str, data: Mapping[str, Any], session_id: str, then: Then) -> None:
        """Sends one command. No task waits for its answer: of many commands each would cost more
        than the sending."""
        self.sent += 1
        command = _Command(f"{self._tag}-{self.sent}", name, data, session_id)
        try:
            self.wire.send(_encode(command))
        except ConnectionError:
            then(None)
        else:
            self.answers[command.id] = then

    async def command(self, name: str, data: Mapping[str, Any], session_id: str = "") -> Frame:
        """Sends one command and returns its ack. Raises CommandRefused, ConnectionError."""
        answer: asyncio.Future[Frame | None] = asyncio.get_running_loop().create_future()

        def then(frame: Frame | None) -> None:
            if not answer.done():
                answer.set_result(frame)

        self.send(name, data, session_id, then)
        reply = await answer
        if reply is None:
            raise ConnectionError("the hub closed the connection")
        if reply.type != "ack":
            raise CommandRefused(name, reply.code)
        return reply

    async def subscribe(self, session_id: str, *, as_observer: bool = False) -> None:
        """Subscribes and waits for the snapshot."""
        self.arrived.clear()
        more = {"as": "observer"} if as_observer else {}
        self.wire.send(_encode({"type": "subscribe", "sessionId": session_id, **more}))
        await asyncio.wait_for(self.arrived.wait(), ANSWER_SECONDS_MAX)

    async def opened(self, session_id: str) -> None:
        """Waits for the facilitator's opening, so that no AI turn runs beside the load."""
        while True:
            page = await self.command("message.list", {}, session_id)
            if msgspec.json.decode(page.data)["messages"]:
                return
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Ends the connection."""
        await self.wire.close()


class How(Enum):
    """What a pair sends."""

    TOGGLE = "pauses and resumes in turn: the partner is told, and each builds on the one before"
    RECORD = "one reading after the other: none builds on another, so that some may be refused"


class Pair:
    """Two phones in one ACTIVE session."""

    def __init__(self, a: Phone, b: Phone, session_id: str) -> None:
        self.a, self.b, self.session_id = a, b, session_id
        self._toggles = 0

    async def toggle(self) -> float:
        """One command; returns its ack's latency in seconds."""
        began = time.perf_counter()
        await self.a.command(self._next_toggle(), {}, self.session_id)
        return time.perf_counter() - began

    def send(self, how: How, then: Then) -> None:
        """One command, without waiting for its answer."""
        if how is How.TOGGLE:
            self.a.send(self._next_toggle(), {}, self.session_id, then)
        else:
            self.b.send("emotions.record", RECORDED, self.session_id, then)

    def _next_toggle(self) -> str:
        self._toggles += 1
        return TOGGLE[(self._toggles - 1) % 2]

    def back(self, a: Phone, b: Phone) -> None:
        """Goes on with these two, which are subscribed. Whether toggles whose answers were lost
        were done, A's snapshot says."""
        self.a, self.b = a, b
        self._toggles = int(_decode_state(a.shown).session.status == PAUSED)

    async def close(self) -> None:
        """Ends both connections."""
        await self.a.close()
        await self.b.close()


async def make_pair(url: str, token: Callable[[str], str], number: int) -> Pair:
    """Leads two new users into one session, both subscribed."""
    a = await Phone.connect(url, token(f"bench-a{number}"))
    b = await Phone.connect(url, token(f"bench-b{number}"))
    ack = await a.command("session.create", {"inviteName": "Bench"})
    made = msgspec.json.decode(ack.data)
    await b.command("invitation.accept", {"invitationId": made["invitationId"]})
    session_id = made["session"]["id"]
    await a.subscribe(session_id)
    await b.subscribe(session_id)
    for phone in (a, b):
        await phone.opened(session_id)
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

    async with asyncio.timeout(seconds + ANSWER_SECONDS_MAX):
        await asyncio.gather(*(lane(pair) for pair in pairs for _ in range(in_flight)))
        while sum(p.b.events for p in pairs) - events_before < len(latencies):  # noqa: ASYNC110
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
    async with asyncio.timeout(ANSWER_SECONDS_MAX):
        await asyncio.gather(*running)
    return Figures(len(latencies), time.perf_counter() - began, latencies)
