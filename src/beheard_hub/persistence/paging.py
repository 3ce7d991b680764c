"""Pages by keyset: a cursor names the last row of a page, so nothing is lost or repeated while rows
are added. To a client a cursor is opaque; it holds a time and an id, nothing private."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from beheard_hub.domain.limits import PAGE_BYTES_MAX

ENVELOPE_BYTES = 4 * 1024
"""What a reply needs around the rows of a page."""


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The last row of a page."""

    at: datetime
    id: str


class BadCursor(ValueError):
    """Not a cursor of ours."""


def packed(cursor: Cursor) -> str:
    """A cursor as a client sees it."""
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def unpacked(text: str) -> Cursor:
    """The inverse of `packed`. Raises BadCursor."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = msgspec.json.decode(raw, type=Cursor)
    except (binascii.Error, ValueError):
        raise BadCursor from None
    if cursor.at.tzinfo is None:
        raise BadCursor
    return cursor


def fitting(rows: Sequence[Mapping[str, Any]], limit: int) -> int:
    """How many of the rows make one page: at most `limit`, at most 256 KB, at least one."""
    room = PAGE_BYTES_MAX - ENVELOPE_BYTES
    for count, row in enumerate(rows[:limit]):
        room -= len(msgspec.json.encode(row)) + 1
        if room < 0:
            return max(count, 1)
    return min(limit, len(rows))
