"""The composition root of gateways, and a gateway as a process of its own.

It imports neither Ray nor a model, which import-linter checks: that halves the time until a gateway
that died is back.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from uuid import uuid4

import msgspec
import uvloop

from beheard_hub import cycles, telemetry
from beheard_hub.gateway import metrics
from beheard_hub.gateway.auth import KEY_FILE, LocalKey, TokenIdentities, TokenVerifier
from beheard_hub.gateway.gauges import probe
from beheard_hub.gateway.guests import GuestKey, GuestsToo
from beheard_hub.gateway.jwks import JwksVerifier, fetch_by_http
from beheard_hub.gateway.rates import Rates
from beheard_hub.gateway.server import Gateway, build_gateway
from beheard_hub.gateway_processes import GIVE_WAY, GatewayOrder, check_free, unusable
from beheard_hub.links import tls
from beheard_hub.links.socket_link import SocketDialer
from beheard_hub.observability import publishing, tracing
from beheard_hub.observability.metrics import GATEWAY
from beheard_hub.persistence.data_dir import CLUSTER_SECRET, kept_secret
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.exports import PostgresExports
from beheard_hub.persistence.migrate import login_secret, runtime_url
from beheard_hub.persistence.stores import PostgresAccounts, PostgresLeaseStore
from beheard_hub.ports import Clock, LinkDialer, StoreUnavailable
from beheard_hub.runtime import Runtime, SystemClock
from beheard_hub.setting_values import rate
from beheard_hub.settings import Settings, SetupError, effective

GATEWAY_CONNECTIONS_MAX = 4
"""Database connections of one gateway."""


def verifier(settings: Settings, runtime: Runtime, clock: Clock, guests: GuestKey) -> TokenVerifier:
    """Whoever signs tokens: the configured identity provider, or the hub's own key; and beside
    either the hub, for its guests."""
    identity = settings.identity
    others: TokenVerifier
    if identity.jwks_url is None:
        others = LocalKey.open(runtime.path, clock)
    else:
        others = JwksVerifier(
            fetch_by_http(identity.jwks_url),
            issuer=identity.issuer or "",
            audience=identity.audience or "",
            clock=clock,
        )
    return GuestsToo(guests, others)


def make_gateway(runtime: Runtime, db: Database, dialer: LinkDialer) -> Gateway:
    """A gateway on a database and a way to reach hosts."""
    settings, clock = runtime.settings, SystemClock()
    guests = GuestKey(runtime.secret, clock)

    def page() -> bytes:
        return publishing.page(publishing.folder(runtime.path), clock.now().timestamp())

    return build_gateway(
        routing=PostgresLeaseStore(db),
        dialer=dialer,
        identities=TokenIdentities(
            verifier(settings, runtime, clock, guests),
            PostgresAccounts(db, settings.identity.admin_emails),
            clock,
        ),
        clock=clock,
        allowed_origins=settings.server.allowed_origins,
        exports=PostgresExports(db, runtime.secret),
        guests=guests,
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
    ending = Ending()
    await _lifeline(ending)
    try:
        return await _serve(order, ending)
    except SetupError as wrong:
        print(f"failed {wrong}", flush=True)
        return 2


def run_gateway(settings: Settings) -> int:
    """A gateway on its own, for a hub that runs elsewhere (decision 40): until a signal, at which
    it gives way. Returns the exit code. Raises SetupError."""
    telemetry.configure(settings.server.log)
    order = order_of(settings)
    check_free(order.host, order.port)
    telemetry.keep_in(order.runtime.logs / f"gateway-{order.number}.log")
    try:
        return uvloop.run(_serve(order, Ending(gives_way=True)))
    except StoreUnavailable:
        raise SetupError("The database cannot be reached.", "Check DATABASE_URL.") from None


def order_of(settings: Settings) -> GatewayOrder:
    """What a gateway on its own needs to know of the hub. Raises SetupError."""
    path = settings.server.data_dir.expanduser().absolute()
    if settings.database.url is None:
        raise SetupError("A gateway on its own needs DATABASE_URL.", "Set that of the hub.")
    if settings.cluster.secret is None and not (path / CLUSTER_SECRET).exists():
        raise SetupError(
            "A gateway on its own needs BEHEARD_CLUSTER_SECRET.", "Set that of the hub."
        )
    if settings.identity.jwks_url is None and not (path / KEY_FILE).exists():
        raise SetupError(
            f"A gateway on its own needs BEHEARD_JWKS_URL, or the hub's {KEY_FILE}.",
            "Copy that file into BEHEARD_DATA_DIR if the hub signs its tokens itself.",
        )
    owner = settings.database.url
    runtime = Runtime(
        environ=effective(settings),
        runtime_url=runtime_url(owner, login_secret(owner, path, settings.database.login_secret)),
        secret=settings.cluster.secret or kept_secret(path / CLUSTER_SECRET),
        data_dir=str(path),
    )
    server = settings.server
    return GatewayOrder(runtime, server.host, server.port, number=server.port or os.getpid())


class Ending:
    """That a gateway is to end, and how."""

    def __init__(self, *, gives_way: bool = False) -> None:
        self.gives_way = gives_way
        """Others serve the same clients: it lets them go one by one."""
        self.asked = asyncio.Event()


async def _serve(order: GatewayOrder, ending: Ending) -> int:
    """Until `ending` is asked for. Raises SetupError, StoreUnavailable."""
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
    cycles.settle()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ending.asked.set)
    loop.add_signal_handler(signal.SIGINT, ending.asked.set)
    try:
        serving = asyncio.create_task(
            gateway.serve(order.host, order.port, _listening, shared=True)
        )
        waiting = asyncio.create_task(ending.asked.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not serving.done():
            await (gateway.give_way() if ending.gives_way else gateway.drain())
        try:
            await serving
        except OSError as wrong:
            raise unusable(order.host, order.port, wrong) from None
    finally:
        numbers.cancel()
        await asyncio.gather(numbers, return_exceptions=True)
        await db.close()
        await asyncio.to_thread(tracing.stop)
    return 0


async def _lifeline(ending: Ending) -> None:
    """Asks for the end when the process that started us says so or is gone."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def watch() -> None:
        ending.gives_way = (await reader.readline()).strip() == GIVE_WAY
        ending.asked.set()

    _WATCHES.add(asyncio.create_task(watch()))


_WATCHES: set[asyncio.Task[None]] = set()


def _listening(port: int) -> None:
    print(f"listening {port}", flush=True)
