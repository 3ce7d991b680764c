"""The only maker of what a person sees of a session: the shapes of spec 5.4, exact to the field.

Three sources: the state (`summary`, `progress`, `snapshot`), one row of a named query (`shape`), or
all rows of a read (`mediation.reads`). Fields that are not listed here do not leave the hub, even
if a query returns them; a field without a value is null, never absent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from beheard_hub.domain.kernel import Json, Ref
from beheard_hub.domain.mediation.pace import (
    can_advance,
    gates_of,
    is_my_turn,
    shown_status,
    waits_for_partner,
)
from beheard_hub.domain.mediation.protocol import GATES_OF, LAST_STAGE
from beheard_hub.domain.mediation.state import Seat, State

Shape: TypeAlias = Mapping[str, Json]
Names: TypeAlias = Mapping[str, str | None]
DbRow: TypeAlias = Mapping[str, Any]

FORMER_PARTNER = "former partner"
"""Whom the partner of somebody who left still sees; the tombstone in "User" is called so too."""
INVITEE = ""
"""Key of `names` under which stands what the inviter typed, until somebody has joined."""


class Viewer(msgspec.Struct, frozen=True):
    """Who looks: ``seat`` is A (the session's creator) or B."""

    user_id: str
    seat: str


def viewer_of(state: State, user_id: str) -> Viewer:
    """The viewer that a user of this session is."""
    return Viewer(user_id, state.letter(user_id))


# ---- from the state


def progress(state: State, seat: Seat) -> Shape:
    """StageProgress of the user's own current stage."""
    row = seat.row
    return {
        "stage": row.stage,
        "status": row.status,
        "startedAt": row.started_at,
        "completedAt": row.completed_at,
        "gates": gates_of(seat, row.stage),
        "canAdvance": can_advance(state, seat),
    }


def partner_progress(seat: Seat | None) -> Shape | None:
    """Of the partner only stage and status; null until somebody has joined."""
    return None if seat is None else {"stage": seat.stage, "status": seat.row.status}


def summary(state: State, user_id: str, names: Names) -> Shape:
    """SessionSummary for one member."""
    seat = state.seat(user_id)
    assert seat is not None, "a summary is made for members"
    partner = state.partner_of(user_id)
    invited = state.invitation.target if state.invitation is not None else None
    typed = names.get(INVITEE) or (names.get(invited) if invited is not None else None)
    return {
        "id": state.id,
        "relationshipId": state.relationship_id,
        "status": shown_status(state, seat),
        "createdAt": state.created_at,
        "updatedAt": seat.event_at or state.created_at,
        "partner": {
            "id": partner.user_id if partner is not None else None,
            "name": _name_of(partner, names) if partner is not None else typed,
        },
        "myProgress": progress(state, seat),
        "partnerProgress": partner_progress(partner),
        "isMyTurn": is_my_turn(state, seat),
        "waitingOnPartner": waits_for_partner(state, seat),
    }


def _name_of(seat: Seat, names: Names) -> str | None:
    return FORMER_PARTNER if seat.erased else names.get(seat.user_id)


def current_gates(seat: Seat) -> list[Shape]:
    """The gates of the current stage, for session.get."""
    return [
        {
            "id": gate.key,
            "description": gate.means,
            "satisfied": seat.has_gate(gate.stage, gate.key),
            "requiredForAdvance": gate.stage < LAST_STAGE,
        }
        for gate in GATES_OF[seat.stage]
    ]


def gates(seat: Seat, stage: int) -> Shape:
    """gates.get: own gates of any stage, and when each was satisfied."""
    row = seat.progress.get(stage)
    at = row.gates if row is not None else {}
    return {
        "stage": stage,
        "gates": gates_of(seat, stage),
        "satisfiedAt": {gate.key: at.get(gate.key) for gate in GATES_OF[stage]},
    }


def snapshot(state: State, user_id: str, names: Names) -> Shape:
    """The state of a `snapshot` frame (spec 5.2)."""
    seat = state.seat(user_id)
    assert seat is not None, "a snapshot is made for members"
    pending = [key for key, consent in seat.consents.items() if consent.decision is None]
    return {
        "session": summary(state, user_id, names),
        "progress": progress(state, seat),
        "partner": partner_progress(state.partner_of(user_id)),
        "pendingConsents": [Ref("consent_request", key) for key in pending],
        "counts": {
            "needs": len(seat.needs),
            "events": len(seat.events),
            "boundaries": len(seat.boundaries),
            "documents": len(seat.documents),
            "strategies": seat.own_ideas,
            "pendingConsents": len(pending),
            "unanswered": len(seat.unanswered),
        },
    }


def from_state(state: State, ref: Ref, user_id: str, names: Names) -> Json:
    """Shape of a ref that needs no text, or None where rows must be read. Warnings about an edit
    are shown once, in the first reply: a repeated one has none."""
    if ref.kind == "warnings":
        return []
    seat = state.seat(user_id)
    if seat is None or ref.id != state.id:
        return None
    if ref.kind == "session":
        return summary(state, user_id, names)
    return progress(state, seat) if ref.kind == "progress" else None


# ---- from a row

FIELDS: Mapping[str, tuple[str, ...]] = {
    "reading": ("id", "intensity", "context", "stage", "timestamp"),
    "event": ("id", "description", "attributedTo", "emotions", "timestamp"),
    "boundary": ("id", "description", "nonNegotiable"),
    "document": ("id", "title", "content", "type"),
    "draft": ("id", "content", "version", "readyToShare", "updatedAt"),
    "attempt": ("id", "sourceUserId", "content", "sharedAt", "consentRecordId"),
    "need": ("id", "need", "category", "description", "evidence", "confirmed", "aiConfidence"),
    "clarification": ("id", "potentialNeed", "question", "evidenceSoFar", "answer", "answeredAt"),
    "strategy": ("id", "description", "needsAddressed", "duration", "measureOfSuccess"),
    "consent_record": (
        "id", "contentType", "decision", "decidedAt", "revokedAt", "contentDescription",
    ),
    "consented_content": (
        "id", "sourceUserId", "transformedContent", "consentedAt", "consentActive",
    ),
    "validation": ("id", "attemptId", "validated", "feedback", "feedbackShared", "validatedAt"),
    "moment": ("id", "type", "text", "stage", "timestamp", "similarity"),
    "notification": ("id", "sessionId", "type", "createdAt", "readAt"),
    "library_item": (
        "id", "title", "description", "category", "source", "isActive", "contributedBy",
        "contributionConsent", "createdAt", "updatedAt",
    ),
    "identity": ("id", "provider", "email", "createdAt"),
    "contact": ("id", "type", "value", "verified", "primary", "createdAt"),
    "person": ("id", "name", "email", "role", "createdAt", "lastLoginAt"),
    "user": (
        "id", "name", "avatarUrl", "role", "createdAt", "email", "activeSessions",
        "pushNotificationsEnabled",
    ),
}  # fmt: skip
"""Shapes whose fields are columns of the same name."""


def _picked(kind: str) -> Callable[[DbRow, Viewer], Shape]:
    fields = FIELDS[kind]

    def pick(row: DbRow, viewer: Viewer) -> Shape:
        return {field: row.get(field) for field in fields}

    return pick


def _message(row: DbRow, viewer: Viewer) -> Shape:
    shown = {
        field: row.get(field)
        for field in ("id", "sessionId", "senderId", "role", "content", "stage", "timestamp")
    }
    reading = None
    if row.get("emotionalReading.id") is not None:
        reading = {
            field: row.get(f"emotionalReading.{field}")
            for field in ("id", "intensity", "context", "stage", "timestamp")
        }
    return {**shown, "emotionalReading": reading}


def _common_ground(row: DbRow, viewer: Viewer) -> Shape:
    mine, theirs = ("confirmedByA", "confirmedByB")[:: 1 if viewer.seat == "A" else -1]
    return {
        **{field: row.get(field) for field in ("id", "need", "category", "description")},
        "confirmedByMe": bool(row.get(mine)),
        "confirmedByPartner": bool(row.get(theirs)),
        "confirmedAt": row.get("confirmedAt"),
    }


def _agreement(row: DbRow, viewer: Viewer) -> Shape:
    mine, theirs = ("agreedByA", "agreedByB")[:: 1 if viewer.seat == "A" else -1]
    first = ("id", "description", "type", "duration", "measureOfSuccess", "status")
    return {
        **{field: row.get(field) for field in first},
        "agreedByMe": bool(row.get(mine)),
        "agreedByPartner": bool(row.get(theirs)),
        **{field: row.get(field) for field in ("agreedAt", "followUpDate", "staleInput")},
    }


def _consent_request(row: DbRow, viewer: Viewer) -> Shape:
    fields = ("id", "contentType", "contentDescription", "transformedPreview")
    return {
        **{field: row.get(field) for field in fields},
        "originalContentId": row.get("targetId"),
        "originalContentSummary": row.get("contentDescription"),
    }


def _invitation(row: DbRow, viewer: Viewer) -> Shape:
    return {
        "id": row.get("id"),
        "sessionId": row.get("sessionId"),
        "invitedBy": {"id": row.get("invitedBy.id"), "name": row.get("invitedBy.name")},
        "status": row.get("status"),
        "createdAt": row.get("createdAt"),
        "expiresAt": row.get("expiresAt"),
    }


SHAPES: Mapping[str, Callable[[DbRow, Viewer], Shape]] = {
    **{kind: _picked(kind) for kind in FIELDS},
    "message": _message,
    "common_ground": _common_ground,
    "agreement": _agreement,
    "consent_request": _consent_request,
    "invitation": _invitation,
}
"""kind of `Ref` → its shape from one row with the database's column names."""


def shape(kind: str, row: DbRow, viewer: Viewer) -> Shape:
    """The shape of spec 5.4 for one row."""
    return SHAPES[kind](row, viewer)
