"""The session hosts of one hub: Ray actors, or all in one process (`BEHEARD_LINK=inprocess`)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import ray

from beheard_hub import telemetry
from beheard_hub.actors import gauges
from beheard_hub.actors.collecting import Collecting, own_node
from beheard_hub.actors.embedding_actor import EmbeddingOrder, EmbeddingPool
from beheard_hub.actors.ray_cluster import RayOptions, machines, start_ray, stop_ray
from beheard_hub.actors.session_host import HostOrder
from beheard_hub.actors.spreading import Spreading
from beheard_hub.actors.supervisor import Supervisor
from beheard_hub.bootstrap import (
    Around,
    EmbedderParts,
    HostParts,
    as_it_is,
    build_embedder,
    build_host,
)
from beheard_hub.links.inprocess import InprocessNetwork
from beheard_hub.observability import publishing
from beheard_hub.observability.metrics import HOSTS, HOSTS_MISSING
from beheard_hub.outside import RAY_ADVICE, ray_answers
from beheard_hub.persistence.data_dir import kept_secret
from beheard_hub.runtime import Runtime
from beheard_hub.setting_values import AUTO
from beheard_hub.settings import Settings, SetupError, process_environment

RAY_TOKEN = "ray-token"  # noqa: S105 (a file name)
"""File of the data directory: without it nobody talks to a Ray of our own, which runs whatever it
is sent and listens on every address of the machine."""
CLUSTER_LOOKS_MAX = 10
CLUSTER_LOOK_SECONDS = 1.0
"""Between two looks for a cluster that is to be joined."""

_log = telemetry.logger("supervisor")


class Fleet(Protocol):
    """Whatever holds the hosts and gateways."""

    async def start(self) -> None:
        """Returns when every host serves."""

    def look(self) -> None:
        """Sets the gauges of what it holds."""

    async def stop(self) -> None:
        """Drains and ends them."""

    over: asyncio.Event
    """Set when the hub cannot serve any more and nobody will mend it."""

    def pids(self) -> list[int]:
        """Processes of the hosts that serve now."""

    def embedder_pids(self) -> list[int]:
        """Processes of the embedding actors that work now."""

    async def role_changed(self, user_id: str) -> None:
        """The operator gave this user another role: every host follows at once."""

    @property
    def pool(self) -> Supervisor | None:
        """Hosts that can be added and removed; None where there is one in this process."""


class RayFleet:
    """Hosts as Ray actors. `start_ray` must have run."""

    def __init__(self, settings: Settings, runtime: Runtime) -> None:
        order = HostOrder(
            factory="beheard_hub.bootstrap:build_host",
            runtime=runtime,
            secret=runtime.secret,
            folder=str(runtime.path / "sockets"),
            log_level=settings.server.log,
            logs=str(runtime.logs),
            metrics=str(publishing.folder(runtime.path)),
            bind=settings.cluster.link_bind or "",
            cert=str(settings.cluster.link_cert or ""),
            key=str(settings.cluster.link_key or ""),
        )
        self.over = asyncio.Event()
        self._settings = settings
        self._numbers = publishing.folder(runtime.path)
        self._beside: list[asyncio.Task[None]] = []
        detached = settings.cluster.ray_address is not None
        self._embedding = EmbeddingPool(_embedding_order(settings, runtime), detached=detached)
        self.pool = Supervisor(
            order, settings.cluster.hosts, self._embedding.handles, detached=detached
        )

    async def start(self) -> None:
        """Starts every host. Raises SetupError where Ray may put one out of reach."""
        if len(await machines()) > 1:
            check_reach(self._settings)
        await self.pool.start()
        self._embedding.start()
        if self._settings.cluster.ray_address is not None:
            collecting = Collecting(self._numbers, own_node(), self._named)
            self._beside = [
                asyncio.create_task(beside.run()) for beside in (collecting, Spreading(self.pool))
            ]

    def _named(self) -> dict[str, Any]:
        return self.pool.named | self._embedding.named

    def look(self) -> None:
        """Sets the gauges of the hosts."""
        HOSTS.set(len(self.pool.addresses))
        HOSTS_MISSING.set(self.pool.missing)

    async def stop(self) -> None:
        """Drains every host, then ends the embedding actors."""
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        await self.pool.stop()
        await self._embedding.stop()

    def pids(self) -> list[int]:
        """Processes of the hosts that serve now."""
        return [address.pid for address in self.pool.addresses]

    def embedder_pids(self) -> list[int]:
        """Processes of the embedding actors that work now."""
        return self._embedding.pids

    async def role_changed(self, user_id: str) -> None:
        """Tells every host."""
        await self.pool.role_changed(user_id)


def _embedding_order(settings: Settings, runtime: Runtime) -> EmbeddingOrder:
    return EmbeddingOrder(
        factory="beheard_hub.bootstrap:build_embedder",
        runtime=runtime,
        count=settings.embeddings.actors,
        log_level=settings.server.log,
        logs=str(runtime.logs),
        metrics=str(publishing.folder(runtime.path)),
    )


class InprocessFleet:
    """One host in this process; gateways of this process reach it by `network`. Whatever
    BEHEARD_EMBEDDERS says, one embedding worker at most is beside it, as a task."""

    def __init__(self, runtime: Runtime, around: Around = as_it_is) -> None:
        self.over = asyncio.Event()
        self.pool: Supervisor | None = None
        self._runtime = runtime
        self._around = around
        self.network = InprocessNetwork("gateway-inprocess")
        self._parts: HostParts | None = None
        self._embedder: EmbedderParts | None = None
        self._embedding: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Starts the host."""
        host_id = f"inprocess-{uuid4().hex[:12]}"
        endpoint = f"inprocess:{host_id}"
        parts = self._parts = await build_host(
            self._runtime, host_id, self._fenced, self._tell, self._around
        )
        await parts.start(endpoint)
        if self._runtime.settings.embeddings.actors:
            self._embedder = await build_embedder(self._runtime)
            self._embedding = asyncio.create_task(self._embedder.worker.run())
        self.network.listen(endpoint, host_id, parts.host.lease.epoch, parts.host)

    def look(self) -> None:
        """Sets the gauges of the host."""
        HOSTS.set(1)
        if self._parts is not None:
            gauges.probe(self._parts.host)()

    async def stop(self) -> None:
        """Drains the host."""
        if self._parts is not None:
            await self._parts.drain()
        if self._embedding is not None and self._embedder is not None:
            self._embedding.cancel()
            await asyncio.gather(self._embedding, return_exceptions=True)
            await self._embedder.close()

    def pids(self) -> list[int]:
        """None of its own."""
        return []

    def embedder_pids(self) -> list[int]:
        """None of its own."""
        return []

    async def role_changed(self, user_id: str) -> None:
        """Tells the host."""
        if self._parts is not None:
            self._parts.host.role_changed(user_id)

    def _tell(self) -> None:
        if self._embedder is not None:
            self._embedder.worker.wake()

    def _fenced(self) -> None:
        """Another host has our shards. Nobody starts a host anew in this process: it ends."""
        _log.error("host_exits_fenced")
        self.over.set()


