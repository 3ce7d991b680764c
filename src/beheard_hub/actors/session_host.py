"""One session host as a Ray actor: Ray places, starts, restarts and names it, and carries control.

Messages never travel by Ray (spec 01): the host listens on a socket of its own and writes the
address into its lease. A restart by Ray runs only `__init__`; the supervisor then calls `start`,
and the host that begins is a new one, with a new id, epoch and socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import msgspec
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from beheard_hub import telemetry, unix_sockets
from beheard_hub.actors import gauges
from beheard_hub.actors.embedding_actor import Hints
from beheard_hub.actors.host import Host
from beheard_hub.actors.measuring import Measuring
from beheard_hub.links import tls
from beheard_hub.links.socket_link import LinkServer
from beheard_hub.observability.metrics import HOST
from beheard_hub.setting_values import NODE

NICENESS_OF_RAY = 15
FENCED_EXIT_CODE = 3
CPUS = 0.001
"""Nearly none, since Ray does not divide a core: but more than a machine has that offers none, so a
cluster's head and the supervisor's own machine stay free of hosts and embedding actors."""

_log = telemetry.logger("host")


class HostOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a host process is told; travels in a Ray call, never in a log."""

    factory: str
    """``module:function``, called as ``await f(runtime, host_id, on_fenced, tell)`` →
    `RunningHost`; `tell` is called after every commit that brought text."""
    runtime: Any
    """Handed to the factory as it is."""
    secret: str
    folder: str
    """Where unix sockets go."""
    log_level: str = "info"
    logs: str = ""
    """Folder of log files on the host's machine; empty: lines go to stderr, which Ray keeps."""
    metrics: str = ""
    """Folder for the numbers of this process; empty: only Ray has them."""
    bind: str = ""
    """Empty: a unix socket; else the address of a TCP listener, or `NODE`."""
    cert: str = ""
    """With `bind`: files on the host's machine, for TLS."""
    key: str = ""

    def __repr__(self) -> str:
        return f"HostOrder({self.factory})"


class RunningHost(Protocol):
    """What the factory makes."""

    host: Host

    async def start(self, endpoint: str) -> None:
        """Opens the lease under `endpoint` and begins to serve."""

    async def drain(self) -> None:
        """Flushes, gives the lease back, lets go of everything."""


class HostAddress(msgspec.Struct, frozen=True):
    """A started host, as the supervisor knows it."""

    host_id: str
    endpoint: str
    pid: int
    node_id: str


