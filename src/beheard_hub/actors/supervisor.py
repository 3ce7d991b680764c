"""Starts Ray and the session hosts, notices deaths, tells survivors, drains everything at the end.

A death on this machine is seen in milliseconds through the process itself (pidfd), elsewhere
through Ray (1-2 s). Survivors adopt the dead host's shards at once; Ray's restart only refills the
pool, and the new host gets its share back by and by.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import ray

from beheard_hub import telemetry
from beheard_hub.actors.deaths import gone
from beheard_hub.actors.session_host import ACTOR_NAME, Handle, HostAddress, HostOrder, create
from beheard_hub.observability.metrics import HOST_DEATHS
from beheard_hub.settings import SetupError

NAMESPACE = "beheard"
OBJECT_STORE_BYTES = 80 * 1024 * 1024
"""Nothing large goes through it; Ray's minimum is 75 MB."""
START_SECONDS_MAX = 60.0
RETRY_SECONDS = 0.2
ADOPT_SECONDS_MAX = 5.0
DRAIN_SECONDS_MAX = 15.0
HAND_OVER_SECONDS_MAX = 10.0

_log = telemetry.logger("supervisor")


class RayOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How Ray is reached or started."""

    address: str | None = None
    """None: a Ray of our own on this machine, which ends with us."""
    cpus: int = 2
    dashboard_port: int | None = None
    """Of Ray's dashboard, on loopback only, for who has Ray's token; 0: any free one; None: there
    is none."""
    token_file: Path | None = None
    """Holds what a Ray of our own asks everybody for; None: Ray keeps one for all Rays of this
    system user, in the user's home."""


AUTH_MODE, TOKEN = "RAY_AUTH_MODE", "token"

OWN_RAY: Mapping[str, str] = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
}
"""What a Ray of our own is told by its environment, unless the operator says otherwise: no usage
reports to its makers, and hosts as urgent as the hub (Ray's workers run at nice 15 otherwise)."""
TOKEN_PATH = "RAY_AUTH_TOKEN_PATH"  # noqa: S105 (a variable of Ray)
TOKEN_VARIABLES = (AUTH_MODE, "RAY_AUTH_TOKEN", TOKEN_PATH)
"""Where the operator has set one of these, Ray asks for that."""


async def start_ray(options: RayOptions, environ: MutableMapping[str, str] | None = None) -> Path:
    """Connects to a cluster, or starts a Ray of our own (3-7 s), and answers the folder of Ray's
    session on this machine; its logs are there.

    `environ` is the environment that Ray's processes inherit, from the one place that reads it;
    with it a Ray of our own gets `OWN_RAY`. A cluster is left as it is. To be called in the main
    thread, which alone may say who hears a signal. Raises ConnectionError.
    """
    if environ is not None and options.address is None:
        for name, value in OWN_RAY.items():
            environ.setdefault(name, value)
        if options.token_file is not None and not any(map(environ.get, TOKEN_VARIABLES)):
            environ[TOKEN_PATH] = str(options.token_file)
    common: dict[str, Any] = {
        "namespace": NAMESPACE,
        "log_to_driver": False,
        "configure_logging": False,
    }
    if options.address is None:
        common |= {
            "address": "local",
            "num_cpus": options.cpus,
            "object_store_memory": OBJECT_STORE_BYTES,
            "include_dashboard": options.dashboard_port is not None,
            "dashboard_host": "127.0.0.1",
            "dashboard_port": options.dashboard_port,
        }
    else:
        common["address"] = options.address
    if options.dashboard_port is not None:
        _demand_token(environ or {})
    _quieten(logging.getLogger("ray"))
    context: Any = await asyncio.to_thread(ray.init, **common)
    _hear_again()
    if options.dashboard_port is not None:
        _log.info("ray_dashboard_open", endpoint=context.dashboard_url)
    return Path(context.address_info["session_dir"])


