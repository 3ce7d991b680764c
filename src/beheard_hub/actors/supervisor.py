"""Starts the session hosts, notices deaths, tells survivors, drains everything at the end.

A death on this machine is seen in milliseconds through the process itself (pidfd), elsewhere
through Ray (1-2 s). Survivors adopt the dead host's shards at once; Ray's restart only refills the
pool, and the new host gets its share back by and by.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import ray

from beheard_hub import telemetry
from beheard_hub.actors.deaths import gone
from beheard_hub.actors.handing_over import call, hand_over, met
from beheard_hub.actors.ray_cluster import NAMESPACE
from beheard_hub.actors.session_host import ACTOR_NAME, Handle, HostAddress, HostOrder, create
from beheard_hub.observability.metrics import HOST_DEATHS

START_SECONDS_MAX = 60.0
RETRY_SECONDS = 0.2
ADOPT_SECONDS_MAX = 5.0
DRAIN_SECONDS_MAX = 15.0

_log = telemetry.logger("supervisor")


class NotPossible(Exception):
    """A change of the pool that cannot be made; its text is a sentence for the operator."""


class HostRow(msgspec.Struct, frozen=True):
    """One host, as an operator sees it."""

    number: int
    """Its place in the pool, and the name of its log file."""
    host_id: str | None
    """None while it is being started again."""
    pid: int | None
    node_id: str | None
    stats: Mapping[str, int] = {}


class _Member:
    """One place in the pool: the same Ray actor through all its restarts."""

    def __init__(self, handle: Handle, number: int) -> None:
        self.handle = handle
        self.number = number
        self.address: HostAddress | None = None
        self.watch: asyncio.Task[None] | None = None


class Supervisor:
    """The pool of session hosts."""

    def __init__(
        self,
        order: HostOrder,
        count: int,
        embedders: Sequence[Any] = (),
        *,
        detached: bool = False,
    ) -> None:
        """`embedders` are handles of the embedding actors, whom hosts tell of new text."""
        self._order = order
        self._count = count
        self._embedders = embedders
        self._detached = detached
        self._members: list[_Member] = []
        self._changing = asyncio.Lock()
        """One change of the pool at a time."""
        self._orphaned: list[str] = []
        """Dead hosts whose shards nobody has adopted yet."""
        self.deaths = 0
        self._change = asyncio.Condition()

    @property
    def addresses(self) -> list[HostAddress]:
        """Hosts that serve now."""
        return [member.address for member in self._members if member.address is not None]

    @property
    def named(self) -> dict[str, Handle]:
        """All hosts by the name of their process."""
        return {f"session-host-{member.number}": member.handle for member in self._members}

    @property
    def placed(self) -> dict[int, str] | None:
        """The machine of every host, by its number; None while one is missing."""
        if self.missing:
            return None
        return {m.number: m.address.node_id for m in self._members if m.address is not None}

    @property
    def missing(self) -> int:
        """How many hosts should serve and do not."""
        return len(self._members) - len(self.addresses)

    async def changed(self, condition: Callable[[list[HostAddress]], bool]) -> None:
        """Waits until the hosts that serve are as `condition` wants them."""
        async with self._change:
            await self._change.wait_for(lambda: condition(self.addresses))

    async def start(self) -> None:
        """Starts all hosts; returns when they serve. Raises TimeoutError, or what the factory
        raised."""
        for number in range(self._count):
            self._members.append(self._make(number))
        async with asyncio.timeout(START_SECONDS_MAX):
            await asyncio.gather(*(self._start(member) for member in self._members))
        for member in self._members:
            member.watch = asyncio.create_task(self._watch(member))

    def _make(self, number: int, node_id: str | None = None) -> _Member:
        if self._detached:
            _sweep(f"{ACTOR_NAME}{number}")
        host = create(self._order, number, detached=self._detached, node_id=node_id)
        return _Member(host, number)

    async def stop(self) -> None:
        """Drains all hosts and ends them."""
        await asyncio.gather(*(_unwatched(member) for member in self._members))
        await asyncio.gather(*(self._drain(member) for member in self._members))
        self._members.clear()

    # ---- the pool changes while it serves

    async def rows(self) -> list[HostRow]:
        """Every host, with the counts of those that answer."""
        members = sorted(self._members, key=lambda member: member.number)
        calls = [call(member.handle.stats, ADOPT_SECONDS_MAX) for member in members]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        return [_row(member, answer) for member, answer in zip(members, answers, strict=True)]

    async def add(self) -> int:
        """Starts one more host, which gets its share of the sessions by and by; returns its number.

        Raises NotPossible.
        """
        async with self._changing:
            return (await self._add()).number

    async def remove(self, number: int) -> None:
        """Ends a host whose sessions move to the others first. Raises NotPossible."""
        async with self._changing:
            member = self._numbered(number)
            if len(self._members) == 1:
                raise NotPossible("This is the only session host; add another one first.")
            await self._remove(member)

    async def relocate(self, number: int, node_id: str) -> None:
        """Puts a new host on that machine of the cluster in the place of one elsewhere: it serves
        before the old one hands over. Raises NotPossible."""
        async with self._changing:
            old, new = self._numbered(number), await self._add(node_id)
            if new.address is None or new.address.node_id != node_id:
                await self._remove(new)
                raise NotPossible("The machine took no session host.")
            await self._replace(old, new)

    def _numbered(self, number: int) -> _Member:
        for member in self._members:
            if member.number == number:
                return member
        raise NotPossible(f"There is no session host {number}.")

    async def restart(self, on_step: Callable[[str], None]) -> None:
        """Puts a new host in the place of each, one after the other: the new one serves before the
        old one hands over. Raises NotPossible."""
        async with self._changing:
            for old in list(self._members):
                new = await self._add()
                await self._replace(old, new)
                on_step(f"session host {old.number} gave way to {new.number}")

    async def _add(self, node_id: str | None = None) -> _Member:
        taken = {member.number for member in self._members}
        member = self._make(min(set(range(len(taken) + 1)) - taken), node_id)
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                await self._start(member)
        except (TimeoutError, ray.exceptions.RayError) as error:
            _end(member)
            raise NotPossible("A session host did not start; its log file says why.") from error
        self._members.append(member)
        member.watch = asyncio.create_task(self._watch(member))
        return member

    async def _replace(self, old: _Member, new: _Member) -> None:
        with contextlib.suppress(ray.exceptions.RayError):  # one of them is dead: it will be seen
            await met(new.handle, old.handle)
        await self._remove(old)

    async def _remove(self, member: _Member) -> None:
        await _unwatched(member)
        leaving, self._members = member, [m for m in self._members if m is not member]
        if leaving.address is not None:
            await self._hand_over(leaving)
            self._orphaned.append(leaving.address.host_id)  # whatever it could not give
        await self._drain(leaving)
        await self._adopt()
        async with self._change:
            self._change.notify_all()

    async def _hand_over(self, member: _Member) -> None:
        try:
            await hand_over(member.handle.hand_over, [other.handle for other in self._members])
        except (TimeoutError, ray.exceptions.RayError) as error:  # the others adopt what it has
            _log.warning("host_drain_failed", number=member.number, error=type(error).__name__)

    async def role_changed(self, user_id: str) -> None:
        """Tells every host that this user has another role; one that does not hear asks by itself
        within seconds (`observers`)."""
        calls = [call(m.handle.role_changed, ADOPT_SECONDS_MAX, user_id) for m in self._members]
        await asyncio.gather(*calls, return_exceptions=True)

    async def stats(self) -> list[dict[str, int]]:
        """Counts of every host that answers."""
        calls = [call(member.handle.stats, ADOPT_SECONDS_MAX) for member in self._members]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        return [answer for answer in answers if isinstance(answer, dict)]

    async def _start(self, member: _Member) -> None:
        member.address = await call(member.handle.start, START_SECONDS_MAX, self._embedders)
        assert member.address is not None
        async with self._change:
            self._change.notify_all()
        _log.info("host_started", host_id=member.address.host_id, host_pid=member.address.pid)

    async def _drain(self, member: _Member) -> None:
        try:
            await call(member.handle.drain, DRAIN_SECONDS_MAX)
        except (TimeoutError, ray.exceptions.RayError) as error:
            _log.warning("host_drain_failed", number=member.number, error=type(error).__name__)
        _end(member)

    async def _watch(self, member: _Member) -> None:
        """From one death of a member to the next."""
        while True:
            assert member.address is not None
            await gone(member.handle, member.address)
            dead, member.address = member.address, None
            self.deaths += 1
            HOST_DEATHS.inc()
            _log.warning("host_died", host_id=dead.host_id, host_pid=dead.pid)
            self._orphaned.append(dead.host_id)
            await self._adopt()
            await self._restart(member)
            await self._adopt()

    async def _restart(self, member: _Member) -> None:
        """Ray starts the process; we start the host in it."""
        while member.address is None:
            try:
                await self._start(member)
            except (TimeoutError, ray.exceptions.RayError) as error:
                _log.info("host_not_back", number=member.number, error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _adopt(self) -> None:
        """Tells everybody who is alive which hosts are dead."""
        for dead in list(self._orphaned):
            alive = [member for member in self._members if member.address is not None]
            calls = [call(member.handle.adopt, ADOPT_SECONDS_MAX, dead) for member in alive]
            taken = await asyncio.gather(*calls, return_exceptions=True)
            if any(isinstance(count, int) for count in taken) and dead in self._orphaned:
                self._orphaned.remove(dead)


def _row(member: _Member, answer: object) -> HostRow:
    stats = answer if isinstance(answer, dict) else {}
    if member.address is None:
        return HostRow(member.number, None, None, None, stats)
    address = member.address
    return HostRow(member.number, address.host_id, address.pid, address.node_id, stats)


async def _unwatched(member: _Member) -> None:
    """Its end is no death any more."""
    if member.watch is not None:
        member.watch.cancel()
        await asyncio.gather(member.watch, return_exceptions=True)


def _end(member: _Member) -> None:
    with contextlib.suppress(ray.exceptions.RayError, ValueError):
        ray.kill(member.handle, no_restart=True)


def _sweep(name: str) -> None:
    """Ends a detached host that an earlier hub left in our namespace."""
    with contextlib.suppress(ValueError):
        ray.kill(ray.get_actor(name, namespace=NAMESPACE), no_restart=True)
