"""What a `Read` needs from the database, and how its rows become the reply of spec 2.3.

The host runs each of a plan's named queries as the caller, gives it those of `Read.args` that it
asks for (plus ``session_id`` and ``user_id``), and calls `reply`. `domain.paging` cuts the pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from beheard_hub.domain.kernel import Json, Read, Ref
from beheard_hub.domain.mediation.state import State
from beheard_hub.domain.mediation.views import (
    DbRow,
    Names,
    Viewer,
    current_gates,
    shape,
    summary,
    viewer_of,
)
from beheard_hub.domain.paging import cursor, page_of

Parts = Mapping[str, Sequence[DbRow]]


class Context(msgspec.Struct, frozen=True):
    """Who reads, and the state in which the read was decided (None without a session)."""

    viewer: Viewer
    state: State | None
    names: Names


class Plan(msgspec.Struct, frozen=True):
    """One read: its queries by part, and what makes the reply of their rows."""

    queries: Mapping[str, str]
    make: Callable[[Parts, Mapping[str, Json], Context], Mapping[str, Json]]


# ---- lists


def _paged(kind: str, plural: str, column: str) -> Any:
    def make(parts: Parts, args: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
        def shaped(row: DbRow) -> Json:
            return shape(kind, row, context.viewer)

        return page_of(parts["rows"], args["page"], plural, column, shaped)

    return make


def _all(kind: str, plural: str) -> Any:
    def make(parts: Parts, args: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
        shown = [shape(kind, row, context.viewer) for row in parts["rows"]]
        return {plural: shown, **args.get("with", {})}

    return make


def _one(kind: str, name: str) -> Any:
    def make(parts: Parts, args: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
        return {name: shape(kind, parts["rows"][0], context.viewer)}

    return make


# ---- replies that need more than one list


def _sessions(parts: Parts, args: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
    rows = parts["rows"]
    more = len(rows) > args["page"]
    shown = rows[: args["page"]]
    return {
        "sessions": [Ref("session", row["id"]) for row in shown],
        "cursor": cursor(shown[-1], "createdAt") if more else None,
        "hasMore": more,
    }


def _session(parts: Parts, args: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
    state, row = context.state, parts["rows"][0]
    assert state is not None, "session.get belongs to a session"
    seat = state.seat(context.viewer.user_id)
    assert seat is not None, "members only"
    relationship = {
        field: row.get(f"relationship.{field}") for field in ("id", "createdAt", "sessionCount")
    }
    people = {known["userId"]: known["name"] for known in parts["people"]}
    return {
        "session": {
            **summary(state, context.viewer.user_id, {**context.names, **people}),
            "relationship": relationship,
            "currentGates": current_gates(seat),
            "resolvedAt": state.resolved_at,
            "outcome": state.outcome,
        }
    }


def _emotions(parts: Parts, args: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
    first = _paged("reading", "readings", "timestamp")(parts, args, context)
    found = parts["summary"][0] if parts["summary"] else {}
    change = (found.get("newest") or 0) - (found.get("first") or 0)
    direction = "STABLE" if change == 0 else "INCREASING" if change > 0 else "DECREASING"
    return {
        **first,
        "trend": {"direction": direction, "changeFromStart": change},
        "averageIntensity": found.get("average"),
    }


def _needs(parts: Parts, args: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
    return {
        "needs": [shape("need", row, context.viewer) for row in parts["rows"]],
        "clarifications": [
            shape("clarification", row, context.viewer) for row in parts["clarifications"]
        ],
        **args["with"],
    }


def _draft(parts: Parts, args: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
    rows = parts["rows"]
    return {"draft": shape("draft", rows[0], context.viewer) if rows else None, **args["with"]}


def _partner_attempt(
    parts: Parts, args: Mapping[str, Json], context: Context
) -> Mapping[str, Json]:
    rows = parts["rows"]
    attempt = shape("attempt", rows[0], context.viewer) if rows else None
    return {"attempt": attempt, **args["with"]}


def _feedback(parts: Parts, args: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
    row: DbRow = parts["rows"][0] if parts["rows"] else {}
    return {"feedback": row.get("feedback"), "sharedAt": row.get("sharedAt")}


def _shared(parts: Parts, args: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
    sides: dict[str, Json] = {"mine": [], "partner": []}
    for row in parts["rows"]:
        own = row["sourceUserId"] == context.viewer.user_id
        sides["mine" if own else "partner"].append(shape("consented_content", row, context.viewer))
    return sides


def _inbox(parts: Parts, args: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
    listed = _paged("notification", "notifications", "createdAt")(parts, args, context)
    return {**listed, "unreadCount": parts["count"][0]["count"]}


def _preview(parts: Parts, args: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
    row = parts["rows"][0]
    return {
        "invitation": {
            "invitedBy": {"name": row.get("inviterName")},
            "status": row.get("status"),
            "createdAt": row.get("createdAt"),
            "expiresAt": row.get("expiresAt"),
        }
    }


READS: Mapping[str, Plan] = {
    "session.list": Plan({"rows": "session.list"}, _sessions),
    "session.get": Plan({"rows": "by_id.session_detail", "people": "people"}, _session),
    "invitation.get": Plan({"rows": "invitation.preview"}, _preview),
    "library.list": Plan({"rows": "library.list"}, _paged("library_item", "items", "createdAt")),
    "profile.get": Plan({"rows": "user.own"}, _one("user", "user")),
    "identity.list": Plan({"rows": "identity.list"}, _all("identity", "identities")),
    "identity.get": Plan({"rows": "by_id.identity"}, _one("identity", "identity")),
    "contact.list": Plan({"rows": "contact.list"}, _all("contact", "contacts")),
    "user.list": Plan({"rows": "user.list"}, _paged("person", "users", "createdAt")),
    "user.get": Plan({"rows": "by_id.person"}, _one("person", "user")),
    "notifications.unread": Plan(
        {"rows": "notifications.unread", "count": "notifications.count"}, _inbox
    ),
    "message.list": Plan({"rows": "message.list"}, _paged("message", "messages", "timestamp")),
    "emotions.list": Plan({"rows": "reading.list", "summary": "reading.summary"}, _emotions),
    "event.list": Plan({"rows": "event.list"}, _paged("event", "events", "timestamp")),
    "boundary.list": Plan({"rows": "boundary.list"}, _paged("boundary", "boundaries", "createdAt")),
    "document.list": Plan({"rows": "document.list"}, _paged("document", "documents", "createdAt")),
    "recall.search": Plan({"rows": "recall.vessel"}, _all("moment", "moments")),
    "empathy.draft": Plan({"rows": "draft.own"}, _draft),
    "empathy.partner": Plan({"rows": "attempt.partner"}, _partner_attempt),
    "empathy.feedback": Plan({"rows": "feedback.received"}, _feedback),
    "needs.list": Plan({"rows": "need.list", "clarifications": "clarification.list"}, _needs),
    "common_ground.list": Plan(
        {"rows": "common_ground.list"}, _all("common_ground", "commonGround")
    ),
    "strategies.list": Plan({"rows": "strategy.list"}, _all("strategy", "strategies")),
    "agreement.list": Plan({"rows": "agreement.list"}, _all("agreement", "agreements")),
    "consent.pending": Plan(
        {"rows": "consent.pending"}, _all("consent_request", "pendingRequests")
    ),
    "consent.history": Plan(
        {"rows": "consent.history"}, _paged("consent_record", "records", "decidedAt")
    ),
    "shared.list": Plan({"rows": "shared.list"}, _shared),
}


def reply(
    read: Read, parts: Parts, state: State | None, user_id: str, names: Names
) -> Mapping[str, Json]:
    """The reply of a read from the rows of its queries; may hold `Ref`s (session.list)."""
    viewer = viewer_of(state, user_id) if state is not None else Viewer(user_id, "A")
    return READS[read.query].make(parts, read.args, Context(viewer, state, names))
