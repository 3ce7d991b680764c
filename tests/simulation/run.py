"""One seed from its beginning to its judgement."""

from __future__ import annotations

import asyncio
import gc
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any
from unittest import mock

import msgspec

from beheard_hub import cycles
from beheard_hub.domain.mediation.kind import MEDIATION
from tests.histories.checks import Violation, violations
from tests.histories.log import Entry, History, Receipt, SeatAtEnd, Shown, Stored
from tests.logs import Lines, logged
from tests.simulation.beginnings import session
from tests.simulation.database import facts
from tests.simulation.loop import SimulatedLoop
from tests.simulation.people import OUTSIDE, Device
from tests.simulation.plan import Fault, Plan, plan, steps
from tests.simulation.world import World

CALM_SECONDS_MAX = 60.0
"""By when everybody must have got everything, once nothing goes wrong any more."""
LOOK_SECONDS = 0.25


class Run(msgspec.Struct, frozen=True):
    """What became of a seed."""

    seed: int
    plan: Plan
    history: History
    violations: Sequence[Violation]


class Scenario:
    """The people of one world, what goes wrong around them, and the log."""

    def __init__(self, world: World, seed: int, drawn: Plan) -> None:
        self.world = world
        self.log: list[Entry] = []
        self.final: list[Shown] = []
        self.devices: list[Device] = []
        self.stuck: list[Violation] = []
        self._seed = seed
        self._dice = Random(f"people:{seed}")
        self._plan = drawn

    # ---- the course of a run

    async def play(self) -> None:
        """From the first host to the last look."""
        world = self.world
        couples = [(f"ann{n}", f"bob{n}") for n in range(len(self._plan.stages))]
        for _ in range(self._plan.hosts):
            world.begin_host()
        for _ in range(self._plan.gateways):
            world.begin_gateway()
        for fault in self._plan.faults:
            world.spawn(self._at(fault))
        lives = [
            self._couple(number, stage, couple)
            for number, (stage, couple) in enumerate(zip(self._plan.stages, couples, strict=True))
        ]
        try:
            async with asyncio.timeout(CALM_SECONDS_MAX + 30):
                await asyncio.gather(*lives)
                await self._until(self._settled, "everything to settle")
        except TimeoutError:
            waiting = [d.client for d in self.devices if d.unanswered]
            self.stuck.append(Violation("everybody is answered", f"{waiting} wait for ever"))
        await self._look_at_the_end()

    async def _couple(self, number: int, stage: int, couple: tuple[str, str]) -> None:
        if stage < 0:
            session_id = await self._create(couple)
        else:
            session_id, tables = session(10 * self._seed + number, stage, couple)
            for table, rows in tables.items():
                self.world.storage.tables.setdefault(table, []).extend(rows)
            for row in tables.get("hub.SessionEvent", ()):
                self.world.storage.known(row)
        if not session_id:
            return
        writers = [self._device(f"{user}-phone", user, session_id) for user in couple]
        listener = self._device(f"{couple[0]}-tablet", couple[0], session_id)
        await listener.online()
        await asyncio.gather(*(writer.play(steps(self._dice)) for writer in writers))

    async def _create(self, couple: tuple[str, str]) -> str:
        """A session made and joined in the run; empty if it was refused for good."""
        inviter, invitee = (self._device(f"{user}-desk", user, "") for user in couple)
        made = await inviter.ask("session.create", {"inviteName": "Bobby"})
        if made.code:
            return ""
        joined = await invitee.ask("invitation.accept", {"invitationId": made.data["invitationId"]})
        return "" if joined.code else str(made.data["session"]["id"])

    def _device(self, name: str, user_id: str, session_id: str) -> Device:
        dice = Random(self._dice.random())
        device = Device(name, user_id, session_id, self.log, dice, self.world.gateways)
        self.devices.append(device)
        return device

    # ---- what goes wrong

    async def _at(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at)
        ended = FAULTS[fault.kind](self, fault)
        if ended is not None:
            await asyncio.sleep(fault.seconds)
            ended()

    def _victim(self, fault: Fault) -> Any:
        alive = self.world.alive
        return alive[int(fault.luck * len(alive))] if alive else None

    def kill_host(self, fault: Fault) -> None:
        if (victim := self._victim(fault)) is not None:
            self.world.kill_host(victim, proven=fault.luck * 7 % 1 < 0.7)

    def freeze_host(self, fault: Fault) -> None:
        if (victim := self._victim(fault)) is not None:
            self.world.freeze_host(victim, fault.seconds)

    def drain_host(self, fault: Fault) -> None:
        if (victim := self._victim(fault)) is not None:
            self.world.drain_host(victim)

    def add_host(self, fault: Fault) -> None:
        self.world.begin_host()

    def kill_gateway(self, fault: Fault) -> None:
        if serving := self.world.serving:
            self.world.kill_gateway(serving[int(fault.luck * len(serving))])

    def cut_lines(self, fault: Fault) -> None:
        for line in self.world.network.lines:
            if self.world.dice.random() < 0.5:
                line.cut(lost=self.world.dice.random() < 0.7)

    def noisy_lines(self, fault: Fault) -> Callable[[], None]:
        noise = self.world.network.noise
        noise.loud = True
        return lambda: setattr(noise, "loud", False)

    def cut_flushes(self, fault: Fault) -> Callable[[], None]:
        self.world.cut_flushes(fault.luck)
        return self.world.mend_flushes

    def stall_database(self, fault: Fault) -> None:
        self.world.wire.stalled_until = self.world.loop.time() + fault.seconds

    def database_away(self, fault: Fault) -> Callable[[], None]:
        storage = self.world.storage
        storage.available = False
        return lambda: setattr(storage, "available", True)

    def hang_up(self, fault: Fault) -> None:
        for device in self.devices:
            if self.world.dice.random() < 0.6:
                device.hang_up()
                self.world.spawn(device.online())

    def clock_jumps(self, fault: Fault) -> None:
        if (victim := self._victim(fault)) is not None:
            victim.clock.wall_offset += (fault.luck - 0.5) * 7200

    # ---- the end

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = self.world.loop.time() + CALM_SECONDS_MAX
        while not condition():
            if self.world.loop.time() > deadline:
                self.stuck.append(Violation("everybody is answered", f"waited in vain for {what}"))
                return
            for device in self.devices:
                await device.online()
            await asyncio.sleep(LOOK_SECONDS)

    def _settled(self) -> bool:
        """No fault to come, nothing in a buffer, no answer of the facilitator outstanding."""
        last = max(fault.at + fault.seconds for fault in self._plan.faults)
        storage = self.world.storage
        open_turns = [
            row
            for row in storage.rows("hub.Reminder")
            if row["kind"] in ("ai_turn", "ai_extract") and row.get("firedAt") is None
        ]
        return self.world.loop.time() > last + 0.5 and not open_turns

    async def _look_at_the_end(self) -> None:
        """Everybody hears all there is; then a fresh client of each looks."""
        newest: dict[tuple[str, str], int] = {}
        for row in self.world.storage.rows("hub.SessionEvent"):
            key = (row["sessionId"], row["userId"])
            newest[key] = max(newest.get(key, 0), row["seq"])

        def heard(device: Device) -> bool:
            wanted = newest.get((device.session_id, device.user_id), 0)
            return device.last is not None and device.last >= wanted

        members = [device for device in self.devices if device.session_id]
        await self._until(lambda: all(heard(device) for device in members), "all events")
        seats = {(device.session_id, device.user_id) for device in members}
        fresh = [
            Device(f"{user}-fresh", user, session_id, [], Random(0), self.world.gateways)
            for session_id, user in sorted(seats)
        ]
        for device in fresh:
            await device.online()
        await self._until(lambda: all(d.last is not None for d in fresh), "fresh snapshots")
        self.final = [e for device in fresh for e in device.log if isinstance(e, Shown)]

    # ---- the judgement

    def history(self) -> History:
        """Everything, for the checker."""
        storage = self.world.storage
        receipts = [
            Receipt(row["sessionId"], row["userId"], row["commandId"])
            for row in storage.rows("hub.CommandReceipt")
        ]
        said = [row["content"] for row in storage.rows("Message", role="AI")]
        return History(
            entries=self.log,
            stored=Stored(
                receipts=receipts,
                events=storage.events,
                effects=storage.effects,
                reactions=[text for text in said if text.startswith("answer-")],
                seats=list(_seats(self.world)),
                threads=_threads(self.world),
                private=_private(self.world),
            ),
            final=self.final,
            listening=[device.client for device in self.devices if device.session_id],
            writes=storage.writes,
            words=self.world.words,
        )


