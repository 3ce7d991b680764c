"""Links over a unix socket (one machine) or TCP, with TLS where it leaves the machine (spec 01).

Endpoints are written ``unix:/path/to.sock`` and ``tcp:host:port``. The first message is `Hello`;
only an HMAC-SHA256 by the cluster secret over version, gateway and nonce makes it a link.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import ssl
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec

from beheard_hub import unix_sockets
from beheard_hub.link_messages import Hello, ToGateway, ToHost, Welcome
from beheard_hub.links.line import Line
from beheard_hub.links.tls import HOST_NAME
from beheard_hub.ports import HostEndpoint, LinkClosed
from beheard_hub.telemetry import logger

VERSION = 2
HELLO_SECONDS_MAX = 5.0

_log = logger("links")


def proof(secret: str, version: int, gateway_id: str, nonce: bytes) -> bytes:
    """The HMAC of a `Hello`."""
    text = msgspec.msgpack.encode((version, gateway_id, nonce))
    return hmac.digest(secret.encode(), text, sha256)


def _address(endpoint: str) -> tuple[str, str, int]:
    """Scheme, path or host, port. Raises ValueError."""
    scheme, _, rest = endpoint.partition(":")
    if scheme == "unix" and rest:
        return scheme, rest, 0
    host, _, port = rest.rpartition(":")
    if scheme == "tcp" and host and port.isdigit():
        return scheme, host, int(port)
    raise ValueError(f"an endpoint is unix:/path or tcp:host:port, not {scheme}:...")


def _protect(path: str) -> None:
    """Only our own user may connect."""
    Path(path).chmod(0o600)


def _patience(tls: ssl.SSLContext | None) -> float | None:
    """Seconds that a handshake may take, if there is one."""
    return HELLO_SECONDS_MAX if tls is not None else None


def _unlink(endpoint: str) -> None:
    if endpoint.startswith("unix:"):
        unix_sockets.remove(Path(endpoint.removeprefix("unix:")))


# ---- the host's side


class SocketPeer(Line):
    """A host's end of the line to one gateway (`GatewayPeer`)."""

    def __init__(self, server: LinkServer) -> None:
        super().__init__(msgspec.msgpack.Decoder(list[ToHost]))
        self.gateway_id = ""
        self._server = server
        self._proven = False
        self._patience: asyncio.TimerHandle | None = None

    def _too_late(self) -> None:
        if not self._proven:
            self.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A gateway, or somebody else, connected."""
        super().connection_made(transport)
        self._patience = self._loop.call_later(HELLO_SECONDS_MAX, self._too_late)
        self._server.peers.add(self)

    def received(self, message: ToHost) -> None:
        """`Hello` first, then everything to the host."""
        if self._proven:
            self._server.host.received(self, message)
        elif isinstance(message, Hello) and self._server.accepts(message):
            self._proven = True
            self.gateway_id = message.gateway_id
            self.send(Welcome(self._server.host_id, self._server.epoch()))
            self._server.host.attached(self)
        else:
            _log.warning("link_refused", version=getattr(message, "version", 0))
            self.abort()

    def ended(self) -> None:
        """The gateway is gone."""
        if self._patience is not None:
            self._patience.cancel()
        self._server.peers.discard(self)
        if self._proven:
            self._server.host.detached(self)


class LinkServer:
    """Where one host listens for gateways."""

    def __init__(
        self, host: HostEndpoint, host_id: str, epoch: Callable[[], int], secret: str
    ) -> None:
        self.host = host
        self.host_id = host_id
        self.epoch = epoch
        self.endpoint = ""
        """How gateways reach it; set by `open`, a TCP port of 0 resolved."""
        self.peers: set[SocketPeer] = set()
        self._secret = secret
        self._server: asyncio.Server | None = None

    def accepts(self, hello: Hello) -> bool:
        """Whether version and secret are ours."""
        expected = proof(self._secret, VERSION, hello.gateway_id, hello.nonce)
        return hello.version == VERSION and hmac.compare_digest(expected, hello.mac)

    async def open(self, endpoint: str, tls: ssl.SSLContext | None = None) -> str:
        """Listens, on TCP with `tls` if given; returns the endpoint for the lease.

        Raises OSError, ValueError.
        """
        scheme, where, port = _address(endpoint)
        loop = asyncio.get_running_loop()
        if scheme == "unix":
            self._server = await loop.create_unix_server(lambda: SocketPeer(self), where)
            _protect(where)
            self.endpoint = endpoint
        else:
            self._server = await loop.create_server(
                lambda: SocketPeer(self), where, port, ssl=tls, ssl_handshake_timeout=_patience(tls)
            )
            port = self._server.sockets[0].getsockname()[1]
            self.endpoint = f"tcp:{where}:{port}"
        return self.endpoint

    async def close(self) -> None:
        """Writes what is queued, ends all links and listens no more."""
        if self._server is not None:
            self._server.close()
        for peer in list(self.peers):
            peer.close()
        _unlink(self.endpoint)

    def cut(self) -> None:
        """Ends everything at once: this host may not answer any more."""
        if self._server is not None:
            self._server.close()
        for peer in list(self.peers):
            peer.abort()


# ---- the gateway's side


class SocketLink(Line):
    """A gateway's end of the line to one host (`HostLink`)."""

    def __init__(
        self, on_message: Callable[[ToGateway], None], on_close: Callable[[], None]
    ) -> None:
        super().__init__(msgspec.msgpack.Decoder(list[ToGateway]))
        self.host_id = ""
        self.epoch = 0
        self.welcomed: asyncio.Future[None] = self._loop.create_future()
        self._on_message = on_message
        self._on_close = on_close

    def send(self, message: ToHost) -> None:
        """Queues a message. Raises LinkClosed."""
        if self.closed:
            raise LinkClosed
        super().send(message)

    def received(self, message: ToGateway) -> None:
        """`Welcome` first, then everything to the gateway."""
        if self.welcomed.done():
            self._on_message(message)
        elif isinstance(message, Welcome):
            self.host_id = message.host_id
            self.epoch = message.epoch
            self.welcomed.set_result(None)
        else:
            self.abort()

    def ended(self) -> None:
        """The host is gone."""
        if not self.welcomed.done():
            self.welcomed.set_exception(LinkClosed())
        elif not self.welcomed.cancelled() and self.welcomed.exception() is None:
            self._on_close()

    async def close(self) -> None:  # type: ignore[override]
        """Ends the link, after what is queued was written."""
        super().close()


