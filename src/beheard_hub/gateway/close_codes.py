"""Why a websocket ends: every close code, and what it tells the client to do (spec 5.2).

A number is never reused. The reason text that travels in the close frame is the row's slug.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import msgspec


class CloseCode(IntEnum):
    """Codes that the hub sends."""

    NORMAL = 1000
    NOT_UTF8 = 1007
    TOO_LARGE = 1009
    GONE = 1011
    RESTARTING = 1012
    OVERLOADED = 1013
    PROTOCOL = 4400
    UNAUTHENTICATED = 4401
    NOT_ALLOWED = 4403
    TOO_SLOW = 4408
    REPLACED = 4409
    TOO_MANY = 4429


class CloseRow(msgspec.Struct, frozen=True):
    """What one code means to a client."""

    slug: str
    meaning: str
    reconnect: bool
    """Whether connecting again, unchanged, may help."""
    after_ms: int
    """The shortest wait before that, in milliseconds; a client adds jitter and backs off."""


CLOSE_CODES: Mapping[CloseCode, CloseRow] = {
    CloseCode.NORMAL: CloseRow("bye", "The client said goodbye.", False, 0),
    CloseCode.NOT_UTF8: CloseRow("not-utf8", "A text frame was not UTF-8.", False, 0),
    CloseCode.TOO_LARGE: CloseRow("too-large", "A frame was over 256 KB.", False, 0),
    CloseCode.GONE: CloseRow("no-pong", "No answer to a ping within 20 s.", True, 0),
    CloseCode.RESTARTING: CloseRow("restarting", "The hub restarts or drains.", True, 500),
    CloseCode.OVERLOADED: CloseRow(
        "overloaded", "This gateway is full, or could not check the token now.", True, 5_000
    ),
    CloseCode.PROTOCOL: CloseRow("protocol", "Three malformed frames in a minute.", False, 0),
    CloseCode.UNAUTHENTICATED: CloseRow(
        "unauthenticated", "No valid token, or it expired: get a new one first.", False, 0
    ),
    CloseCode.NOT_ALLOWED: CloseRow("not-allowed", "This connection may not go on.", False, 0),
    CloseCode.TOO_SLOW: CloseRow(
        "too-slow", "The reader was slower than its events: resume by `after`.", True, 1_000
    ),
    CloseCode.REPLACED: CloseRow("replaced", "The operator ended this connection.", False, 0),
    CloseCode.TOO_MANY: CloseRow("too-many", "Too many connections or frames.", True, 10_000),
}
