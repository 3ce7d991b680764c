"""What the server itself counts of practice (spec 8): rows of "TelemetryEvent", in the commit of
what they count. Numbers, flags and words of ours; nothing that anybody said.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from beheard_hub.domain.kernel import Ids, Insert, Json
from beheard_hub.domain.practice.vocabulary import EXHAUSTED, WARNING

PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "conversation_started": ("scenarioId", "invited"),
    "message_sent": (),
    "reconnection": (),
    "stream_completed": ("lane", "inputTokens", "outputTokens"),
    "stream_error": ("lane", "retryable"),
    "quota_warning": ("remaining", "total"),
    "quota_exhausted": ("remaining", "total"),
    "conversation_ended": ("reason", "durationMs", "messageCount"),
    "observation_note_added": ("invitationId",),
    "invitation_created": ("invitationId", "scenarioId"),
    "invitation_claimed": ("invitationId",),
    "qr_scanned": ("invitationId",),
}
"""What the domain counts → its properties, exactly."""

FALLS: Mapping[str, str] = {WARNING: "quota_warning", EXHAUSTED: "quota_exhausted"}
"""State of a quota → how the fall into it is counted."""

RESERVED: frozenset[str] = frozenset(
    {
        *PROPERTIES,
        *("user_authenticated", "user_merged", "user_role_changed"),
    }
)
"""The whole catalogue: names that no client may use."""


def counted(
    name: str,
    properties: Mapping[str, Json],
    user_id: str | None,
    session_id: str | None,
    now: datetime,
    ids: Ids,
) -> Insert:
    """One row."""
    assert set(properties) == set(PROPERTIES[name]), f"properties of {name}"
    return Insert(
        "practice.TelemetryEvent",
        {
            "id": ids.ordered(),
            "name": name,
            "properties": properties,
            "userId": user_id,
            "sessionId": int(session_id) if session_id is not None else None,
            "createdAt": now,
        },
    )
