"""The only maker of what a person sees of practice: shapes from the state, or from one row.

Fields that are not listed here do not leave the hub, even if a query returns them: prompts and
models of a scenario, tokens of an invitation, ids of other people. A field without a value is null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from beheard_hub.domain.kernel import Json, Ref
from beheard_hub.domain.practice.state import Quota, State

Shape: TypeAlias = Mapping[str, Json]
DbRow: TypeAlias = Mapping[str, Any]

SESSION_REF = "practice_session"
MESSAGE_REF = "practice_message"
NOTE_REF = "practice_note"
INVITATION_REF = "practice_invitation"
INVITATION_LISTED = "practice_invitation_listed"
TELEMETRY = "telemetry_event"
SCENARIO_REF = "practice_scenario"
PRESET_REF = "practice_preset"
USER_REF = "user"
"""The own account, shaped where all accounts are."""
SCENARIO = "scenario"
AS_ROLE = "as_role"
"""Argument of a `Read`: the role in which its rows are read, None: as the user one is."""


# ---- from the state


def quota(of: Quota) -> dict[str, Json]:
    """What is left: the fields of ``practice.quota``."""
    return {"remaining": of.remaining, "total": of.tokens, "state": of.level}


def session(state: State) -> Shape:
    """One session, the same for its participant and for who watches."""
    return {
        "id": state.id,
        "scenarioId": state.scenario_id,
        "invitationId": state.invitation_id,
        "status": state.status,
        "startedAt": state.started_at,
        "endedAt": state.ended_at,
        "durationSeconds": state.duration_seconds,
        "totalMessages": state.total_messages,
        "observed": state.observed,
    }


def snapshot(state: State) -> Shape:
    """The state of a `snapshot` frame: quota and session, and the exchange that is not complete."""
    under_way = state.exchange
    exchange = None
    if under_way is not None:
        exchange = {
            "messageId": str(under_way.message_id),
            "lane": under_way.lane,
            "failed": under_way.failed,
        }
    return {"session": session(state), "quota": quota(state.quota), "exchange": exchange}


def from_state(state: State, ref: Ref) -> Shape | None:
    """Shape of a ref that needs no text, or None where rows must be read."""
    return session(state) if ref == Ref(SESSION_REF, state.id) else None


# ---- from a row


def _session(row: DbRow) -> Shape:
    fields = (
        "scenarioId", "invitationId", "status", "startedAt", "endedAt", "durationSeconds",
        "totalMessages",
    )  # fmt: skip
    return {
        "id": str(row["id"]),
        **{field: row.get(field) for field in fields},
        "observed": bool(row.get("observed")),
    }


def _message(row: DbRow) -> Shape:
    return {
        "id": str(row["id"]),
        "sessionId": str(row["sessionId"]),
        "role": row.get("role"),
        "content": row.get("content"),
        "timestamp": row.get("timestamp"),
        "audioUrl": row.get("audioUrl"),
        "clientId": (row.get("metadata") or {}).get("clientId"),
    }


def _scenario(row: DbRow) -> Shape:
    fields = ("id", "name", "description", "slug", "partnerPersona")
    return {field: row.get(field) for field in fields}


def _note(row: DbRow) -> Shape:
    fields = ("id", "invitationId", "researcherId", "content", "timestamp")
    about = row.get("sessionId")
    return {
        **{field: row.get(field) for field in fields},
        "sessionId": str(about) if about is not None else None,
    }


_INVITATION = (
    "id", "label", "status", "scenarioId", "observed", "quota", "usage", "expiresAt", "revokedAt",
    "claimedAt", "createdById", "createdAt",
)  # fmt: skip


def _invitation(row: DbRow) -> Shape:
    """As whoever made it sees it. Link and QR code are known in that moment only."""
    return {field: row.get(field) for field in (*_INVITATION, "link", "qrCode")}


def _listed(row: DbRow) -> Shape:
    """As staff find it again."""
    about = row.get("sessionId")
    return {
        **{field: row.get(field) for field in _INVITATION},
        "sessionId": str(about) if about is not None else None,
    }


def _version(row: DbRow) -> Shape:
    """As administrators see it: never what the lanes are told, or by which model they speak."""
    more = {name: row.get(name) for name in ("version", "isActive")}
    return {**_scenario(row), "id": int(row["id"]), **more}


def _preset(row: DbRow) -> Shape:
    fields = ("id", "name", "label", "description", "isDefault", "sortOrder")
    return {
        **{field: row.get(field) for field in fields},
        "tokens": (row.get("quota") or {}).get("tokens"),
    }


def _telemetry(row: DbRow) -> Shape:
    fields = ("id", "name", "properties", "userId", "createdAt")
    about = row.get("sessionId")
    return {
        **{field: row.get(field) for field in fields},
        "sessionId": str(about) if about is not None else None,
    }


def offered(row: DbRow) -> Shape:
    """What whoever holds the token of an invitation may know, also without a login: nothing that
    anybody typed, and nobody's name."""
    return {
        "status": row["status"],
        "scenario": row["scenario"],
        "observed": row["observed"],
        "tokens": row["quota"]["tokens"],
        "expiresAt": row["expiresAt"],
    }


SHAPES: Mapping[str, Callable[[DbRow], Shape]] = {
    SESSION_REF: _session,
    MESSAGE_REF: _message,
    NOTE_REF: _note,
    INVITATION_REF: _invitation,
    INVITATION_LISTED: _listed,
    TELEMETRY: _telemetry,
    SCENARIO_REF: _version,
    PRESET_REF: _preset,
    SCENARIO: _scenario,
}
"""kind of `Ref`, or of what a list holds → its shape from one row with the database's columns."""


def shape(kind: str, row: DbRow) -> Shape:
    """The shape of one row."""
    return SHAPES[kind](row)
