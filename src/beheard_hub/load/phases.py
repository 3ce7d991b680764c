"""What a run does, one phase after the other, and what each phase took."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from beheard_hub.client.reconnect import delay_seconds
from beheard_hub.load.idle import Idle, opened, returned
from beheard_hub.load.pairs import ANSWER_SECONDS_MAX, CommandRefused, Pair, Phone, make_pairs

DEVICES_PER_USER = 4
"""Idle connections of one user; a hub allows ten."""
PEAK_IN_FLIGHT = 8
LATE_SECONDS_MAX = 10.0
"""An answer later than this counts as none in a phase that offers more than goes."""
LOST = "LOST"
"""A command whose connection ended before its answer."""
UNANSWERED = "UNANSWERED"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a run shall do. Phases whose number is 0 are left out."""

    pairs: int = 20
    """Who send."""
    rate: float = 0.0
    """Commands per second of all pairs together, whatever the answers take."""
    think_seconds: float = 1.0
    """Without a rate: what each pair waits between an answer and its next command."""
    seconds: float = 20.0
    """Of each phase."""
    idle: int = 0
    """Connections that only listen."""
    stalled: float = 0.0
    """Share of the pairs of whom one more device listens and reads nothing."""
    storm: int = 0
    """Idle connections that are lost at once and come back."""
    overload: float = 0.0
    """How many times the highest rate is offered."""
    hold_seconds: float = 0.0
    """How long the idle connections are held while nobody sends."""


class Answer(msgspec.Struct, frozen=True):
    """One command: when it was answered, in seconds of the phase, and how long that took."""

    at: float
    seconds: float


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """What one phase gave."""

    name: str
    seconds: float
    answers: list[Answer]
    failures: dict[str, int] = {}
    """By code, with LOST and UNANSWERED."""
    offered: float = 0.0
    """Commands per second that were sent, where a rate was kept."""
    note: str = ""

    @property
    def rate(self) -> float:
        """Acks per second."""
        return len(self.answers) / self.seconds

    def percentile_ms(self, share: float) -> float:
        """Latency in milliseconds below which `share` of the answers lie; 0 without answers."""
        found = sorted(answer.seconds for answer in self.answers)
        return found[min(len(found) - 1, int(share * len(found)))] * 1e3 if found else 0.0


