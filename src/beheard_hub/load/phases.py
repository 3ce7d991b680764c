"""What a run does, one phase after the other, and what each phase took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import pairwise
from statistics import fmean, median

import msgspec

from beheard_hub.client.reconnect import delay_seconds
from beheard_hub.load.idle import Idle, opened, returned
from beheard_hub.load.pairs import How, Pair, Phone, make_pairs
from beheard_hub.load.sending import LOST, Answer, Phase, at_rate, by_turns, joined
from beheard_hub.load.stalled import Compared, compared

DEVICES_PER_USER = 4
"""Idle connections of one user; a hub allows ten."""
PEAK_IN_FLIGHT = 8
OVERLOAD_ROUNDS = 5
"""The peak and what is beyond it are measured in turn: a machine is not the same all the time."""
FILL_SECONDS = 2.0
"""How long the pairs of stalled devices send as much as goes, before a round beside them: some
hundred events each, of which the kernel of a device with a small window takes few."""


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


class Crew:
    """Everybody who takes part in a run."""

    def __init__(self, url: str, token: Callable[[int], str]) -> None:
        self._url, self._token = url, token
        self._numbers = 0
        self.pairs: list[Pair] = []
        self.idle: list[Idle] = []
        self.beside: list[Idle] = []
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

    async def accompany(self, share: float, *, stalled: bool) -> None:
        """One more device for a share of the pairs; a stalled one reads nothing after its
        snapshot."""
        for number in range(self.share(share)):
            bearer, session_id = self._bearer(f"bench-b{number}"), self.pairs[number].session_id
            self.beside.append(Idle(self._url, bearer, session_id, reads_little=True))
        await opened(self.beside)
        for device in self.beside if stalled else ():
            device.stall()

    def share(self, share: float) -> int:
        """So many pairs."""
        return max(1, round(share * len(self.pairs)))

    async def part(self) -> None:
        """Those devices leave."""
        beside, self.beside = self.beside, []
        await asyncio.gather(*(device.close() for device in beside))

    def mended(self, number: int) -> asyncio.Task[None]:
        """Ends when both phones of a pair are connected again; once for all who wait for it."""
        task = self._mending.get(number)
        if task is None:
            task = self._mending[number] = asyncio.create_task(self._mend(number))
            task.add_done_callback(lambda _: self._mending.pop(number, None))
        return task

    async def _mend(self, number: int) -> None:
        pair, attempt = self.pairs[number], 0
        while True:
            await asyncio.sleep(delay_seconds(attempt))
            attempt += 1
            try:
                a = await Phone.connect(self._url, self._bearer(f"bench-a{number}"))
                b = await Phone.connect(self._url, self._bearer(f"bench-b{number}"))
                await asyncio.gather(a.subscribe(pair.session_id), b.subscribe(pair.session_id))
            except (OSError, TimeoutError):
                continue
            await asyncio.gather(pair.close(), return_exceptions=True)
            pair.back(a, b)
            return

    async def leave(self) -> None:
        """Everybody goes."""
        away: list[Awaitable[None]] = [pair.close() for pair in self.pairs]
        away += [device.close() for device in (*self.idle, *self.beside)]
        await asyncio.gather(*away, return_exceptions=True)


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

    async def send(name: str) -> Phase:
        say(f"{name}: {order.seconds:g} s")
        if order.rate:
            return await at_rate(crew, name, order.rate, order.seconds)
        return await by_turns(crew, name, order.seconds, think_seconds=order.think_seconds)

    if order.idle:
        say(f"{order.idle:,} connections")
        began = time.perf_counter()
        phases.append(connecting("connect", await crew.listen(order.idle), began))
    if order.hold_seconds:
        phases.append(await _hold(order, crew, say))
    phases.append(await send("steady"))
    if order.stalled:
        phases += (await beside_stalled(crew, order.stalled, send)).phases
    if order.storm:
        phases.append(await storm(crew, order.storm, say))
        phases.append(await send("after the storm"))
    if order.overload:
        phases += (await overload(crew, order.overload, order.seconds, say)).phases
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


async def beside_stalled(
    crew: Crew, share: float, send: Callable[[str], Awaitable[Phase]]
) -> Compared:
    """Rounds of `send` beside devices that read and beside the same devices stalled, in turn: what
    one more device costs is not what its stalling costs."""

    async def beside(name: str, *, stalled: bool) -> Phase:
        await crew.accompany(share, stalled=stalled)
        await by_turns(crew, "fill", FILL_SECONDS, lanes=PEAK_IN_FLIGHT, among=crew.share(share))
        phase = await send(name)
        await crew.part()
        return phase

    return await compared(partial(beside, stalled=False), partial(beside, stalled=True))


class Overloaded(msgspec.Struct, frozen=True):
    """Rounds beyond the peak, and one at it before and after each of them."""

    peaks: list[Phase]
    beyond: list[Phase]

    @property
    def goodput(self) -> float:
        """What was still done of the peaks around it: the median of the rounds, 0 where nothing
        was."""
        around = [fmean((a.goodput, b.goodput)) for a, b in pairwise(self.peaks)]
        rounds = zip(around, self.beyond, strict=True)
        shares = [more.goodput / peak for peak, more in rounds if peak]
        return median(shares) if shares else 0.0

    @property
    def phases(self) -> list[Phase]:
        """One of each kind, for a report."""
        note = f"goodput {self.goodput:.0%} of the peak, the median of {len(self.beyond)} rounds"
        return [joined(self.peaks), msgspec.structs.replace(joined(self.beyond), note=note)]


async def overload(
    crew: Crew, times: float, seconds: float, say: Callable[[str], None]
) -> Overloaded:
    """As many as go, then so many times more than that: what is still done? The peak is what goes
    where every pair has eight commands under way: a hub that lets none wait long is not given more
    by more of them. Beyond it a pair sends eight at once, as it does at the peak, where the acks of
    one commit come together."""

    async def at_the_peak() -> Phase:
        say("as many commands as go")
        return await by_turns(crew, "peak", seconds, lanes=PEAK_IN_FLIGHT, how=How.RECORD)

    found = Overloaded([await at_the_peak()], [])
    for _ in range(OVERLOAD_ROUNDS):
        say(f"{times:g} times as many")
        name, rate = f"{times:g} x peak", times * found.peaks[-1].rate
        found.beyond.append(
            await at_rate(crew, name, rate, seconds, How.RECORD, together=PEAK_IN_FLIGHT)
        )
        found.peaks.append(await at_the_peak())
    return found
