"""Pairs of people who send for as long as a run lasts, on devices that write everything down."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any, TypeAlias
from uuid import uuid4

from tests.histories.log import Entry, Shown

from beheard_hub.client import CommandTimeout, Hub, HubError, Refused, Snapshot
from chaos.hub import Struck
from chaos.practising import Seat
from chaos.recorder import Ear, now

PROGRESS_SECONDS_MAX = 90.0
SETTLE_TRIES_MAX, SETTLE_SECONDS = 60, 0.5
SNAPSHOT_SECONDS_MAX = 30.0
CONNECT_SECONDS_MAX = 60.0
GIVE_UP_SECONDS_MAX = 0.02
DOUBLED, ABANDONED, ASKED, SAID = 0.05, 0.03, 0.03, 0.03
"""Shares of commands: sent by two devices at once; given up before the answer; `session.get`;
`message.send`, which a facilitator answers."""

Step: TypeAlias = tuple[str, Mapping[str, Any]]
ADVANCE: Step = ("stage.advance", {"fromStage": 0, "toStage": 1})
SIGN: Step = ("compact.sign", {"agreed": True})


@dataclass
class Player:
    """One person who sends, one command after the other."""

    side: str
    hub: Hub
    ear: Ear
    spare: Hub
    """Another device, on another gateway."""
    spare_ear: Ear
    rng: Random
    bearer: str = field(repr=False)
    session_id: str = ""
    marks: list[str] = field(default_factory=list, repr=False)
    """Ids of the commands whose text is their id."""
    sent: Counter[str] = field(default_factory=Counter)
    """Acked commands by name."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Commands whose outcome nobody was told, by name."""
    refused: Counter[str] = field(default_factory=Counter)
    """By code."""
    acked_at: list[float] = field(default_factory=list, repr=False)

    async def command(self, step: Step, mark: str | None = None, *, calm: bool = True) -> Any:
        """One command with an id of its own; `calm` neither doubles nor gives it up."""
        name, data = step
        command_id = mark or uuid4().hex
        patience = None
        if not calm and self.side == "b" and self.rng.random() < ABANDONED:
            patience = self.rng.uniform(0.001, GIVE_UP_SECONDS_MAX)
        sending = [self._send(self.hub, self.ear, command_id, name, data, patience)]
        if not calm and patience is None and self.rng.random() < DOUBLED:
            sending.append(self._send(self.spare, self.spare_ear, command_id, name, data, None))
        acks = [ack for ack in await asyncio.gather(*sending) if ack is not None]
        if acks:
            self.sent[name] += 1
            self.acked_at.append(now())
        return acks[0].data if acks else None

    async def _send(
        self, hub: Hub, ear: Ear, command_id: str, name: str, data: Mapping[str, Any],
        patience: float | None,
    ) -> Any:  # fmt: skip
        session_id = self.session_id
        ear.sends(session_id, command_id, name)
        try:
            return await hub.command(
                name, data, session_id=session_id or None, id=command_id, timeout=patience
            )
        except CommandTimeout:
            ear.gave_up(command_id)
            self.unknown[name] += 1
        except Refused as refused:
            self.refused[refused.code] += 1
        return None

    def steps(self) -> Iterator[tuple[Step, str]]:
        """What this person does, without an end; each with the command's id, as its mark."""
        paused = False
        while True:
            mark = uuid4().hex
            chance = self.rng.random()
            if chance < ASKED:
                yield ("session.get", {}), mark
            elif self.side == "b":
                intensity = self.rng.randint(1, 10)
                self.marks.append(mark)
                yield ("emotions.record", {"intensity": intensity, "context": mark}), mark
            elif not paused and chance < ASKED + SAID:
                self.marks.append(mark)
                yield ("message.send", {"content": mark}), mark
            else:
                paused = not paused
                yield ("session.pause" if paused else "session.resume", {}), mark

    async def send_on(self, load: Load) -> None:
        """Sends until the load is over."""
        for step, mark in self.steps():
            if load.over:
                return
            await self.command(step, mark, calm=False)
            load.progressed()
            await asyncio.sleep(self.rng.uniform(0, 2 * load.think_seconds))

    async def listen(self) -> None:
        """Reads what comes; the ear has it already."""
        self.ear.listens(self.session_id, 0)
        async for _ in self.hub.session(self.session_id).events(after=0):
            pass