class SocketDialer:
    """Reaches hosts by the endpoint in their lease (`LinkDialer`). With `tls` every host that is
    reached by TCP must show a certificate that it believes."""

    def __init__(self, gateway_id: str, secret: str, tls: ssl.SSLContext | None = None) -> None:
        self._gateway_id = gateway_id
        self._secret = secret
        self._tls = tls

    async def dial(
        self,
        endpoint: str,
        on_message: Callable[[ToGateway], None],
        on_close: Callable[[], None],
    ) -> SocketLink:
        """Connects and proves the secret. Raises LinkClosed when nobody answers there, or who
        answers does not take the proof. Cancelling ends the attempt."""
        loop = asyncio.get_running_loop()
        link = SocketLink(on_message, on_close)
        try:
            scheme, where, port = _address(endpoint)
            if scheme == "unix":
                await loop.create_unix_connection(lambda: link, where)
            else:
                await loop.create_connection(
                    lambda: link, where, port, ssl=self._tls,
                    server_hostname=HOST_NAME if self._tls is not None else None,
                    ssl_handshake_timeout=_patience(self._tls),
                )  # fmt: skip
        except (OSError, ValueError) as error:
            link.welcomed.cancel()
            raise LinkClosed from error
        nonce = secrets.token_bytes(16)
        mac = proof(self._secret, VERSION, self._gateway_id, nonce)
        try:
            link.send(Hello(VERSION, self._gateway_id, nonce, mac))
            async with asyncio.timeout(HELLO_SECONDS_MAX):
                await link.welcomed
        except TimeoutError as error:
            raise LinkClosed from error
        finally:
            if not link.host_id:
                link.welcomed.cancel()
                link.abort()
        if link.closed:
            raise LinkClosed
        return link
