"""Everything the connections of one gateway share, and who may come in.

Before the upgrade is answered: no token in a URL, an allowed `Origin`, not while draining. After
it: the number of connections, of the gateway and of each user.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

from beheard_hub import telemetry
from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.close_codes import CloseCode
from beheard_hub.gateway.connection import Connection
from beheard_hub.gateway.frames import choose_codec
from beheard_hub.gateway.rates import Rates
from beheard_hub.gateway.router import Router
from beheard_hub.gateway.tally import Tally
from beheard_hub.gateway.wire import DIRECT
from beheard_hub.ports import Clock, Identities

if TYPE_CHECKING:
    from uvicorn._types import (
        ASGIReceiveCallable,
        ASGISendCallable,
        HTTPScope,
        WebSocketScope,
    )

TOKEN_NAMES = frozenset(
    {"token", "access_token", "accesstoken", "id_token", "auth", "authorization", "bearer", "jwt"}
)
"""Query parameters that look like a token: tokens never travel in a URL (spec 5.1)."""

_log = telemetry.logger("gateway.lobby")


class Endable(Protocol):
    """A request that waits for its answer."""

    def end(self) -> None:
        """Answers it at once: retryable."""


class Lobby:
    """All connections of one gateway."""

    def __init__(
        self,
        *,
        router: Router,
        identities: Identities,
        clock: Clock,
        rates: Rates,
        bounds: Bounds,
        allowed_origins: Iterable[str] = (),
    ) -> None:
        self.router = router
        self.identities = identities
        self.clock = clock
        self.rates = rates
        self.bounds = bounds
        self.draining = False
        self._origins = frozenset(origin.rstrip("/").lower() for origin in allowed_origins)
        self._connections: set[Connection] = set()
        self._users: dict[str, dict[Connection, None]] = {}
        """Each user's, oldest first."""
        self.tally = Tally(
            router.hosts, rates, clock, bounds.connections_per_user_max, self._end_newest
        )
        router.tally = self.tally
        router.on_gone = self._gone
        router.on_merged = self._merged
        self.calls: set[Endable] = set()
        """Requests under way by REST."""
        self._stirred = asyncio.Event()

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def idle(self) -> bool:
        """No connection waits for anything, nor does a request."""
        return not self.calls and all(connection.idle for connection in self._connections)

    # ---- coming in

    async def __call__(
        self, scope: WebSocketScope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """One websocket, from upgrade to end (ASGI)."""
        await receive()  # websocket.connect
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        status = self._refuses(scope["query_string"], headers)
        if status is not None:
            await _respond(send, status)
            return
        codec, subprotocol = choose_codec(list(scope["subprotocols"]))
        full = len(self._connections) >= self.bounds.connections_max
        address = address_of(scope)
        extensions: Mapping[str, Any] = scope["extensions"] or {}
        wire = extensions.get(DIRECT, {}).get("wire")
        connection = Connection(self, codec, str(uuid4()), receive, send, address, wire)
        await send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": []})
        self._connections.add(connection)
        if full:
            connection.end(CloseCode.OVERLOADED)
        try:
            await connection.run(headers.get(b"authorization") if not full else None)
        except Exception as failure:  # ours: the connection ends, the gateway goes on
            _log.error("connection_failed", error=type(failure).__name__)
            raise

    def _refuses(self, query: bytes, headers: Mapping[bytes, str]) -> HTTPStatus | None:
        names = {name.lower() for name, _ in parse_qsl(query.decode("latin-1"), True)}
        if names & TOKEN_NAMES:
            return HTTPStatus.BAD_REQUEST
        if not self._origin_allowed(headers.get(b"origin"), headers.get(b"host", "")):
            return HTTPStatus.FORBIDDEN
        return HTTPStatus.SERVICE_UNAVAILABLE if self.draining else None

    def _origin_allowed(self, origin: str | None, host: str) -> bool:
        if origin is None:
            return True
        if self._origins:
            return origin.rstrip("/").lower() in self._origins
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()

    def admit(self, connection: Connection, user_id: str) -> bool:
        """Counts a connection as the user's, unless there are too many on all gateways."""
        theirs = self._users.get(user_id, {})
        known = len(theirs) + self.tally.elsewhere(user_id)
        if known >= self.bounds.connections_per_user_max:
            return False
        theirs[connection] = None
        self._users[user_id] = theirs
        self.tally.count(user_id, len(theirs))
        return True

    def visited(self, user_id: str) -> None:
        """Somebody asked by REST, perhaps without any connection: what they spend counts on other
        gateways too."""
        if self.rates.enabled and not self.tally.knows(user_id):
            self.tally.count(user_id, len(self._users.get(user_id, ())))

    # ---- going

    def leave(self, connection: Connection, *, clean: bool = False) -> None:
        """The connection is over; `clean`: its client meant to go."""
        self._connections.discard(connection)
        user_id = connection.protocol.user_id
        theirs = self._users.get(user_id)
        if theirs is not None:
            theirs.pop(connection, None)
            if not theirs:
                del self._users[user_id]
            self.tally.count(user_id, len(theirs))
        self.router.gone(connection, clean)
        self._stirred.set()

    def stirred(self) -> None:
        """A connection may have become idle."""
        if self.draining:
            self._stirred.set()

    def steer_away(self) -> None:
        """Tells all when to come back, each another time; until then they are served."""
        for connection in list(self._connections):
            connection.steer(self._reconnect_ms())

    def _reconnect_ms(self) -> int:
        low, high = self.bounds.reconnect_ms
        return random.randint(low, high)  # noqa: S311 (jitter)

    async def wait_until(self, condition: Callable[[], bool], seconds_max: float) -> None:
        """Waits until `condition` holds, looking whenever a connection goes or becomes idle."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds_max):
                while not condition():
                    self._stirred.clear()
                    await self._stirred.wait()

    def replace(self, user_id: str) -> int:
        """The operator ends a user's connections (4409); returns how many."""
        theirs = list(self._users.get(user_id, ()))
        for connection in theirs:
            connection.end(CloseCode.REPLACED)
        return len(theirs)

    def _gone(self, user_id: str) -> None:
        """The user has left the hub: so do their connections, after what was written to them."""
        self.identities.forget(user_id)
        for connection in list(self._users.get(user_id, ())):
            connection.end(CloseCode.UNAUTHENTICATED)

    def _merged(self, guest_id: str, user_id: str) -> None:
        """The guest's connections are the user's from now on, and live on."""
        self.identities.forget(guest_id)
        moved = self._users.pop(guest_id, {})
        if not moved:
            return
        theirs = self._users.setdefault(user_id, {})
        theirs.update(moved)
        self.tally.count(guest_id, 0)
        self.tally.count(user_id, len(theirs))
        for connection in moved:
            connection.follow(user_id)

    def _end_newest(self, user_id: str, count: int) -> None:
        """Other gateways were quicker: so many connections of the user are too many."""
        for connection in list(self._users.get(user_id, ()))[-count:]:
            connection.end(CloseCode.TOO_MANY)

    def announce_drain(self) -> None:
        """Sends `draining` to all, each with another time to come back."""
        self.draining = True
        for connection in list(self._connections):
            connection.drain(self._reconnect_ms())

    def end_all(self, code: CloseCode) -> None:
        """Closes every connection; requests are told to come again."""
        for call in list(self.calls):
            call.end()
        for connection in list(self._connections):
            connection.end(code)


def address_of(scope: WebSocketScope | HTTPScope) -> str:
    """Who is counted where a limit is per address: the peer, an IPv6 one as its network of 64 bits.

    Empty for a peer on this machine: that is a proxy, behind which everybody would be one.
    """
    client = scope.get("client")
    try:
        found = ip_address(client[0] if client else "")
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is None:
            return "" if found.is_loopback else str(ip_network((found, 64), strict=False))
        found = found.ipv4_mapped
    return "" if found.is_loopback else str(found)


async def _respond(send: ASGISendCallable, status: HTTPStatus) -> None:
    await send(
        {
            "type": "websocket.http.response.start",
            "status": int(status),
            "headers": [(b"content-type", b"text/plain; charset=utf-8")],
        }
    )
    body = status.phrase.encode()
    await send({"type": "websocket.http.response.body", "body": body, "more_body": False})