class Crew:
    """Everybody who takes part in a run."""

    def __init__(self, url: str, token: Callable[[int], str]) -> None:
        self._url, self._token = url, token
        self._numbers = 0
        self.pairs: list[Pair] = []
        self.idle: list[Idle] = []
        self.stalled: list[Idle] = []
        self._mending: dict[int, asyncio.Task[None]] = {}

    async def meet(self, pairs: int) -> list[Pair]:
        """New pairs in sessions of their own."""
        made = await make_pairs(self._url, self._bearer, pairs, self._numbers)
        self._numbers += pairs
        return made

    def _bearer(self, user: str) -> str:
        """Token of a user of `make_pairs`: ``bench-a7`` is person 14, ``bench-b7`` person 15."""
        side, number = user.removeprefix("bench-")[0], user.removeprefix("bench-")[1:]
        return self._token(2 * int(number) + (side == "b"))

    async def listen(self, count: int) -> list[float]:
        """Idle connections: several devices each of people who do not send."""
        per_pair = 2 * DEVICES_PER_USER
        base = self._numbers
        pairs = await self.meet(-(-count // per_pair))
        devices = [
            Idle(self._url, self._bearer(f"bench-{side}{base + number}"), pair.session_id)
            for _ in range(DEVICES_PER_USER)
            for number, pair in enumerate(pairs)
            for side in ("a", "b")
        ][:count]
        await asyncio.gather(*(pair.close() for pair in pairs))
        self.idle += devices
        return await opened(devices)

    async def stall(self, share: float) -> None:
        """One more device for a share of the pairs; it reads nothing after its snapshot."""
        for number, pair in enumerate(self.pairs[: max(1, round(share * len(self.pairs)))]):
            bearer = self._bearer(f"bench-b{number}")
            self.stalled.append(Idle(self._url, bearer, pair.session_id))
        await opened(self.stalled)
        for device in self.stalled:
            device.stall()

    async def command(self, number: int, failures: Counter[str], how: str = "toggle") -> float:
        """One command of a pair; seconds until its ack, or 0 and its reason in `failures`."""
        pair = self.pairs[number % len(self.pairs)]
        try:
            return await (pair.toggle() if how == "toggle" else pair.record())
        except CommandRefused as refused:
            failures[refused.code] += 1
        except OSError:
            failures[LOST] += 1
            await self._mended(number % len(self.pairs))
        return 0.0

    async def _mended(self, number: int) -> None:
        """Both phones of a pair are connected again, once for all who wait for it."""
        task = self._mending.get(number)
        if task is None:
            task = self._mending[number] = asyncio.create_task(self._mend(number))
        await asyncio.shield(task)
        self._mending.pop(number, None)

    async def _mend(self, number: int) -> None:
        pair, attempt = self.pairs[number], 0
        while True:
            await asyncio.sleep(delay_seconds(attempt))
            attempt += 1
            try:
                a = await Phone.connect(self._url, self._bearer(f"bench-a{number}"))
                b = await Phone.connect(self._url, self._bearer(f"bench-b{number}"))
            except OSError:
                continue
            await asyncio.gather(pair.close(), return_exceptions=True)
            pair.a, pair.b = a, b
            await a.subscribe(pair.session_id)
            return await b.subscribe(pair.session_id)

    async def leave(self) -> None:
        """Everybody goes."""
        away: list[Awaitable[None]] = [pair.close() for pair in self.pairs]
        away += [device.close() for device in (*self.idle, *self.stalled)]
        await asyncio.gather(*away, return_exceptions=True)


async def at_rate(
    crew: Crew, name: str, per_second: float, seconds: float, how: str = "toggle"
) -> Phase:
    """Commands at a fixed rate, spread over the pairs, whatever the answers take."""
    answers: list[Answer] = []
    failures: Counter[str] = Counter()
    running: set[asyncio.Task[None]] = set()
    began = time.perf_counter()

    async def one(number: int) -> None:
        took = await crew.command(number, failures, how)
        if took:
            answers.append(Answer(time.perf_counter() - began, took))

    for number in range(int(per_second * seconds)):
        await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
        task = asyncio.create_task(one(number))
        running.add(task)
        task.add_done_callback(running.discard)
    sent_in = time.perf_counter() - began
    if running:
        await asyncio.wait(running, timeout=LATE_SECONDS_MAX)
    failures[UNANSWERED] += len(running)
    for task in list(running):
        task.cancel()
    return Phase(
        name=name, seconds=max(sent_in, max((a.at for a in answers), default=0.0)),
        answers=answers, failures=+failures, offered=int(per_second * seconds) / sent_in,
    )  # fmt: skip


async def by_turns(
    crew: Crew, name: str, seconds: float, *, think_seconds: float = 0.0, lanes: int = 1,
    how: str = "toggle",
) -> Phase:  # fmt: skip
    """Every pair sends, waits for the answer, thinks and sends again, in so many lanes."""
    answers: list[Answer] = []
    failures: Counter[str] = Counter()
    began = time.perf_counter()

    async def lane(number: int) -> None:
        while time.perf_counter() - began < seconds:
            took = await crew.command(number, failures, how)
            if took:
                answers.append(Answer(time.perf_counter() - began, took))
            await asyncio.sleep(think_seconds)

    async with asyncio.timeout(seconds + think_seconds + ANSWER_SECONDS_MAX):
        await asyncio.gather(*(lane(n) for n in range(len(crew.pairs)) for _ in range(lanes)))
    return Phase(
        name=name, seconds=time.perf_counter() - began, answers=answers, failures=+failures
    )


def connecting(name: str, took: Sequence[float], began: float) -> Phase:
    """A phase whose answers are connections."""
    seconds = time.perf_counter() - began
    return Phase(name=name, seconds=seconds, answers=[Answer(t, t) for t in took])


async def run(
    order: Order, crew: Crew, say: Callable[[str], None] = lambda text: None
) -> list[Phase]:
    """All phases of an order, in their order.

    Raises:
        OSError: the hub cannot be reached, or did not take somebody in.
        TimeoutError: it stopped answering.
    """
    say(f"{order.pairs} pairs meet")
    crew.pairs = await crew.meet(order.pairs)
    phases: list[Phase] = []

    async def send(name: str) -> None:
        say(f"{name}: {order.seconds:g} s")
        if order.rate:
            phases.append(await at_rate(crew, name, order.rate, order.seconds))
        else:
            think = order.think_seconds
            phases.append(await by_turns(crew, name, order.seconds, think_seconds=think))

    if order.idle:
        say(f"{order.idle:,} connections")
        began = time.perf_counter()
        phases.append(connecting("connect", await crew.listen(order.idle), began))
    if order.hold_seconds:
        phases.append(await _hold(order, crew, say))
    await send("steady")
    if order.stalled:
        await crew.stall(order.stalled)
        await send("beside stalled readers")
    if order.storm:
        phases.append(await storm(crew, order.storm, say))
        await send("after the storm")
    if order.overload:
        phases += await overload(crew, order.overload, order.seconds, say)
    return phases


async def _hold(order: Order, crew: Crew, say: Callable[[str], None]) -> Phase:
    say(f"holding {len(crew.idle):,} connections for {order.hold_seconds:g} s")
    before = sum(device.losses for device in crew.idle)
    await asyncio.sleep(order.hold_seconds)
    lost = sum(device.losses for device in crew.idle) - before
    return Phase(
        name="hold", seconds=order.hold_seconds, answers=[], failures={LOST: lost} if lost else {},
        note=f"{len(crew.idle):,} connections held, {lost} lost",
    )  # fmt: skip


async def storm(crew: Crew, count: int, say: Callable[[str], None]) -> Phase:
    """Idle connections are lost at once; how long until each was subscribed again."""
    lost = crew.idle[:count]
    say(f"{len(lost):,} connections are lost at once")
    began = time.perf_counter()
    for device in lost:
        device.subscribed.clear()
        device.drop()
    return connecting("reconnect storm", await returned(lost, began), began)


async def overload(
    crew: Crew, times: float, seconds: float, say: Callable[[str], None]
) -> list[Phase]:
    """As many as go, then so many times more than that: what is still done?"""
    say("as many commands as go")
    peak = await by_turns(crew, "peak", seconds, lanes=PEAK_IN_FLIGHT, how="record")
    say(f"{times:g} times as many")
    more = await at_rate(crew, f"{times:g} x peak", times * peak.rate, seconds, how="record")
    note = f"goodput {more.rate / peak.rate:.0%} of the peak" if peak.answers else ""
    return [peak, msgspec.structs.replace(more, note=note)]
