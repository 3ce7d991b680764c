"""From stored facts to a state: the layout of `hub.load_practice`.

``session`` is the row with ``lastAt`` (time of the newest message, or of the start); ``invitation``
{observed, expiresAt, revokedAt} or null; ``quota`` {tokens} and ``usage`` {inputTokens,
outputTokens} are the invitation's, or the session's own; ``exchange`` is null or the newest message
of the user with what answers it: {userMessageId, partnerMessageId, coachMessageId}; ``reminders``
are those that have not fired; ``erased`` says that the participant is leaving, or has left.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from beheard_hub.domain.kernel import Loaded
from beheard_hub.domain.practice.protocol import LANES
from beheard_hub.domain.practice.state import Exchange, Quota, State
from beheard_hub.domain.practice.vocabulary import EXCHANGE, OPEN

Facts = Mapping[str, Any]


def load(loaded: Loaded) -> State:
    """The state that these facts describe."""
    facts = loaded.facts
    session: Facts = facts["session"]
    invitation: Facts = facts.get("invitation") or {}
    used: Facts = facts["usage"]
    return State(
        id=str(session["id"]),
        user_id=None if facts.get("erased") else session.get("userId"),
        invitation_id=session.get("invitationId"),
        scenario_id=session["scenarioId"],
        status=session["status"],
        started_at=_time(session["startedAt"]),
        ended_at=_time(session.get("endedAt")),
        total_messages=session["totalMessages"],
        last_at=_time(session.get("lastAt") or session["startedAt"]),
        quota=Quota(facts["quota"]["tokens"], used["inputTokens"], used["outputTokens"]),
        observed=bool(invitation.get("observed")),
        expires_at=_time(invitation.get("expiresAt")),
        revoked_at=_time(invitation.get("revokedAt")),
        exchange=_exchange(facts) if session["status"] in OPEN else None,
    )


def _exchange(facts: Facts) -> Exchange | None:
    """What has not been answered by every lane: it fails where no reminder asks for it."""
    newest: Facts | None = facts.get("exchange")
    if newest is None:
        return None
    lane = next((name for name in LANES if newest.get(f"{name}MessageId") is None), None)
    if lane is None:
        return None
    number = int(newest["userMessageId"])
    asking = {
        int(one["payload"]["messageId"]): str(one["id"])
        for one in facts.get("reminders") or ()
        if one["kind"] == EXCHANGE
    }
    return Exchange(number, lane, asking.get(number))


def _time(value: Any) -> datetime | None:
    """Facts come as JSON, where a time is ISO 8601 text."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value
