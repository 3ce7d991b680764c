"""The composition root: the only file that knows every concrete class.

Each process of a running hub is built here from one `Runtime`: session hosts (inside Ray actors, or
all in one process) and gateways. What starts Ray is in `fleet.py`, so that a gateway imports none.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from typing import TypeAlias
from uuid import uuid4

import msgspec
import uvloop

from beheard_hub import telemetry
from beheard_hub.actors.cell import Kinds
from beheard_hub.actors.host import Host, Ports
from beheard_hub.ai.places import operators_list
from beheard_hub.ai.registry import EMBEDDERS, FACILITATORS, Means, embedder, facilitator
from beheard_hub.domain.mediation.directory import DIRECTORY
from beheard_hub.domain.mediation.kind import MEDIATION
from beheard_hub.embeddings.hints import Tell, TellingFlushes
from beheard_hub.embeddings.worker import EmbeddingWorker
from beheard_hub.facilitation import Facilitator, PlanningFacilitator
from beheard_hub.gateway import metrics
from beheard_hub.gateway.auth import LocalKey, TokenIdentities, TokenVerifier
from beheard_hub.gateway.gauges import probe
from beheard_hub.gateway.jwks import JwksVerifier, fetch_by_http
from beheard_hub.gateway.rates import Rates
from beheard_hub.gateway.server import Gateway, build_gateway
from beheard_hub.gateway_processes import GatewayOrder
from beheard_hub.links import tls
from beheard_hub.links.socket_link import SocketDialer
from beheard_hub.observability import publishing
from beheard_hub.observability.metrics import GATEWAY
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.export import PostgresExports
from beheard_hub.persistence.flush_store import PostgresFlushStore
from beheard_hub.persistence.mediation_views import rendered_kinds
from beheard_hub.persistence.renderer import PostgresRenderer
from beheard_hub.persistence.stores import (
    PostgresAccounts,
    PostgresLeaseStore,
    PostgresReadStore,
    PostgresSessionStore,
)
from beheard_hub.persistence.summaries import StoredSummaries
from beheard_hub.persistence.usage import PostgresUsage
from beheard_hub.persistence.vectors import PostgresVectors, Share
from beheard_hub.ports import Clock, LinkDialer
from beheard_hub.reactions.budgets import Budgets
from beheard_hub.reactions.reactor import Reactor
from beheard_hub.reactions.tools import SignToken, Tools
from beheard_hub.runtime import Runtime, SystemClock, SystemIds
from beheard_hub.setting_values import rate
from beheard_hub.settings import Push, Settings, SetupError

GATEWAY_CONNECTIONS_MAX = 4
HOST_CONNECTIONS_MAX = 6
EMBEDDER_CONNECTIONS_MAX = 1
"""Database connections of one process, beside a host's flushing one."""


def check_parts(settings: Settings) -> None:
    """Refuses settings that name a part which this version does not have, a list of places that
    cannot be used, or certificates that would not be accepted. Raises SetupError."""
    for name, known, variable in (
        (settings.ai.facilitator, FACILITATORS, "BEHEARD_FACILITATOR"),
        (settings.embeddings.kind, EMBEDDERS, "BEHEARD_EMBEDDINGS"),
    ):
        if name not in known:
            raise SetupError(
                f"{variable}={name} is not part of this version.",
                f"Set {variable} to {' or '.join(known)}.",
            )
    operators_list(settings.ai)
    cluster = settings.cluster
    if cluster.link_cert and cluster.link_key and cluster.link_ca:
        tls.check(cluster.link_cert, cluster.link_key, cluster.link_ca)


# ---- hosts


class HostParts(msgspec.Struct, frozen=True):
    """A host and what has to be closed with it."""

    host: Host
    reactor: Reactor
    db: Database
    flushes: PostgresFlushStore

    async def start(self, endpoint: str) -> None:
        """Opens the lease under `endpoint` and begins to serve. Raises StoreUnavailable."""
        self.reactor.bind(self.host)
        await self.host.start(endpoint, self.reactor)

    async def drain(self) -> None:
        """Flushes, gives the lease back, and lets go of the database."""
        await self.host.drain()
        await self.reactor.stop()
        await self.flushes.close()
        await self.db.close()


def _tell_nobody() -> None:
    """New text waits for a scan."""


Around: TypeAlias = Callable[[Facilitator], Facilitator]


def as_it_is(facilitator: Facilitator) -> Facilitator:
    """Nothing stands between."""
    return facilitator


def token_signer(push: Push, clock: Clock) -> SignToken | None:
    """What signs tokens of Ably; None without a key."""
    if push.ably_api_key is None:
        return None
    from beheard_hub.push.ably import AblyTokens  # loads slowly: only where used

    return AblyTokens(push.ably_api_key, clock).token_request


