"""What staff do beside a practice, in words: notes (spec 08)."""

from __future__ import annotations

from beheard_hub.domain.refusals import Code
from beheard_hub.gateway.documents.examples import ALICE, INVITATION, THING
from beheard_hub.gateway.documents.practising import NUMBER
from beheard_hub.gateway.documents.schema import TEXT, many, maybe, ref
from beheard_hub.gateway.documents.sections import Asked, Section, Shape, Word

NOTED = "Names the sum for the first time, and stays with it."

OBSERVING = Section(
    tags={"note": ("Notes", "What researchers write about a practice; only staff read it.")},
    summaries={
        "note.add": "Write a note on an invitation, or on its practice",
        "note.list": "List the notes on an invitation, newest first",
        "note.delete": "Delete an own note; administrators any",
        "practice.export": "Take a practice along as JSON Lines, people as pseudonyms",
    },
    asked={
        "note.add.sessionId": Asked("The practice it is about; of the same invitation.", NUMBER),
        "note.add.content": Asked("The note.", NOTED),
        "noteId": Asked("The note.", THING),
    },
    replies={
        "note.add": ("note",),
        "note.list": ("notes", "cursor", "hasMore"),
        "note.delete": ("deleted",),
    },
    shapes={
        "ObservationNote": Shape(
            "A researcher's note.",
            ("id", "invitationId", "sessionId", "researcherId", "content", "timestamp"),
        ),
    },
    words={
        "note": Word(ref("ObservationNote"), "The note as stored."),
        "notes": Word(many(ref("ObservationNote")), "Newest first."),
        "ObservationNote.invitationId": Word(TEXT, "What it is on.", INVITATION),
        "ObservationNote.sessionId": Word(maybe(TEXT), "The practice it is about.", NUMBER),
        "ObservationNote.content": Word(TEXT, "The note.", NOTED),
        "researcherId": Word(TEXT, "Who wrote it.", ALICE),
    },
    also={
        "note.add": (Code.NOT_FOUND,),
        "note.delete": (Code.NOT_FOUND,),
        "practice.export": (Code.FORBIDDEN, Code.NOT_FOUND),
    },
)
