"""Hosts over one database in memory, and a gateway that remembers everything it receives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

from beheard_hub.actors.activation import ActivationLimits
from beheard_hub.actors.attending import ATTEND_SECONDS
from beheard_hub.actors.cell import Kinds
from beheard_hub.actors.host import Host, Ports
from beheard_hub.actors.placement import WATCH_SECONDS
from beheard_hub.actors.tending import SWEEP_SECONDS
from beheard_hub.link_messages import (
    Acked,
    CommandTo,
    EventFrom,
    Refused,
    SubscribeTo,
    ToGateway,
)
from beheard_hub.ports import Sleep
from beheard_hub.testing.echoes import EchoRenderer, RecordingReactions
from beheard_hub.testing.memory_stores import (
    CountingIds,
    ManualClock,
    MemoryDatabase,
    MemoryFlushStore,
    MemoryLeaseStore,
    MemorySessionStore,
)
from tests.unit.actors.toy import Toy, ToyDirectory, directory_facts, facts

M = TypeVar("M")
LOOP_SECONDS = (WATCH_SECONDS, SWEEP_SECONDS, ATTEND_SECONDS)


async def soon() -> None:
    """Host loops sleep on this: a few turns of the loop, no time."""
    for _ in range(3):
        await asyncio.sleep(0)


class Sleeper:
    """`Sleep` that ends only when the test wakes it."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []

    async def __call__(self, seconds: float) -> None:
        if seconds not in LOOP_SECONDS:  # retries go on by themselves
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        await future

    def wake(self) -> None:
        """All loops go round once."""
        waiting, self.waiting = self.waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


class Peer:
    """A gateway's line that remembers; `commands` are sent straight into the host."""

    def __init__(self, host: Host, gateway_id: str = "gateway") -> None:
        self.gateway_id = gateway_id
        self.host = host
        self.received: list[ToGateway] = []
        self._rid = 0
        self._sub = 0
        self.afters: dict[int, int | None] = {}
        host.attached(self)

    def send(self, message: ToGateway) -> None:
        self.received.append(message)

    def command(
        self, name: str, user: str = "ann", command_id: str = "", session: str = "s1", **data: Any
    ) -> int:
        self._rid += 1
        rid = self._rid
        message = CommandTo(rid, user, command_id or f"c{rid}", name, data, session)
        self.host.received(self, message)
        return rid

    def subscribe(self, user: str = "ann", session: str = "s1", after: int | None = None) -> int:
        self._sub += 1
        self.afters[self._sub] = after
        self.host.received(self, SubscribeTo(self._sub, user, session, after))
        return self._sub

    def watch(self, user: str = "rita", session: str = "s1", after: int | None = None) -> int:
        """As an observer."""
        self._sub += 1
        self.host.received(self, SubscribeTo(self._sub, user, session, after, observer=True))
        return self._sub

    def answers(self, rid: int) -> list[ToGateway]:
        return [m for m in self.received if getattr(m, "rid", None) == rid]

    async def answer(self, rid: int) -> ToGateway:
        await until(lambda: self.answers(rid), f"answer to {rid}")
        answers = self.answers(rid)
        assert len(answers) == 1, "one answer each"
        return answers[0]

    async def acked(self, rid: int) -> Acked:
        answer = await self.answer(rid)
        assert isinstance(answer, Acked), answer
        return answer

    async def refused(self, rid: int) -> Refused:
        answer = await self.answer(rid)
        assert isinstance(answer, Refused), answer
        return answer

    def events(self, sub: int) -> list[EventFrom]:
        return [m for m in self.received if isinstance(m, EventFrom) and sub in m.subs]

    def of(self, kind: type[M]) -> list[M]:
        return [m for m in self.received if isinstance(m, kind)]


async def until(condition: Callable[[], Any], what: str) -> None:
    """Lets the loop turn until something is true; says what did not come."""
    for _ in range(20_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError(f"waited in vain for: {what}")


class World:
    """A database and the hosts on it."""

    def __init__(self, limits: ActivationLimits | None = None) -> None:
        self.clock = ManualClock()
        self.database = MemoryDatabase(self.clock)
        self.sessions = MemorySessionStore(self.database, facts, directory_facts)
        self.renderer = EchoRenderer()
        self.reactions = RecordingReactions()
        self.sleeper = Sleeper()
        self.sleep: Sleep = self.sleeper
        self.ids = CountingIds()
        self.limits = limits or ActivationLimits()
        self.hosts: list[Host] = []
        self.fenced: list[str] = []

    def session(self, session_id: str = "s1", *members: str) -> None:
        tables = self.database.tables
        tables.setdefault("Session", []).append({"id": session_id})
        for member in members or ("ann", "bob"):
            row = {"sessionId": session_id, "userId": member}
            tables.setdefault("Member", []).append(row)
        invitation = {"id": f"invitation-{session_id}", "sessionId": session_id}
        tables.setdefault("Invitation", []).append(invitation)

    def real_time(self) -> None:
        """For hosts in processes of their own, which nobody wakes."""
        self.clock.mono = time.monotonic  # type: ignore[method-assign]
        self.sleep = asyncio.sleep

    def make(self, host_id: str, on_fenced: Callable[[], None]) -> Host:
        ports = Ports(
            kinds=Kinds([Toy()], [ToyDirectory()]),
            flushes=MemoryFlushStore(self.database),
            leases=MemoryLeaseStore(self.database),
            sessions=self.sessions,
            renderer=self.renderer,
            clock=self.clock,
            ids=self.ids,
            sleep=self.sleep,
            limits=self.limits,
        )
        return Host(host_id, ports, on_fenced)

    async def host(self, host_id: str = "h1") -> Host:
        host = self.make(host_id, lambda: self.fenced.append(host_id))
        await host.start(f"memory:{host_id}", self.reactions)
        self.hosts.append(host)
        return host

    async def stop(self) -> None:
        self.database.available = True
        self.database.stall = None
        for host in self.hosts:
            host.fenced_off = True
            await host.drain()
