"""A real host with very many sessions: real cells, turns, sweeps and write-behind over stores that
are stubs, because Postgres' own work is no part of what is measured (memory, pauses and CPU of the
host's process). Loads decode real facts (`sample.py`), flushes are encoded and then dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from beheard_hub.actors.activation import ActivationLimits
from beheard_hub.actors.cell import Kinds
from beheard_hub.actors.host import Host, Ports
from beheard_hub.domain.kernel import Json, Loaded
from beheard_hub.domain.mediation.kind import DIRECTORY, MEDIATION
from beheard_hub.ports import DueReminder, Lease, StateView
from beheard_hub.runtime import SystemClock, SystemIds
from beheard_hub.testing.echoes import EchoRenderer, RecordingReactions
from beheard_hub.testing.memory_stores import MemoryDatabase, MemoryLeaseStore, MemorySessionStore
from bench.caller import Caller
from bench.sample import NOW, Template, number_of, session_id

AT_ONCE = 200
"""Sessions that are asked for, or commanded, before anything is awaited."""
TOGGLE = ("session.pause", "session.resume")


class _StandingClock(SystemClock):
    """Real deadlines; the time of day stands still, so that no command is the first one of its
    minute (which writes one row more) in the large host and not in the small one."""

    def now(self) -> datetime:
        return NOW


class _Dropped:
    """`FlushStore` whose commits are there at once."""

    async def flush(self, lease: Lease, number: int, batch: bytes) -> None:
        await asyncio.sleep(0)


class _Copies(MemorySessionStore):
    """`SessionStore` in which every session exists: copies of the played ones in turn."""

    def __init__(self, database: MemoryDatabase, templates: Sequence[Template]) -> None:
        super().__init__(database, lambda _, session: self.copy(session), self._nobody)
        self._templates = templates

    def copy(self, session: str) -> Loaded:
        """Facts of that session, decoded anew."""
        number = number_of(session)
        return self._templates[number % len(self._templates)].copy(number)

    def _nobody(self, database: MemoryDatabase, user_id: str) -> Loaded:
        return Loaded(session_id=f"user:{user_id}", facts={"user": None, "relationships": []})

    async def reminders(
        self, shards: Sequence[int], now: datetime, at_once: Collection[str],
        after: DueReminder | None, limit: int,
    ) -> Sequence[DueReminder]:  # fmt: skip
        return []


class _Shown(EchoRenderer):
    """Renders nothing: replies of the commands in use need no read."""

    async def render(
        self, kind: str, view: StateView | None, user_id: str, session_id: str, data: Json
    ) -> Json:
        raise AssertionError("no reply of this bench needs a read")


class _Forgetful(RecordingReactions):
    """Reactions to nothing, that remember nothing."""

    def cancelled(self, session_id: str, effects: Sequence[str]) -> None:
        return


class Crowd:
    """One started host and the number of sessions that it holds."""

    def __init__(self, host: Host, templates: Sequence[Template]) -> None:
        self.host = host
        self._templates = templates
        self._caller = Caller(host)
        self._turns: dict[int, int] = {}

    @classmethod
    async def start(cls, templates: Sequence[Template], limits: ActivationLimits) -> Crowd:
        """A host that owns every shard."""
        clock = _StandingClock()
        database = MemoryDatabase(clock)
        ports = Ports(
            kinds=Kinds([MEDIATION], [DIRECTORY]),
            flushes=_Dropped(),
            leases=MemoryLeaseStore(database),
            sessions=_Copies(database, templates),
            renderer=_Shown(),
            clock=clock,
            ids=SystemIds(),
            limits=limits,
        )
        host = Host("bench", ports, lambda: None)
        await host.start("bench", _Forgetful())
        return cls(host, templates)

    async def activate(self, numbers: range) -> None:
        """Loads these sessions into cells, by the host's own activation."""
        activation = self.host.activation
        for start in range(numbers.start, numbers.stop, AT_ONCE):
            wave = range(start, min(start + AT_ONCE, numbers.stop))
            await asyncio.gather(*(activation.cell(session_id(n)) for n in wave))

    async def command(self, numbers: Sequence[int], at_once: int = AT_ONCE) -> None:
        """One command to each of these sessions, acked. Raises RuntimeError."""
        while not self.host.answering():
            await asyncio.sleep(0.01)
        for start in range(0, len(numbers), at_once):
            for number in numbers[start : start + at_once]:
                turn = self._turns[number] = self._turns.get(number, -1) + 1
                user = self._templates[number % len(self._templates)].user(number)
                data: Mapping[str, Any] = {}
                self._caller.post(user, session_id(number), TOGGLE[turn % 2], data)
            await self._caller.settled()

    async def packed(self) -> None:
        """Waits until the host's own sweep has packed all of them."""
        while self.host.activation.live:
            await asyncio.sleep(0.05)
