"""The gateway: one port for websocket and HTTP, and its life from start to drain.

The process that owns the loop decides about signals: it calls `drain` (or `stop`) and `serve`
returns. Nothing here imports Ray, SQL or a model; hosts and identities come in as ports.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

import uvicorn
from litestar.handlers import HTTPRouteHandler

from beheard_hub import telemetry
from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.close_codes import CloseCode
from beheard_hub.gateway.guests import GuestKey
from beheard_hub.gateway.http import http_app
from beheard_hub.gateway.lobby import Lobby
from beheard_hub.gateway.rates import Rates
from beheard_hub.gateway.router import Router
from beheard_hub.gateway.wire import Upgrade, Wire
from beheard_hub.ports import Clock, Exports, Identities, LinkDialer, Routing

if TYPE_CHECKING:
    from uvicorn._types import (
        ASGI3Application,
        ASGIReceiveCallable,
        ASGISendCallable,
        Scope,
    )

WEBSOCKET_PATH = "/v1/ws"
BACKLOG = 2048
STOP_SECONDS_MAX = 5
"""How long uvicorn waits for connections that do not end."""

_log = telemetry.logger("gateway")


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, and with a word when it listens."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the owner of the process."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to listen."""
        await super().startup(sockets)
        self._on_started()

    def shut_door(self) -> None:
        """Listens no more; connections that are there go on."""
        for server in self.servers:
            server.close()


class Gateway:
    """One gateway process's worth of connections."""

    def __init__(
        self,
        lobby: Lobby,
        exports: Exports | None = None,
        allowed_origins: Sequence[str] = (),
        more: Sequence[HTTPRouteHandler] = (),
        guests: GuestKey | None = None,
    ) -> None:
        self.lobby = lobby
        self.ready = asyncio.Event()
        """Set when the port is open."""
        self.port = 0
        """The port that is listened on, once `ready`."""
        self._server: _Server | None = None
        self._routes = (exports, allowed_origins, more, guests)

    @functools.cached_property
    def _http(self) -> ASGI3Application:
        """Made for the first request: it takes a tenth of a second that no websocket waits for."""
        return cast("ASGI3Application", http_app(self.lobby, *self._routes))

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """The ASGI application: websockets here, everything else to Litestar."""
        if scope["type"] != "websocket":
            await self._http(scope, receive, send)
        elif scope["path"] == WEBSOCKET_PATH:
            await self.lobby(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1000, "reason": ""})

    async def serve(
        self,
        host: str,
        port: int,
        on_ready: Callable[[int], None] | None = None,
        *,
        shared: bool = False,
    ) -> None:
        """Listens (port 0: any free one) until `drain` or `stop`.

        `on_ready` gets the port as soon as it is open; `shared` lets other gateways of this machine
        listen on it too. Raises OSError when the port is taken.
        Cancelling stops without a drain.
        """
        listener = _listen(host, port, shared)
        self.port = listener.getsockname()[1]

        def started() -> None:
            self.ready.set()
            _log.info("gateway_listens", port=self.port)
            if on_ready is not None:
                on_ready(self.port)

        self._server = _Server(self._config(), started)
        await self.lobby.router.start()
        try:
            await self._server.serve(sockets=[listener])
        finally:
            listener.close()
            await self.lobby.router.stop()

    def _config(self) -> uvicorn.Config:
        bounds = self.lobby.bounds
        return uvicorn.Config(
            cast("ASGI3Application", self),
            interface="asgi3",
            http=cast("type[asyncio.Protocol]", functools.partial(Upgrade, bounds=bounds)),
            ws=Wire,
            ws_max_size=bounds.frame_bytes_max,
            ws_ping_interval=bounds.ping_seconds,
            ws_ping_timeout=bounds.pong_seconds_max,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS_MAX,
        )

    async def give_way(self) -> None:
        """Another gateway listens on the port now: listens no more, tells every client when to come
        back, serves each until it has gone (bounded), then drains what is left."""
        if self._server is not None:
            self._server.shut_door()
        bounds = self.lobby.bounds
        self.lobby.steer_away()
        patience = bounds.reconnect_ms[1] / 1000 + bounds.drain_seconds_max
        await self.lobby.wait_until(lambda: len(self.lobby) == 0, patience)
        await self.drain()

    async def drain(self) -> None:
        """Tells every client to come back later, lets commands in flight finish (bounded), closes
        1012, and ends `serve`. Cancelling leaves it half done; `stop` ends it."""
        self.lobby.announce_drain()
        bounds = self.lobby.bounds
        await self.lobby.wait_until(lambda: self.lobby.idle, bounds.drain_seconds_max)
        self.lobby.end_all(CloseCode.RESTARTING)
        await self.lobby.wait_until(lambda: len(self.lobby) == 0, bounds.close_seconds_max)
        self.stop()

    def stop(self) -> None:
        """Ends `serve` now."""
        if self._server is not None:
            self._server.should_exit = True


def _listen(host: str, port: int, shared: bool) -> socket.socket:
    """A listening socket whose connections do not wait for acknowledgements (Nagle): an event and
    the ack behind it must not be 40 ms apart. asyncio does so only for sockets made as TCP."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def build_gateway(
    *,
    routing: Routing,
    dialer: LinkDialer,
    identities: Identities,
    clock: Clock,
    allowed_origins: Sequence[str] = (),
    exports: Exports | None = None,
    rates: Rates | None = None,
    bounds: Bounds | None = None,
    more: Sequence[HTTPRouteHandler] = (),
    guests: GuestKey | None = None,
) -> Gateway:
    """A gateway on these ports. `rates` None: those of spec 5.3.
    `exports` None: there are none to have; `more` are routes for operators; without `guests`
    nobody comes in who has no token."""
    chosen = bounds or Bounds()
    router = Router(routing, dialer, clock, chosen)
    lobby = Lobby(
        router=router,
        identities=identities,
        clock=clock,
        rates=Rates() if rates is None else rates,
        bounds=chosen,
        allowed_origins=allowed_origins,
    )
    return Gateway(lobby, exports, allowed_origins, more, guests)
