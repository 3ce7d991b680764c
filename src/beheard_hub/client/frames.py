"""Frames of the websocket (spec 5.2) and their two codecs.

Frames from the hub are tagged unions on ``type``. A frame of an unknown type decodes to None, so
that a newer hub does not break an older app.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec

Codec: TypeAlias = Literal["json", "msgpack"]

SUBPROTOCOLS: Mapping[Codec, str] = {"json": "beheard.v1", "msgpack": "beheard.v1.msgpack"}

FRAME_BYTES_MAX = 256 * 1024
"""A larger frame would end the connection with 1009 (spec 5.2)."""

S = TypeVar("S", bound=msgspec.Struct)


class _Frame(msgspec.Struct, frozen=True, rename="camel", tag_field="type"):
    pass


class Hello(_Frame, frozen=True, tag="hello"):
    """The hub knows who we are. `heartbeat_ms` is its ping interval."""

    connection_id: str
    user_id: str
    protocol: str | None = None
    server_time: datetime | None = None
    heartbeat_ms: int | None = None
    limits: Mapping[str, Any] = {}


class Snapshot(_Frame, frozen=True, tag="snapshot"):
    """The session as its reader may see it, as of event `seq`."""

    session_id: str
    seq: int
    state: Mapping[str, Any]


class Ack(_Frame, frozen=True, tag="ack"):
    """The command is committed. `seq` is the caller's newest event after it."""

    id: str
    data: Mapping[str, Any]
    seq: int = 0
    duplicate: bool | None = None


class Error(_Frame, frozen=True, tag="error"):
    """A refusal. Without `id` it concerns the subscription that ``details.sessionId`` names, or
    the connection.
    """

    code: str
    message: str = ""
    retryable: bool = False
    id: str | None = None
    retry_after_ms: int | None = None
    details: Mapping[str, Any] | None = None


class Event(_Frame, frozen=True, tag="event"):
    """Something that happened, for this user (spec 2.4). `seq` has no hole and no repeat."""

    session_id: str
    seq: int
    name: str
    data: Mapping[str, Any]
    at: datetime

    def read(self, field: str, shape: type[S]) -> S:
        """One field of the data as a shape, e.g. ``event.read("message", Message)``."""
        return msgspec.convert(self.data[field], shape)


class Delta(_Frame, frozen=True, tag="delta"):
    """A piece of an answer that is being written; the whole text follows as ``message.created``.

    With `reset` throw the earlier pieces of this message away. Who comes in the middle of an answer
    is told the text so far in one piece that resets. :attr:`EventStream.writing` puts it together.
    """

    session_id: str
    message_id: str
    index: int = 0
    text: str = ""
    reply_to: str | None = None
    reset: bool | None = None
    lane: str | None = None


class Presence(_Frame, frozen=True, tag="presence"):
    """Whether the partner is connected: ``online`` or ``offline``. Nothing comes while the session
    is paused, nor of a partner who does not want to be seen."""

    session_id: str
    partner: str


class Device(_Frame, frozen=True, tag="device"):
    """What another device of the same user does: ``active``, ``away`` or ``typing``."""

    session_id: str
    status: str


class Draining(_Frame, frozen=True, tag="draining"):
    """The hub goes away for a moment: connect again after so many milliseconds."""

    reconnect_after_ms: int = 0


class Unsubscribed(_Frame, frozen=True, tag="unsubscribed"):
    """No more events of this session come on this connection."""

    session_id: str


class Pong(_Frame, frozen=True, tag="pong"):
    """Answer to ``ping``."""


Incoming: TypeAlias = (
    Hello
    | Snapshot
    | Ack
    | Error
    | Event
    | Delta
    | Presence
    | Device
    | Draining
    | Unsubscribed
    | Pong
)
Streamed: TypeAlias = Snapshot | Event | Delta | Presence | Device
"""What :meth:`Session.events` yields."""

_KNOWN = frozenset(
    kind.__struct_config__.tag
    for kind in (
        *(Hello, Snapshot, Ack, Error, Event, Delta, Presence, Device),
        *(Draining, Unsubscribed, Pong),
    )
)


class _Tag(msgspec.Struct):
    type: str


_DECODERS: Mapping[Codec, Any] = {
    "json": msgspec.json.Decoder(Incoming),
    "msgpack": msgspec.msgpack.Decoder(Incoming),
}
_TAG_DECODERS: Mapping[Codec, Any] = {
    "json": msgspec.json.Decoder(_Tag),
    "msgpack": msgspec.msgpack.Decoder(_Tag),
}


def decode(raw: str | bytes, codec: Codec) -> Incoming | None:
    """One frame of the hub, or None for a type that this client does not know.

    Raises:
        msgspec.MsgspecError: a known type with fields that are not as spec 5.2 says.
    """
    try:
        frame: Incoming = _DECODERS[codec].decode(raw)
    except msgspec.ValidationError:
        if _TAG_DECODERS[codec].decode(raw).type in _KNOWN:
            raise
        return None
    return frame


def encode(frame: Mapping[str, Any], codec: Codec) -> str | bytes:
    """One frame to the hub: text for JSON, bytes for MessagePack."""
    if codec == "json":
        return msgspec.json.encode(frame).decode()
    return msgspec.msgpack.encode(frame)
