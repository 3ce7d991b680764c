"""Hosts, gateways and the database of one run, and everything that can be done to them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, cast

from beheard_hub.actors.activation import ActivationLimits
from beheard_hub.actors.cell import Kinds
from beheard_hub.actors.host import Host, Ports
from beheard_hub.domain.mediation.directory import DIRECTORY
from beheard_hub.domain.mediation.kind import MEDIATION
from beheard_hub.gateway.router import Router
from beheard_hub.ports import Fenced, LeaseStore, Routing, SessionStore, StoreUnavailable
from beheard_hub.testing.echoes import EchoRenderer
from beheard_hub.testing.memory_stores import (
    CountingIds,
    Cut,
    MemoryFlushStore,
    MemoryLeaseStore,
    MemorySessionStore,
)
from tests.histories.log import Word
from tests.simulation.database import (
    Remote,
    RemoteFlushes,
    RemoteLeases,
    Storage,
    Wire,
    directory_facts,
    facts,
)
from tests.simulation.loop import Process, SimulatedLoop
from tests.simulation.network import Listener, Network
from tests.simulation.people import OUTSIDE, Gateway
from tests.simulation.reactions import SlowFacilitator

START = datetime(2026, 6, 1, 12, 0, 0, 1, tzinfo=UTC)
LIMITS = ActivationLimits(live_cells_max=2, idle_seconds=1.0)
"""Small enough that cells are packed and come back in a short run."""
RESTART_SECONDS = 1.7
"""What Ray takes for a new host."""


class SimulatedClock:
    """Implements `ports.Clock`; `wall_offset` is what an operator or a bad clock adds."""

    def __init__(self, loop: SimulatedLoop, mono_offset: float = 0.0) -> None:
        self._loop = loop
        self._mono_offset = mono_offset
        self.wall_offset = 0.0

    def now(self) -> datetime:
        """Microseconds are never zero, so that times as text sort like times."""
        micros = int((self._loop.time() + self.wall_offset) * 1e6) // 2 * 2
        return START + timedelta(microseconds=micros)

    def mono(self) -> float:
        """From a zero of its own."""
        return self._loop.time() + self._mono_offset


class Member:
    """One host process."""

    def __init__(self, process: Process, host: Host, clock: SimulatedClock) -> None:
        self.process = process
        self.host = host
        self.clock = clock
        self.flushes: RemoteFlushes
        self.leases: RemoteLeases


class World:
    """Everything that runs."""

    def __init__(self, loop: SimulatedLoop, seed: int, pace: float) -> None:
        self.loop = loop
        self.dice = Random(f"world:{seed}")
        self.storage = Storage(SimulatedClock(loop))
        self.wire = Wire(Random(f"wire:{seed}"), pace)
        self.network = Network(seed, pace)
        self.ids = CountingIds(seed * 1_000)
        self.members: list[Member] = []
        self.gateways: list[Gateway] = []
        self.processes: list[Process] = []
        self.words: list[Word] = []
        self.late_chance = 0.0
        self._seed = seed
        self._tasks: set[asyncio.Task[Any]] = set()
        self._begun = 0

    # ---- processes

    def spawn(self, work: Coroutine[Any, Any, Any], process: Process = OUTSIDE) -> None:
        """Begins something in a process."""
        self._tasks.add(task := self.loop.create_task(work, context=process.context.copy()))
        task.add_done_callback(self._tasks.discard)

    def _process(self, what: str) -> Process:
        self._begun += 1
        process = Process(f"{what}{self._begun}")
        self.processes.append(process)
        return process

    @property
    def alive(self) -> list[Member]:
        """Hosts that run."""
        return [member for member in self.members if member.process.state == "running"]

    @property
    def serving(self) -> list[Gateway]:
        """Gateways that run."""
        return [gateway for gateway in self.gateways if gateway.process.state == "running"]

    # ---- hosts

    def begin_host(self) -> None:
        """A new host with a new id, as Ray's restart makes one."""
        process = self._process("host")
        clock = SimulatedClock(self.loop, mono_offset=self.dice.uniform(0, 10_000))
        dice = Random(f"{self._seed}:{process.name}")
        sessions = MemorySessionStore(self.storage, facts, directory_facts)
        flushes = RemoteFlushes(self.wire, MemoryFlushStore(self.storage), dice)
        flushes.late_chance = self.late_chance
        owners = Random(f"{self._seed}:{process.name}:owners")
        leases = RemoteLeases(self.wire, MemoryLeaseStore(self.storage), owners)
        leases.lost_chance = 3 * self.late_chance
        ports = Ports(
            kinds=Kinds([MEDIATION], [DIRECTORY]),
            flushes=flushes,
            leases=cast(LeaseStore, leases),
            sessions=cast(SessionStore, Remote(self.wire, sessions)),
            renderer=EchoRenderer(),
            clock=clock,
            ids=self.ids,
            limits=LIMITS,
        )
        host = Host(process.name, ports, lambda: self._fenced(member))
        member = Member(process, host, clock)
        member.flushes, member.leases = flushes, leases
        reactions = SlowFacilitator(self.wire, self.storage, self.ids, dice)
        reactions.host = host
        self.members.append(member)
        self.spawn(self._start(member, reactions), process)

    async def _start(self, member: Member, reactions: SlowFacilitator) -> None:
        name = member.process.name
        listener = Listener(member.host, member.process, lambda: self._spoken(name))
        self.network.listeners[name] = listener
        try:
            await member.host.start(name, reactions)
        except (StoreUnavailable, Fenced):
            self._fenced(member)

    def _spoken(self, host_id: str) -> None:
        lease = self.storage.leases.get(host_id)
        taken = lease is not None and lease.dead
        self.words.append(Word(self.loop.time(), host_id, taken))

    def _fenced(self, member: Member) -> None:
        """The process ends by itself, and Ray starts another."""
        self.network.gone(member.process, lost=False)
        self.loop.kill(member.process)
        self.spawn(self._restarted())

    async def _restarted(self) -> None:
        await asyncio.sleep(RESTART_SECONDS * self.dice.uniform(0.5, 1.5))
        self.begin_host()

    def kill_host(self, member: Member, *, proven: bool) -> None:
        """kill -9. `proven`: the supervisor sees the death and tells the others at once."""
        self.loop.kill(member.process)
        self.network.gone(member.process, lost=self.dice.random() < 0.5)
        if proven:
            self.spawn(self._tell_death(member.host.host_id))
        self.spawn(self._restarted())

    async def _tell_death(self, host_id: str) -> None:
        await asyncio.sleep(self.dice.uniform(0.005, 0.1))
        for member in self.alive:
            self.spawn(self._adopt(member, host_id), member.process)

    async def _adopt(self, member: Member, dead: str) -> None:
        if hasattr(member.host, "placement"):
            try:
                await member.host.adopt(dead)
            except (StoreUnavailable, Fenced):
                return

    def freeze_host(self, member: Member, seconds: float) -> None:
        """SIGSTOP, and SIGCONT later."""
        self.loop.freeze(member.process)
        self.loop.call_later(seconds, self._thaw, member.process, context=OUTSIDE.context.copy())

    def _thaw(self, process: Process) -> None:
        if process.state == "frozen":
            self.loop.thaw(process)

    def drain_host(self, member: Member) -> None:
        """A planned restart."""
        self.spawn(self._drain(member), member.process)

    async def _drain(self, member: Member) -> None:
        if not hasattr(member.host, "lease"):
            return
        await member.host.drain()
        self._fenced(member)

    # ---- gateways

    def begin_gateway(self) -> None:
        """A new gateway."""
        process = self._process("gateway")
        clock = SimulatedClock(self.loop, mono_offset=self.dice.uniform(0, 10_000))
        routing = cast(Routing, Remote(self.wire, MemoryLeaseStore(self.storage)))
        router = Router(routing, self.network.dialer(process), clock)
        self.gateways.append(Gateway(process, router, self.network.pace))
        self.spawn(router.start(), process)

    def kill_gateway(self, gateway: Gateway) -> None:
        """kill -9; another one comes soon."""
        self.loop.kill(gateway.process)
        self.network.gone(gateway.process, lost=self.dice.random() < 0.5)
        for ear in list(gateway.ears):
            ear.hang_up()
        self.spawn(self._another_gateway())

    async def _another_gateway(self) -> None:
        await asyncio.sleep(self.dice.uniform(0.2, 1.0))
        self.begin_gateway()

    # ---- the database

    def cut_flushes(self, luck: float) -> None:
        """Some flushes and changes of owners are cut before, after, or long before they are
        carried out."""
        chance = 0.2 + luck / 2
        kinds: tuple[Cut, ...] = ("before", "after")
        self.storage.cut = lambda: self.dice.choice(kinds) if self.dice.random() < chance else ""
        self.late_chance = chance / 3
        self._set_late()

    def mend_flushes(self) -> None:
        """No more cuts."""
        self.storage.cut = lambda: ""
        self.late_chance = 0.0
        self._set_late()

    def _set_late(self) -> None:
        for member in self.members:
            member.flushes.late_chance = self.late_chance
            member.leases.lost_chance = 3 * self.late_chance
