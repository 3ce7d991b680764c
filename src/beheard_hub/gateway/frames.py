"""The frames of the websocket (spec 5.2), and the two ways they are written.

Subprotocol ``beheard.v1`` is JSON in text frames, ``beheard.v1.msgpack`` the same objects as
MessagePack in binary frames. Whatever a peer sends, `decode` gives an object or raises `Malformed`.

Frames carry private text: their ``repr`` is the name of the type and nothing else (spec 4.4).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeAlias

import msgspec

from beheard_hub.domain.refusals import CODES, Code

DATA_DEPTH_MAX = 16
"""How deep objects and lists may nest inside a command's `data`."""
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1


class Malformed(Exception):
    """Not an object in the encoding that was agreed on. Says nothing of what it held."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Frame(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    def __repr__(self) -> str:
        return type(self).__name__


# ---- client → hub


class Auth(_Frame, frozen=True, tag="auth"):
    """First frame of a browser; later, a new token for the same user."""

    token: str


class Subscribe(_Frame, frozen=True, tag="subscribe"):
    """Starts the events of one session, after a seq if one is known."""

    session_id: str
    after: int | None = None
    device: str | None = None
    as_: str | None = msgspec.field(default=None, name="as")
    """``observer`` where the session is somebody else's."""


class Unsubscribe(_Frame, frozen=True, tag="unsubscribe"):
    """Ends them."""

    session_id: str


class CommandFrame(_Frame, frozen=True, tag="command"):
    """One command of spec 2.3."""

    id: str
    name: str
    data: dict[str, Any] = {}
    session_id: str | None = None


class Presence(_Frame, frozen=True, tag="presence"):
    """What this device does: for the user's other devices, never for the partner."""

    session_id: str
    status: str


class Received(_Frame, frozen=True, tag="received"):
    """The device has everything up to `seq`."""

    session_id: str
    seq: int


class Ping(_Frame, frozen=True, tag="ping"):
    """Answered with `Pong`."""


# ---- hub → client


class Hello(_Frame, frozen=True, tag="hello"):
    """The connection speaks for `user_id` now."""

    connection_id: str
    user_id: str
    protocol: str
    server_time: str
    heartbeat_ms: int
    limits: Mapping[str, int]


class Snapshot(_Frame, frozen=True, tag="snapshot"):
    """Where a session stands for its reader at `seq`."""

    session_id: str
    seq: int
    state: Mapping[str, Any]


class Unsubscribed(_Frame, frozen=True, tag="unsubscribed"):
    """No more events of that session."""

    session_id: str


class Ack(_Frame, frozen=True, tag="ack"):
    """A command was committed."""

    id: str
    data: Mapping[str, Any]
    seq: int
    duplicate: bool = False


class Error(_Frame, frozen=True, tag="error"):
    """A command, or a frame without an id, was refused."""

    code: str
    message: str
    retryable: bool
    id: str | None = None
    retry_after_ms: int | None = None
    details: Mapping[str, str] | None = None


class Event(_Frame, frozen=True, tag="event"):
    """Something happened."""

    session_id: str
    seq: int
    name: str
    data: Mapping[str, Any]
    at: str


class Delta(_Frame, frozen=True, tag="delta"):
    """A piece of an AI answer; not stored."""

    session_id: str
    reply_to: str
    message_id: str
    index: int
    text: str
    reset: bool = False
    lane: str | None = None
    """In a practice: ``partner`` or ``coach``."""

    def absorbing(self, later: Delta) -> Delta:
        """Both in one: whoever takes it in shows the same in the end."""
        if later.reset:
            return later
        return msgspec.structs.replace(later, text=self.text + later.text, reset=self.reset)


class PartnerPresence(_Frame, frozen=True, tag="presence"):
    """Whether the partner is connected; offline as long as nothing else was said."""

    session_id: str
    partner: str


class Device(_Frame, frozen=True, tag="device"):
    """What another device of the same user does; not stored."""

    session_id: str
    status: str


class Draining(_Frame, frozen=True, tag="draining"):
    """Finish what you do and connect again."""

    reconnect_after_ms: int


class Pong(_Frame, frozen=True, tag="pong"):
    """Answer to `Ping`."""


