"""Telemetry: what apps count, and what administrators make of all that is counted.

What the server counts itself is `practice.telemetry`; an app may use none of its names.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from beheard_hub.domain.kernel import Decision, Insert, Json, Read, Reply
from beheard_hub.domain.limits import (
    ROW_NUMBER_MAX,
    TELEMETRY_DAYS,
    TELEMETRY_DAYS_MAX,
    TOP_SCENARIOS,
)
from beheard_hub.domain.practice import commands as c
from beheard_hub.domain.practice.asking import Asked, Directory, Handler
from beheard_hub.domain.practice.telemetry import RESERVED
from beheard_hub.domain.practice.views import AS_ROLE
from beheard_hub.domain.practice.vocabulary import ADMIN
from beheard_hub.domain.refusals import Refusal
from beheard_hub.domain.validation import refused


def _record(asked: Asked) -> Decision[Directory]:
    """telemetry.record: as the app says it; of a session only its number is kept."""
    data: c.TelemetryRecord = asked.command.data
    if data.name.lower() in RESERVED:
        return asked.answered(refused({"name": "a name that the hub does not use itself"}))
    about = _number(data.session_id)
    if data.session_id is not None and about is None:
        return asked.answered(refused({"sessionId": "the number of a practice"}))
    row: dict[str, Json] = {
        "id": asked.ids.ordered(),
        "name": data.name,
        "properties": data.properties or {},
        "userId": asked.directory.user_id if asked.directory.known else None,
        "sessionId": about,
        "createdAt": asked.now,
    }
    recorded = Insert("practice.TelemetryEvent", row)
    return Decision(asked.directory, Reply({"recorded": True}), [recorded])


def _number(text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.isdecimal():
        return None
    return int(text) if int(text) <= ROW_NUMBER_MAX else None


def _span(data: c.TelemetrySpan, now: datetime) -> Mapping[str, Json] | Refusal:
    """What is added up: a year at most, so that it is soon done."""
    until = data.to or now
    since = data.from_ or until - timedelta(days=TELEMETRY_DAYS)
    if not timedelta() < until - since <= timedelta(days=TELEMETRY_DAYS_MAX):
        return refused({"from": f"before `to`, by at most {TELEMETRY_DAYS_MAX} days"})
    return {
        "since": since,
        "until": until,
        "name": data.name,
        "about_user": data.user_id,
        AS_ROLE: ADMIN,
    }


def _ask(asked: Asked) -> Decision[Directory]:
    """telemetry.summary, .series and .top_scenarios."""
    span = _span(asked.command.data, asked.now)
    if isinstance(span, Refusal):
        return asked.answered(span)
    return asked.answered(Read(asked.command.name, {**span, "limit": TOP_SCENARIOS}))


def _events(asked: Asked) -> Decision[Directory]:
    """telemetry.events: the newest first. An end that is not given is none: one that moved with the
    clock would lose rows between two pages."""
    data: c.TelemetryEvents = asked.command.data
    span = {
        "since": data.from_,
        "until": data.to,
        "name": data.name,
        "about_user": data.user_id,
        AS_ROLE: ADMIN,
    }
    return asked.page(data.cursor, data.limit, span)


COUNTING: Mapping[str, Handler] = {
    "telemetry.record": _record,
    "telemetry.summary": _ask,
    "telemetry.events": _events,
    "telemetry.series": _ask,
    "telemetry.top_scenarios": _ask,
}