FAULTS: Mapping[str, Callable[[Scenario, Fault], Callable[[], None] | None]] = {
    "kill host": Scenario.kill_host,
    "freeze host": Scenario.freeze_host,
    "drain host": Scenario.drain_host,
    "add host": Scenario.add_host,
    "kill gateway": Scenario.kill_gateway,
    "cut lines": Scenario.cut_lines,
    "noisy lines": Scenario.noisy_lines,
    "cut flushes": Scenario.cut_flushes,
    "stall database": Scenario.stall_database,
    "database away": Scenario.database_away,
    "hang up": Scenario.hang_up,
    "clock jumps": Scenario.clock_jumps,
}


def _seats(world: World) -> Iterator[SeatAtEnd]:
    for row in world.storage.rows("Session"):
        loaded = facts(world.storage, row["id"])
        assert loaded is not None
        for seat in MEDIATION.load(loaded).seats:
            gates: dict[str, bool] = {}
            for progress in seat.progress.values():
                if not progress.latched:
                    for gate in ("compactSigned", "partnerCompactSigned"):
                        if progress.stage == 0:
                            gates[gate] = gate in progress.gates
            yield SeatAtEnd(row["id"], seat.user_id, seat.stage, gates)


def _threads(world: World) -> list[list[str]]:
    """Messages of each user and session in the order of a page of them."""
    threads: dict[tuple[str, str], list[str]] = defaultdict(list)
    rows = world.storage.rows("Message")
    for row in sorted(rows, key=lambda row: (row["timestamp"], row["id"])):
        threads[row["sessionId"], row["forUserId"]].append(row["id"])
    return list(threads.values())


