"""What is told of a practice session (spec 8): one row per event, with its fields exactly.

There is one stream: events are numbered for the participant, and who observes is shown the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class EventRow(msgspec.Struct, frozen=True):
    """One event and the names of its fields."""

    means: str
    fields: tuple[str, ...] = ()


EVENTS: Mapping[str, EventRow] = {
    "practice.message": EventRow("somebody said something; the full text", ("message",)),
    "practice.exchange_complete": EventRow("all lanes have spoken; the next message may come"),
    "practice.failed": EventRow("a lane has no words; practice.retry", ("lane", "retryable")),
    "practice.quota": EventRow(
        "the quota fell into another state", ("remaining", "total", "state")
    ),
    "practice.ended": EventRow("the session is over, and why", ("reason",)),
}