Outgoing: TypeAlias = (
    Hello
    | Snapshot
    | Unsubscribed
    | Ack
    | Error
    | Event
    | Delta
    | PartnerPresence
    | Device
    | Draining
    | Pong
)


def error_frame(
    code: Code,
    *,
    command_id: str | None = None,
    details: Mapping[str, str] | None = None,
    retry_after_ms: int | None = None,
) -> Error:
    """An `error` with the sentence and the retryability of its code."""
    row = CODES[code]
    return Error(
        code=code.value, message=row.sentence, retryable=row.retryable, id=command_id,
        retry_after_ms=retry_after_ms, details=details,
    )  # fmt: skip


# ---- codecs

_FAILURES = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError, OverflowError)
"""All that msgspec raises on hostile input."""


class Codec:
    """One subprotocol."""

    name: ClassVar[str]

    def encode(self, frame: Outgoing) -> str | bytes:
        """Text for a text frame, bytes for a binary one."""
        raise AssertionError("a codec writes frames")

    def decode(self, payload: str | bytes) -> dict[str, Any]:
        """Raises Malformed."""
        raise AssertionError("a codec reads frames")


class JsonCodec(Codec):
    """``beheard.v1``."""

    name = "beheard.v1"
    _encoder = msgspec.json.Encoder()
    _decoder = msgspec.json.Decoder()

    def encode(self, frame: Outgoing) -> str:
        """JSON, UTF-8, no spaces."""
        return self._encoder.encode(frame).decode()

    def decode(self, payload: str | bytes) -> dict[str, Any]:
        """Raises Malformed; of a repeated key the last one counts."""
        if not isinstance(payload, str):
            raise Malformed("this subprotocol uses text frames")
        try:
            message = self._decoder.decode(payload)
        except _FAILURES:
            raise Malformed("not JSON") from None
        return _object(message)


class MsgpackCodec(Codec):
    """``beheard.v1.msgpack``."""

    name = "beheard.v1.msgpack"
    _encoder = msgspec.msgpack.Encoder()
    _decoder = msgspec.msgpack.Decoder()

    def encode(self, frame: Outgoing) -> bytes:
        """MessagePack."""
        return self._encoder.encode(frame)

    def decode(self, payload: str | bytes) -> dict[str, Any]:
        """Raises Malformed; of a repeated key the last one counts."""
        if not isinstance(payload, bytes):
            raise Malformed("this subprotocol uses binary frames")
        try:
            message = self._decoder.decode(payload)
        except _FAILURES:
            raise Malformed("not MessagePack") from None
        return _object(message)


def _object(message: object) -> dict[str, Any]:
    if not isinstance(message, dict):
        raise Malformed("not an object")
    return message


CODECS: Mapping[str, Codec] = {codec.name: codec for codec in (JsonCodec(), MsgpackCodec())}
DEFAULT_CODEC: Codec = CODECS[JsonCodec.name]


def choose_codec(offered: Sequence[str]) -> tuple[Codec, str | None]:
    """The client's first known subprotocol and its name, or JSON and None."""
    for name in offered:
        if name in CODECS:
            return CODECS[name], name
    return DEFAULT_CODEC, None


def is_plain(data: object) -> bool:
    """Whether `data` is what JSON and MessagePack share: objects with text keys, lists, text,
    64-bit integers, finite numbers, booleans, null; at most `DATA_DEPTH_MAX` deep."""
    waiting: list[tuple[Any, int]] = [(data, 0)]
    while waiting:
        value, depth = waiting.pop()
        kind = type(value)
        if kind is str or kind is bool or value is None:
            continue
        if depth > DATA_DEPTH_MAX:
            return False
        if kind is dict:
            for key, item in value.items():
                if type(key) is not str:
                    return False
                waiting.append((item, depth + 1))
        elif kind is list:
            waiting.extend([(item, depth + 1) for item in value])
        elif kind is int:
            if not INTEGER_MIN <= value <= INTEGER_MAX:
                return False
        elif kind is not float or not math.isfinite(value):
            return False
    return True


def iso(wall: float) -> str:
    """Unix seconds as ISO-8601 UTC with milliseconds and a Z."""
    at = datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")
    return at.replace("+00:00", "Z")
