"""What a `Read` needs from the database, and how its rows become the reply, as in mediation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from beheard_hub.domain.kernel import Json, Read
from beheard_hub.domain.paging import page_of
from beheard_hub.domain.practice.views import (
    INVITATION_LISTED,
    MESSAGE_REF,
    NOTE_REF,
    PRESET_REF,
    SCENARIO,
    SESSION_REF,
    TELEMETRY,
    DbRow,
    Shape,
    shape,
)


class Plan(msgspec.Struct, frozen=True):
    """What the rows of a read are shown as, and in which field of the reply. Its query has the name
    of the read."""

    kind: str
    field: str
    column: str | None
    """By which the rows of a list are ordered, the newest first; None: it is one row."""


READS: Mapping[str, Plan] = {
    "practice.list": Plan(SESSION_REF, "sessions", "startedAt"),
    "practice.scenarios": Plan(SCENARIO, "scenarios", "createdAt"),
    "practice.scenario": Plan(SCENARIO, "scenario", None),
    "practice.messages": Plan(MESSAGE_REF, "messages", "timestamp"),
    "practice.observe": Plan(MESSAGE_REF, "messages", "timestamp"),
    "note.list": Plan(NOTE_REF, "notes", "timestamp"),
    "practice_invitation.list": Plan(INVITATION_LISTED, "invitations", "createdAt"),
    "telemetry.events": Plan(TELEMETRY, "events", "createdAt"),
}

ROWS = "rows"
"""The part that says whether there is such a thing at all."""
DETAILS: Mapping[str, Mapping[str, str]] = {
    "practice_invitation.get": {
        ROWS: "practice_invitation.one",
        "sessions": "practice_invitation.sessions",
        "notes": "practice_invitation.notes",
        "usage": "practice_invitation.usage",
    },
}
"""Reads of one thing with what hangs on it: part → its query."""
NEWEST_MAX = 10
"""How many notes come with an invitation; note.list has all."""

ADDED_UP: Mapping[str, str | None] = {
    "telemetry.summary": None,
    "telemetry.series": "series",
    "telemetry.top_scenarios": "scenarios",
}
"""Reads whose rows are shown as the database adds them up: in which field, None: its one row is the
reply."""

WHOLE: Mapping[str, tuple[str, str]] = {"preset.list": (PRESET_REF, "presets")}
"""Lists that are never long enough for pages: what a row is shown as, and in which field."""


def queries(read: str) -> Mapping[str, str]:
    """Part → query of a read."""
    return DETAILS.get(read, {ROWS: read})


def reply(read: Read, parts: Mapping[str, Sequence[DbRow]]) -> Mapping[str, Json]:
    """The reply of a read from the rows of its queries."""
    if read.query in DETAILS:
        return _detail(parts)
    if read.query in WHOLE:
        kind, plural = WHOLE[read.query]
        return {plural: [shape(kind, row) for row in parts[ROWS]]}
    if read.query in ADDED_UP:
        field, sums = ADDED_UP[read.query], [dict(row) for row in parts[ROWS]]
        return sums[0] if field is None else {field: sums}
    plan, rows = READS[read.query], parts[ROWS]

    def shaped(row: DbRow) -> Shape:
        return shape(plan.kind, row)

    if plan.column is None:
        return {plan.field: shaped(rows[0])}
    return page_of(rows, read.args["page"], plan.field, plan.column, shaped)


def _detail(parts: Mapping[str, Sequence[DbRow]]) -> Mapping[str, Json]:
    """practice_invitation.get: the invitation, its session, its newest notes, and what each lane
    has used."""
    return {
        "invitation": shape(INVITATION_LISTED, parts[ROWS][0]),
        "sessions": [shape(SESSION_REF, row) for row in parts["sessions"]],
        "notes": [shape(NOTE_REF, row) for row in parts["notes"]],
        "usage": [dict(row) for row in parts["usage"]],
    }
