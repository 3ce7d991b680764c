"""The composition root of gateways, and a gateway as a process of its own.

It imports neither Ray nor a model, which import-linter checks: that halves the time until a gateway
that died is back.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from uuid import uuid4

import msgspec
import uvloop

from beheard_hub import telemetry
from beheard_hub.gateway import metrics
from beheard_hub.gateway.auth import LocalKey, TokenIdentities, TokenVerifier
from beheard_hub.gateway.gauges import probe
from beheard_hub.gateway.jwks import JwksVerifier, fetch_by_http
from beheard_hub.gateway.rates import Rates
from beheard_hub.gateway.server import Gateway, build_gateway
from beheard_hub.gateway_processes import GatewayOrder
from beheard_hub.links import tls
from beheard_hub.links.socket_link import SocketDialer
from beheard_hub.observability import publishing, tracing
from beheard_hub.observability.metrics import GATEWAY
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.export import PostgresExports
from beheard_hub.persistence.stores import PostgresAccounts, PostgresLeaseStore
from beheard_hub.ports import Clock, LinkDialer
from beheard_hub.runtime import Runtime, SystemClock
from beheard_hub.setting_values import rate
from beheard_hub.settings import Settings

GATEWAY_CONNECTIONS_MAX = 4
"""Database connections of one gateway."""


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
    tracing.start(order.runtime.settings.traces, f"gateway-{order.number}")
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
        await asyncio.to_thread(tracing.stop)
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