def check_reach(settings: Settings) -> None:
    """Refuses settings that work on one machine only. Raises SetupError."""
    for value, variable in (
        (settings.cluster.link_bind, "BEHEARD_LINK_BIND"),
        (settings.database.url, "DATABASE_URL"),
    ):
        if value is None:
            raise SetupError(
                f"The Ray cluster has several machines, and hosts on them need {variable}.",
                f"Set {variable}, or use a Ray of one machine.",
            )


async def start_runtime(settings: Settings) -> Path | None:
    """Starts or joins Ray, where the hosts need it, and answers where Ray keeps this session's
    files on this machine. Raises SetupError where there is no cluster to join."""
    if settings.cluster.link != "socket":
        return None
    token_file = settings.server.data_dir.expanduser().absolute() / RAY_TOKEN
    address = settings.cluster.ray_address
    if address is None:
        kept_secret(token_file)
    options = RayOptions(
        token_file=token_file,
        address=address,
        cpus=settings.cluster.hosts,
        dashboard_port=settings.cluster.dashboard_port,
    )
    if address is None:
        return await start_ray(options, process_environment())
    await _await_cluster(address)
    try:
        return await start_ray(options, process_environment())
    except (ConnectionError, RuntimeError, ray.exceptions.RayError) as wrong:
        raise SetupError(
            f"The Ray cluster at {address} does not let the hub in ({type(wrong).__name__}).",
            "Its version and its token (RAY_AUTH_TOKEN) must be ours; its head's logs say more.",
        ) from None


async def _await_cluster(address: str) -> None:
    """A head that starts at the same time is given a while. Raises SetupError."""
    for _ in range(CLUSTER_LOOKS_MAX):
        if address == AUTO or await asyncio.to_thread(ray_answers, address):
            return
        await asyncio.sleep(CLUSTER_LOOK_SECONDS)
    raise SetupError(f"No Ray cluster answers at {address}.", RAY_ADVICE)


async def stop_runtime(settings: Settings) -> None:
    """Ends what `start_runtime` started."""
    if settings.cluster.link == "socket":
        await stop_ray()
