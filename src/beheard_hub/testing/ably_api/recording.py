"""What was asked of the stand-in: every request with its raw body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

import msgspec

PACKED = "application/x-msgpack"
PLAIN = "application/json"


class Request(msgspec.Struct, frozen=True):
    """One request whose sender was known to Ably."""

    call: str
    """``channel``, ``push`` or ``token``."""
    path: str
    raw: bytes
    """The body as it came: what a search for canaries looks through."""
    body: Any
    packed: bool
    """Whether it came in MessagePack."""

    @property
    def channel(self) -> str:
        """Name of the channel that is published to."""
        return unquote_plus(self.path.removeprefix("/channels/").removesuffix("/messages"))

    @property
    def data(self) -> Mapping[str, Any]:
        """What the message on a channel carries, as whoever listens gets it."""
        if self.body.get("encoding") == "json":
            data: Mapping[str, Any] = msgspec.json.decode(self.body["data"])
            return data
        given: Mapping[str, Any] = self.body["data"]
        return given


def decoded(raw: bytes, packed: bool) -> Any:
    """A body. Raises msgspec.DecodeError."""
    return msgspec.msgpack.decode(raw) if packed else msgspec.json.decode(raw)


def encoded(body: Any, packed: bool) -> bytes:
    """The answer, in the words of who asked."""
    return msgspec.msgpack.encode(body) if packed else msgspec.json.encode(body)