class Load:
    """All players, those who practise, and waiting for what they achieve."""

    def __init__(
        self, players: Sequence[Player], seats: Sequence[Seat], log: list[Entry],
        think_seconds: float,
    ) -> None:  # fmt: skip
        self.players = players
        self.seats = seats
        self.log = log
        self.think_seconds = think_seconds
        self.over = False
        self.entries: Sequence[Entry] = ()
        self.final: Sequence[Shown] = ()
        self.listening: Sequence[str] = ()
        self._progress = asyncio.Event()

    @property
    def people(self) -> Sequence[Player | Seat]:
        """Everybody who waits for acks."""
        return (*self.players, *self.seats)

    def progressed(self) -> None:
        """Somebody has an answer."""
        self._progress.set()

    async def everybody_gets(self, count: int) -> None:
        """Waits until everybody has that many acks more than now. Raises TimeoutError."""
        goals = [len(person.acked_at) + count for person in self.people]

        def late() -> list[str]:
            return [
                f"{type(person).__name__} in session {person.session_id}"
                for person, goal in zip(self.people, goals, strict=True)
                if len(person.acked_at) < goal
            ]

        try:
            async with asyncio.timeout(PROGRESS_SECONDS_MAX):
                while late():
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            raise TimeoutError(
                f"no ack for {PROGRESS_SECONDS_MAX} s: {', '.join(late())}"
            ) from None

    async def settled(self, url: str) -> None:
        """Waits until everybody's device has all that a fresh one is shown, and keeps what was
        heard until then, and shown, as `entries` and `final`. Raises TimeoutError."""
        for _ in range(SETTLE_TRIES_MAX):
            final = await asyncio.gather(*(fresh(url, player) for player in self.players))
            heard = [player.ear.newest(player.session_id) for player in self.players]
            if heard == [shown.seq for shown in final]:
                self.final, self.entries = final, tuple(self.log)
                self.listening = [player.ear.client for player in self.players]
                return
            await asyncio.sleep(SETTLE_SECONDS)
        raise TimeoutError("somebody's device did not get all events")

    def longest_pauses(self, since: float) -> list[float]:
        """The longest time between two acks of each person, from the last one before `since` on."""
        found = []
        for person in self.people:
            before = [at for at in person.acked_at if at <= since]
            times = [*before[-1:], *(at for at in person.acked_at if at > since), now()]
            found.append(max((b - a for a, b in pairwise(times)), default=0.0))
        return found

    def first_acks_seconds(self, struck: Struck) -> list[float]:
        """How long after a fault each person in a session that it hit got the first ack."""
        found = []
        for person in self.people:
            if person.session_id in struck.sessions:
                after = next((at for at in person.acked_at if at > struck.at), None)
                found += [] if after is None else [after - struck.at]
        return found


@asynccontextmanager
async def at_work(
    urls: Sequence[str],
    token: Callable[[str], str],
    *,
    seats: Sequence[Seat],
    pairs: int,
    think_seconds: float,
    rng: Random,
) -> AsyncIterator[Load]:
    """The players at work, and those who practise; at the end of the block each finishes what it is
    at, and hears all there is (`Load.settled`).

    Raises:
        TimeoutError: somebody did not.
    """
    log: list[Entry] = []
    async with AsyncExitStack() as stack:
        made = [_pair(urls, token, log, stack, number, rng) for number in range(pairs)]
        players = [player for pair in await asyncio.gather(*made) for player in pair]
        load = Load(players, seats, log, think_seconds)
        ears = [asyncio.create_task(player.listen()) for player in load.players]
        try:
            async with asyncio.TaskGroup() as sending:
                for player in load.players:
                    sending.create_task(player.send_on(load))
                for seat in seats:
                    sending.create_task(seat.play_on(lambda: load.over, load.progressed))
                try:
                    yield load
                finally:
                    load.over = True
            await load.settled(urls[0])
        finally:
            for ear in ears:
                ear.cancel()
            with contextlib.suppress(HubError):
                await asyncio.gather(*ears, return_exceptions=True)


async def fresh(url: str, player: Player) -> Shown:
    """What a device sees that comes only now."""
    async with (
        asyncio.timeout(SNAPSHOT_SECONDS_MAX),
        Hub.connect(url, player.bearer) as hub,
        hub.session(player.session_id).events() as stream,
    ):
        snapshot = await anext(stream)
        while not isinstance(snapshot, Snapshot):
            snapshot = await anext(stream)
    user, session = player.ear.user_id, player.session_id
    return Shown(now(), "fresh", user, session, snapshot.seq, snapshot.state)


async def _pair(
    urls: Sequence[str], token: Callable[[str], str], log: list[Entry], stack: AsyncExitStack,
    number: int, rng: Random,
) -> Sequence[Player]:  # fmt: skip
    """Two who are in stage 1 of one session, each on another gateway."""

    async def person(side: str, name: str, first: int) -> Player:
        bearer = token(name)

        async def device(place: int) -> tuple[Hub, Ear]:
            ear, url = Ear(log), urls[place % len(urls)]
            hub = Hub.connect(url, bearer, connect_timeout=CONNECT_SECONDS_MAX, tap=ear.took)
            return await stack.enter_async_context(hub), ear

        hub, ear = await device(first)
        spare, spare_ear = await device(first + 1)
        return Player(side, hub, ear, spare, spare_ear, Random(rng.random()), bearer)

    a, b = await person("a", "Ada", number), await person("b", "Ben", number + 1)
    made = await a.command(("session.create", {"inviteName": "Ben"}))
    await b.command(("invitation.accept", {"invitationId": made["invitationId"]}))
    a.session_id = b.session_id = made["session"]["id"]
    for step in (SIGN, ADVANCE):
        for player in (a, b):
            await player.command(step)
    return a, b