async def build_host(
    runtime: Runtime,
    host_id: str,
    on_fenced: Callable[[], None],
    tell: Tell = _tell_nobody,
    around: Around = as_it_is,
) -> HostParts:
    """One session host on Postgres; `tell` is called after commits that may have brought text,
    `around` puts something between the hub and its facilitator. Raises StoreUnavailable."""
    settings, clock, ids = runtime.settings, SystemClock(), SystemIds()
    db = await Database.open(runtime.runtime_url, size_max=HOST_CONNECTIONS_MAX)
    sessions, reads = PostgresSessionStore(db), PostgresReadStore(db)
    embedding = embedder(settings.embeddings)
    kinds = rendered_kinds(StoredSummaries(sessions, MEDIATION))
    flushes = PostgresFlushStore(runtime.runtime_url)
    ports = Ports(
        kinds=Kinds([MEDIATION], [DIRECTORY]),
        flushes=TellingFlushes(flushes, tell),
        leases=PostgresLeaseStore(db),
        sessions=sessions,
        renderer=PostgresRenderer(reads, PostgresAccounts(db), embedding, kinds),
        clock=clock,
        ids=ids,
    )
    speaker = around(facilitator(Means(settings=settings.ai, embedder=embedding, clock=clock)))
    tools = Tools(
        reads=reads,
        sessions=sessions,
        facilitator=speaker,
        planner=speaker.plan if isinstance(speaker, PlanningFacilitator) else None,
        embedder=embedding,
        clock=clock,
        ids=ids,
        first_word_seconds_max=settings.ai.first_word_seconds_max,
        answer_seconds_max=settings.ai.answer_seconds_max,
        locale=settings.ai.locale,
        places=operators_list(settings.ai),
        budgets=Budgets(
            clock,
            PostgresUsage(db),
            user=settings.ai.budget_user,
            hub=settings.ai.budget_hub,
        ),
        sign_token=token_signer(settings.push, clock),
    )
    return HostParts(Host(host_id, ports, on_fenced), Reactor(tools), db, flushes)


# ---- embedding


class EmbedderParts(msgspec.Struct, frozen=True):
    """A worker and what has to be closed with it."""

    worker: EmbeddingWorker
    db: Database

    async def close(self) -> None:
        """Lets go of the database."""
        await self.db.close()


async def build_embedder(runtime: Runtime, number: int = 0, count: int = 1) -> EmbedderParts:
    """Worker `number` of `count` on Postgres. Raises StoreUnavailable."""
    db = await Database.open(runtime.runtime_url, size_max=EMBEDDER_CONNECTIONS_MAX)
    store = PostgresVectors(db, Share(number, count))
    return EmbedderParts(EmbeddingWorker(embedder(runtime.settings.embeddings), store), db)


# ---- gateways


def verifier(settings: Settings, runtime: Runtime, clock: Clock) -> TokenVerifier:
    """Whoever signs tokens: the configured identity provider, or the hub's own key."""
    identity = settings.identity
    if identity.jwks_url is None:
        return LocalKey.open(runtime.path, clock)
    return JwksVerifier(
        fetch_by_http(identity.jwks_url),
        issuer=identity.issuer or "",
        audience=identity.audience or "",
        clock=clock,
    )


def make_gateway(runtime: Runtime, db: Database, dialer: LinkDialer) -> Gateway:
    """A gateway on a database and a way to reach hosts."""
    settings, clock = runtime.settings, SystemClock()

    def page() -> bytes:
        return publishing.page(publishing.folder(runtime.path), clock.now().timestamp())

    return build_gateway(
        routing=PostgresLeaseStore(db),
        dialer=dialer,
        identities=TokenIdentities(verifier(settings, runtime, clock), PostgresAccounts(db), clock),
        clock=clock,
        allowed_origins=settings.server.allowed_origins,
        exports=PostgresExports(db),
        rates=Rates.of(dict(map(rate, settings.server.rates)), enabled=settings.server.limits),
        more=[metrics.handler(page, settings.server.metrics_token)],
    )


def run_gateway_process() -> int:
    """One gateway as a process of its own: its order comes as a line on standard input, which is
    also its lifeline. Returns the exit code."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=GatewayOrder)
    telemetry.configure(order.runtime.settings.server.log)
    telemetry.keep_in(order.runtime.logs / f"gateway-{order.number}.log")
    return uvloop.run(_gateway_process(order))


async def _gateway_process(order: GatewayOrder) -> int:
    db = await Database.open(order.runtime.runtime_url, size_max=GATEWAY_CONNECTIONS_MAX)
    ca = order.runtime.settings.cluster.link_ca
    context = tls.gateway_context(ca) if ca is not None else None
    dialer = SocketDialer(f"gateway-{uuid4().hex[:12]}", order.runtime.secret, context)
    gateway = make_gateway(order.runtime, db, dialer)
    publisher = publishing.Publisher(
        publishing.folder(order.runtime.path),
        f"gateway-{order.number}",
        [GATEWAY],
        [probe(gateway.lobby)],
    )
    numbers = asyncio.create_task(publisher.run())
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ending.set)
    loop.add_signal_handler(signal.SIGINT, ending.set)
    await _lifeline(ending)
    try:
        serving = asyncio.create_task(
            gateway.serve(order.host, order.port, _listening, shared=order.shared)
        )
        waiting = asyncio.create_task(ending.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not serving.done():
            await gateway.drain()
        try:
            await serving
        except OSError as wrong:
            print(f"failed Port {order.port} cannot be used: {wrong.strerror}.", flush=True)
            return 2
    finally:
        numbers.cancel()
        await asyncio.gather(numbers, return_exceptions=True)
        await db.close()
    return 0


async def _lifeline(ending: asyncio.Event) -> None:
    """Sets `ending` when the process that started us is gone."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def watch() -> None:
        while await reader.read(1024):
            pass
        ending.set()

    _WATCHES.add(asyncio.create_task(watch()))


_WATCHES: set[asyncio.Task[None]] = set()


def _listening(port: int) -> None:
    print(f"listening {port}", flush=True)
