"""Opening one websocket to the hub and authenticating on it."""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import TypeAlias
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from beheard_hub.client.frames import SUBPROTOCOLS, Codec, encode
from beheard_hub.client.reconnect import expires_at, rule_for

TokenSource: TypeAlias = str | Callable[[], str] | Callable[[], Awaitable[str]]

OPEN_SECONDS_MAX = 10.0
INCOMING_BYTES_MAX = 1024 * 1024
RENEW_BEFORE_SECONDS = 60.0
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
RENEW_AGAIN_SECONDS_MIN = 1.0
_STATUS_AS_CLOSE_CODE = {401: 4401, 403: 4403, 429: 4429, 503: 1012}
"""503: the gateway drains, or none is behind the proxy just now."""


class Ended(msgspec.Struct, frozen=True):
    """How a connection, or the attempt at one, ended."""

    code: int | None
    reason: str | None = None
    greeted: bool = False

    @property
    def why(self) -> str:
        """For whoever gives up."""
        return self.reason or rule_for(self.code).meaning


class Socket:
    """Where and as whom to connect."""

    def __init__(self, url: str, token: TokenSource, codec: Codec) -> None:
        self.url = url
        self.token = token
        self.codec: Codec = codec
        self._expires_at: float | None = None

    async def open(self) -> ClientConnection | Ended:
        """An open socket on which ``auth`` was sent, or why there is none."""
        try:
            token = await self.fresh_token()
            connection = await connect(
                self.url,
                subprotocols=[Subprotocol(SUBPROTOCOLS[self.codec])],
                compression=None,
                max_size=INCOMING_BYTES_MAX,
                open_timeout=OPEN_SECONDS_MAX,
                close_timeout=2,
                proxy=None if urlsplit(self.url).hostname in _LOOPBACK else True,
            )
            await connection.send(encode({"type": "auth", "token": token}, self.codec))
        except InvalidStatus as refused:
            return Ended(_STATUS_AS_CLOSE_CODE.get(refused.response.status_code))
        except ConnectionClosed as closed:
            return Ended(closed.rcvd.code if closed.rcvd else None)
        except (OSError, InvalidHandshake):
            return Ended(None)
        return connection

    async def fresh_token(self, given: str | None = None) -> str:
        """The `given` token, else what the function gives now, else the token itself."""
        if given is not None:
            token = given
            self.token = self.token if callable(self.token) else given
        elif callable(self.token):
            answer = self.token()
            token = await answer if inspect.isawaitable(answer) else answer
        else:
            token = self.token
        self._expires_at = expires_at(token)
        return token

    @staticmethod
    async def incoming(connection: ClientConnection) -> AsyncIterator[str | bytes]:
        """Frames until the connection ends, however it ends."""
        while True:
            try:
                yield await connection.recv()
            except ConnectionClosed:
                return

    def renew_in_seconds(self, hub_time: datetime | None) -> float | None:
        """When to renew by itself; None without a function or a known end. By the hub's clock,
        where it told the time: by one of ours that is ahead a good token may be over already."""
        if isinstance(self.token, str) or self._expires_at is None:
            return None
        now = time.time() if hub_time is None else hub_time.timestamp()
        left = self._expires_at - now
        return max(RENEW_AGAIN_SECONDS_MIN, left - min(RENEW_BEFORE_SECONDS, left / 2))