def _quieten(library: logging.Logger) -> None:
    """What Ray says leaves like the lines of any library, as JSON; among it is the advice to switch
    its token off."""
    library.handlers.clear()
    library.propagate = True
    library.setLevel(logging.WARNING)


def _hear_again() -> None:
    """Gives SIGTERM back to whoever in this process hears it. `ray.init` puts a handler of its own
    there, which aborts the process three seconds after the signal, in the middle of the drain."""
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
    signal.alarm(0)  # one that came meanwhile has set the clock


def _demand_token(environ: Mapping[str, str]) -> None:
    """Whoever reaches the dashboard runs code as us: Ray asks for its token unless it is told not
    to. Raises SetupError."""
    mode = environ.get(AUTH_MODE, TOKEN)
    if mode.lower() != TOKEN:
        raise SetupError(
            f"{AUTH_MODE}={mode} would open Ray's dashboard to everybody on this machine.",
            f"Leave {AUTH_MODE} out, or end BEHEARD_RAY_DASHBOARD.",
        )


async def stop_ray() -> None:
    """Ends a Ray that `start_ray` started; leaves a cluster alone."""
    await asyncio.to_thread(ray.shutdown)


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
        name = f"{ACTOR_NAME}{number}" if self._detached else None
        if name is not None:
            _sweep(name)
        return _Member(create(self._order, number, name, node_id), number)

    async def stop(self) -> None:
        """Drains all hosts and ends them."""
        await asyncio.gather(*(_unwatched(member) for member in self._members))
        await asyncio.gather(*(self._drain(member) for member in self._members))
        self._members.clear()

    # ---- the pool changes while it serves

    async def rows(self) -> list[HostRow]:
        """Every host, with the counts of those that answer."""
        members = sorted(self._members, key=lambda member: member.number)
        calls = [_call(member.handle.stats, ADOPT_SECONDS_MAX) for member in members]
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
            await self._remove(old)

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
                await self._remove(old)
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
            await _call(member.handle.hand_over, HAND_OVER_SECONDS_MAX)
        except (TimeoutError, ray.exceptions.RayError) as error:  # the others adopt what it has
            _log.warning("host_drain_failed", number=member.number, error=type(error).__name__)
        calls = [_call(other.handle.notice, ADOPT_SECONDS_MAX) for other in self._members]
        await asyncio.gather(*calls, return_exceptions=True)  # they look by themselves too

    async def role_changed(self, user_id: str) -> None:
        """Tells every host that this user has another role; one that does not hear asks by itself
        within seconds (`observers`)."""
        calls = [_call(m.handle.role_changed, ADOPT_SECONDS_MAX, user_id) for m in self._members]
        await asyncio.gather(*calls, return_exceptions=True)

    async def stats(self) -> list[dict[str, int]]:
        """Counts of every host that answers."""
        calls = [_call(member.handle.stats, ADOPT_SECONDS_MAX) for member in self._members]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        return [answer for answer in answers if isinstance(answer, dict)]

    async def _start(self, member: _Member) -> None:
        member.address = await _call(member.handle.start, START_SECONDS_MAX, self._embedders)
        assert member.address is not None
        async with self._change:
            self._change.notify_all()
        _log.info("host_started", host_id=member.address.host_id, host_pid=member.address.pid)

    async def _drain(self, member: _Member) -> None:
        try:
            await _call(member.handle.drain, DRAIN_SECONDS_MAX)
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
            calls = [_call(member.handle.adopt, ADOPT_SECONDS_MAX, dead) for member in alive]
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


async def _call(method: Any, seconds: float, *args: object) -> Any:
    """One control call. Raises TimeoutError, RayError."""
    async with asyncio.timeout(seconds):
        return await method.remote(*args)


def _sweep(name: str) -> None:
    """Ends a detached host that an earlier hub left in our namespace."""
    with contextlib.suppress(ValueError):
        ray.kill(ray.get_actor(name, namespace=NAMESPACE), no_restart=True)