class SessionHost:
    """The Ray actor; its process title says so."""

    def __init__(self, order: HostOrder, number: int) -> None:
        self._order = order
        self._number = number
        self._running: RunningHost | None = None
        self._server: LinkServer | None = None
        self._measuring: Measuring | None = None
        self._host_id = ""
        if os.nice(0) >= NICENESS_OF_RAY:  # a Ray that is not ours: it knows nothing of our wish
            with contextlib.suppress(OSError):  # needs root; without it we stay nice
                os.nice(-NICENESS_OF_RAY)
        telemetry.configure(order.log_level)
        if order.logs:
            telemetry.keep_in(Path(order.logs) / f"session-host-{number}.log", instead=True)

    def __repr__(self) -> str:
        if self._running is None:
            # Ray asks once, before `start`, and shows that for good
            return f"SessionHost(number={self._number})"
        stats = self._running.host.stats()
        shown = ("shards", "live", "packed", "gateways", "buffered")
        counts = ", ".join(f"{name}={stats[name]}" for name in shown)
        return f"SessionHost(number={self._number}, id={self._host_id[:8]}, {counts})"

    async def start(self, embedders: Sequence[Any]) -> HostAddress:
        """Listens, opens a lease and serves; `embedders` are handles of the embedding actors, which
        are told of new text. Raises StoreUnavailable; calling again is harmless.

        Handles come here and not with the order: Ray keeps a constructor's handles in its object
        store, and could not restart an actor whose arguments are lost there.
        """
        if self._running is None or self._server is None:
            await self._begin(Hints(embedders))
        assert self._server is not None
        node = ray.get_runtime_context().get_node_id()
        return HostAddress(self._host_id, self._server.endpoint, os.getpid(), node)

    async def _begin(self, hints: Hints) -> None:
        order = self._order
        module, _, name = order.factory.partition(":")
        factory = getattr(importlib.import_module(module), name)
        self._host_id = host_id = str(uuid4())
        running: RunningHost = await factory(order.runtime, host_id, self._fenced, hints.tell)
        host = running.host
        server = LinkServer(host, host_id, lambda: host.lease.epoch, order.secret)
        try:
            await running.start(await _listen(server, order))
        except BaseException:
            await server.close()
            await running.drain()
            raise
        self._running, self._server = running, server
        process = f"session-host-{self._number}"
        self._measuring = Measuring(process, HOST, order.metrics, gauges.probe(host))

    def _fenced(self) -> None:
        """Another host has our shards: end at once, Ray starts a new one."""
        if self._server is not None:
            self._server.cut()
        _log.error("host_exits_fenced", host_id=self._host_id)
        sys.stderr.flush()
        os._exit(FENCED_EXIT_CODE)

    async def alive(self) -> None:
        """Never returns: the call fails when the process goes, which is how Ray tells it."""
        await asyncio.Event().wait()

    async def adopt(self, dead_host_id: str) -> int:
        """Takes its part of a dead host's shards; returns how many. Raises StoreUnavailable."""
        return 0 if self._running is None else await self._running.host.adopt(dead_host_id)

    async def notice(self) -> None:
        """Takes up what another host gave to it. Raises StoreUnavailable."""
        if self._running is not None:
            await self._running.host.placement.notice()

    async def hand_over(self) -> int:
        """Gives the next of its shards to others; returns how many. Raises StoreUnavailable."""
        return 0 if self._running is None else await self._running.host.hand_over()

    async def hand_over_at(self, node_id: str) -> int | None:
        """As `hand_over`, on that machine of the cluster; None on any other."""
        here: str = ray.get_runtime_context().get_node_id()
        return await self.hand_over() if here == node_id else None

    async def role_changed(self, user_id: str) -> None:
        """See `Host.role_changed`."""
        if self._running is not None:
            self._running.host.role_changed(user_id)

    async def stats(self) -> dict[str, int]:
        """Counts, no ids."""
        return {} if self._running is None else self._running.host.stats()

    async def numbers(self, node_id: str) -> bytes | None:
        """Of this process, in Prometheus's text format; None on that machine of the cluster, where
        they are in a file, and before `start`."""
        return None if self._measuring is None else self._measuring.numbers_for(node_id)

    async def drain(self) -> None:
        """Answers what it has, gives its lease back and ends its links."""
        running, self._running = self._running, None
        if running is not None:
            await running.drain()
        if self._server is not None:
            await self._server.close()
        if self._measuring is not None:
            await self._measuring.stop()


async def _listen(server: LinkServer, order: HostOrder) -> str:
    """Opens the door for gateways; returns the endpoint for the lease. Raises OSError, SetupError
    (also where the order's files are not on this machine)."""
    if not order.bind:
        path = unix_sockets.place(Path(order.folder), f"host-{server.host_id[:8]}.sock")
        return await server.open(f"unix:{path}")
    own_address: Callable[[], str] = ray.util.get_node_ip_address
    address = own_address() if order.bind == NODE else order.bind
    context = tls.host_context(Path(order.cert), Path(order.key))
    return await server.open(f"tcp:{address}:0", context)


Handle = Any
"""A Ray actor handle of `SessionHost`."""

ACTOR_NAME = "SessionHost-"
"""And its number: the name by which Ray, its dashboard and `beheard drain-node` know one."""


def create(order: HostOrder, number: int, *, detached: bool, node_id: str | None = None) -> Handle:
    """Asks Ray for one host; `detached`: for a cluster that outlives us. `node_id` is the machine
    that it shall live on while that one is there."""
    where = "SPREAD" if node_id is None else NodeAffinitySchedulingStrategy(node_id, soft=True)
    options: dict[str, Any] = {
        "name": f"{ACTOR_NAME}{number}",
        "num_cpus": CPUS,
        "scheduling_strategy": where,
        "max_restarts": -1,
        "max_task_retries": 0,
        "max_concurrency": 16,
        "max_pending_calls": 64,
        "enable_task_events": False,
    }
    if detached:
        options["lifetime"] = "detached"
    make: Callable[..., Any] = ray.remote(SessionHost).options(**options).remote
    return make(order, number)
