"""What a `Read` needs from the database, and how its rows become the reply, as in mediation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from beheard_hub.domain.kernel import Json, Read
from beheard_hub.domain.paging import page_of
from beheard_hub.domain.practice.views import (
    MESSAGE_REF,
    NOTE_REF,
    SESSION_REF,
    DbRow,
    Shape,
    shape,
)


class Plan(msgspec.Struct, frozen=True):
    """One list: what its rows are shown as. Its query has the name of the read."""

    kind: str
    plural: str
    column: str
    """By which its rows are ordered, the newest first."""


READS: Mapping[str, Plan] = {
    "practice.list": Plan(SESSION_REF, "sessions", "startedAt"),
    "practice.messages": Plan(MESSAGE_REF, "messages", "timestamp"),
    "practice.observe": Plan(MESSAGE_REF, "messages", "timestamp"),
    "note.list": Plan(NOTE_REF, "notes", "timestamp"),
}


def reply(read: Read, rows: Sequence[DbRow]) -> Mapping[str, Json]:
    """The reply of a read from the rows of its query."""
    plan = READS[read.query]

    def shaped(row: DbRow) -> Shape:
        return shape(plan.kind, row)

    return page_of(rows, read.args["page"], plan.plural, plan.column, shaped)
