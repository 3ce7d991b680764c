"""Telemetry in words: what apps count, and what administrators see of it."""

from __future__ import annotations

from beheard_hub.gateway.documents.examples import ALICE, AT, LATER, THING
from beheard_hub.gateway.documents.practising import NUMBER
from beheard_hub.gateway.documents.schema import BOOL, COUNT, TEXT, TIME, many, maybe, ref
from beheard_hub.gateway.documents.sections import Asked, Section, Shape, Word

PROPERTIES = {"screen": "scenarios", "seconds": 12}
FREE = {"type": "object", "additionalProperties": True}


def _shape(means: str, fields: str) -> Shape:
    return Shape(means, tuple(fields.split()))


COUNTING = Section(
    tags={
        "telemetry": (
            "Telemetry",
            "What apps and the hub count; what the hub counts itself no app can say.",
        ),
    },
    summaries={
        "telemetry.record": "Count something that happened in an app",
        "telemetry.summary": "Add up what happened in a span",
        "telemetry.events": "List what happened, newest first",
        "telemetry.series": "Add up what happened, day by day in UTC",
        "telemetry.top_scenarios": "List the scenarios in which most happened",
    },
    asked={
        "telemetry.record.name": Asked("What happened; not a name of the hub's own.", "help_read"),
        "properties": Asked("More about it; never what somebody said.", PROPERTIES),
        "telemetry.record.sessionId": Asked("The practice it happened in.", NUMBER),
        "from": Asked("Since when; nothing: 30 days before `to`. At most 366 days.", AT),
        "to": Asked("Before when; nothing: now.", LATER),
        "telemetry.events.from": Asked("Since when; nothing: since ever.", AT),
        **{
            f"telemetry.{name}.name": Asked("Only what is called so.", "message_sent")
            for name in ("summary", "events", "series")
        },
        "telemetry.top_scenarios.name": Asked(
            "What is counted; nothing: conversations that began.", "message_sent"
        ),
        **{
            f"telemetry.{name}.userId": Asked("Only of this user.", ALICE)
            for name in ("summary", "events", "series", "top_scenarios")
        },
    },
    replies={
        "telemetry.record": ("recorded",),
        "telemetry.summary": (
            "total", "users", "sessions", "names", "started", "ended", "averageDurationMs",
            "inputTokens", "outputTokens",
        ),
        "telemetry.events": ("events", "cursor", "hasMore"),
        "telemetry.series": ("series",),
        "telemetry.top_scenarios": ("scenarios",),
    },
    shapes={
        "TelemetryEvent": _shape(
            "Something that happened.", "id name properties userId sessionId createdAt"
        ),
        "NameCount": _shape("How often something happened.", "name count"),
        "DayCount": _shape("How much happened on one day.", "date count"),
        "ScenarioCount": _shape("How much happened in one scenario.", "slug name count"),
    },
    words={
        "telemetry.record.recorded": Word(BOOL, "It is counted.", True),
        "telemetry.summary.total": Word(COUNT, "How much happened.", 412),
        "telemetry.summary.users": Word(COUNT, "To how many users.", 31),
        "telemetry.summary.sessions": Word(COUNT, "In how many practices.", 40),
        "names": Word(many(ref("NameCount"), 100), "The most frequent first."),
        "started": Word(COUNT, "Conversations that began.", 40),
        "ended": Word(COUNT, "Conversations that ended.", 38),
        "averageDurationMs": Word(maybe(COUNT), "Of those that ended.", 1_260_000),
        "telemetry.events.events": Word(many(ref("TelemetryEvent")), "Newest first."),
        "series": Word(many(ref("DayCount")), "Every day of the span, in order."),
        "telemetry.top_scenarios.scenarios": Word(many(ref("ScenarioCount"), 10), "Most first."),
        "TelemetryEvent.id": Word(TEXT, "Its id.", THING),
        "TelemetryEvent.name": Word(TEXT, "What happened.", "message_sent"),
        "properties": Word(FREE, "More about it.", PROPERTIES),
        "TelemetryEvent.userId": Word(maybe(TEXT), "To whom; null: nobody known.", ALICE),
        "TelemetryEvent.sessionId": Word(maybe(TEXT), "In which practice.", NUMBER),
        "TelemetryEvent.createdAt": Word(TIME, "When.", AT),
        "NameCount.name": Word(TEXT, "What happened.", "message_sent"),
        "count": Word(COUNT, "How often.", 212),
        "date": Word({"type": "string", "format": "date"}, "The day, in UTC.", "2026-03-02"),
    },
)  # fmt: skip