def _private(world: World) -> Mapping[str, str]:
    """Messages and readings: their ids and texts."""
    storage = world.storage
    vessels = {row["id"]: row["userId"] for row in storage.rows("UserVessel")}
    found: dict[str, str] = {}
    for row in storage.rows("Message"):
        found[row["id"]] = row["forUserId"]
        if row["role"] == "USER":
            found[row["content"]] = row["forUserId"]
    for row in storage.rows("EmotionalReading"):
        found[row["id"]] = vessels[row["vesselId"]]
        found[str(row["context"])] = vessels[row["vesselId"]]
    return found


def _not_now() -> None:
    """Stands where a host collects garbage."""


@contextmanager
def observed() -> Iterator[Lines]:
    """The hub's log is kept; and it does not collect garbage for every host of every run, which
    would take most of the time."""
    with logged() as lines, mock.patch.object(cycles, "settle", _not_now):
        yield lines


@contextmanager
def undisturbed() -> Iterator[None]:
    """Garbage of a run is collected once it is over: what lives is looked through less often."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@undisturbed()
def run(seed: int) -> Run:
    """Plays a seed, the same way every time."""
    random.seed(seed)
    drawn = plan(seed)
    loop = SimulatedLoop()
    world = World(loop, seed, drawn.pace)
    scenario = Scenario(world, seed, drawn)
    with observed() as lines:
        try:
            loop.run_until_complete(scenario.play())
            history = scenario.history()
            errors = [str(line) for line in lines.kept if line["level"] == "error"]
            faults = [*errors, *map(repr, loop.failures)]
            broke = [Violation("nothing breaks inside", fault) for fault in faults]
        finally:
            world.wire.open = False
            loop.end([*world.processes, OUTSIDE])
    return Run(seed, drawn, history, [*scenario.stuck, *broke, *violations(history)])
