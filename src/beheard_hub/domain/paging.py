"""Pages of a list: where one ends, and where the next begins.

Queries get one row more than the page holds, so that `hasMore` is known; a page of text also ends
at 256 KB. The order is that of a time, then of the id: nothing is lost or repeated while rows are
added.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from beheard_hub.domain.kernel import Json
from beheard_hub.domain.limits import PAGE_BYTES_MAX

ENVELOPE_BYTES = 8 * 1024
"""Room that a page leaves for its frame."""


def cursor(row: Mapping[str, Any], column: str) -> str:
    """Where the page after this row begins: opaque to clients."""
    text = f"{row[column].isoformat()}|{row['id']}"
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def page_args(given: str | None, limit: int) -> dict[str, Json] | None:
    """Query arguments of one page, or None if the cursor is not one of ours."""
    before: dict[str, Json] = {"before_at": None, "before_id": None}
    if given is not None:
        try:
            text = urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode()
            at, _, row_id = text.partition("|")
            before = {"before_at": datetime.fromisoformat(at), "before_id": row_id}
        except ValueError:
            return None
        if before["before_at"].tzinfo is None or not row_id:
            return None
    return {**before, "limit": limit + 1, "page": limit}


def page_of(
    rows: Sequence[Mapping[str, Any]],
    most: int,
    plural: str,
    column: str,
    shaped: Callable[[Mapping[str, Any]], Json],
) -> Mapping[str, Json]:
    """The reply with the first `most` rows, ordered by `column`, or as many as fit."""
    shown: list[Json] = []
    size = 0
    for row in rows[:most]:
        item = shaped(row)
        size += len(msgspec.json.encode(item)) + 1
        if shown and size > PAGE_BYTES_MAX - ENVELOPE_BYTES:
            break
        shown.append(item)
    more = len(rows) > len(shown)
    return {
        plural: shown,
        "cursor": cursor(rows[len(shown) - 1], column) if more else None,
        "hasMore": more,
    }
