"""How a session begins: started by its participant, or opened by claiming an invitation."""

from __future__ import annotations

from datetime import datetime

import msgspec

from beheard_hub.domain.kernel import Due, Ids, Insert, Json
from beheard_hub.domain.limits import INACTIVITY_AGE_MAX
from beheard_hub.domain.practice.protocol import Policy
from beheard_hub.domain.practice.state import Numbers, Quota, State
from beheard_hub.domain.practice.telemetry import counted
from beheard_hub.domain.practice.vocabulary import ACTIVE, EXPIRY, IDLE, SESSION, TIME_LIMIT


class Invited(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation that is being claimed, and is neither expired nor taken back."""

    id: str
    observed: bool
    expires_at: datetime


class Opened(msgspec.Struct, frozen=True):
    """A session under way to its first commit."""

    state: State
    rows: list[Insert]
    dues: list[Due]


def opened(
    user_id: str,
    scenario_id: int,
    given: Quota,
    label: str | None,
    invited: Invited | None,
    policy: Policy,
    now: datetime,
    ids: Ids,
    numbers: Numbers,
) -> Opened:
    """A new session. What an invitation gives is counted there; `given` stands in the session's own
    row where there is none."""
    state = State(
        id=str(numbers.number(SESSION)),
        user_id=user_id,
        invitation_id=invited.id if invited is not None else None,
        scenario_id=scenario_id,
        status=ACTIVE,
        started_at=now,
        last_at=now,
        quota=given,
        observed=invited is not None and invited.observed,
        expires_at=invited.expires_at if invited is not None else None,
    )
    values: dict[str, Json] = {
        "id": int(state.id),
        "userId": user_id,
        "invitationId": state.invitation_id,
        "scenarioId": scenario_id,
        "status": ACTIVE,
        "startedAt": now,
        "totalMessages": 0,
        "quota": {"tokens": given.tokens, "label": label} if invited is None else None,
    }
    ends = {
        IDLE: now + INACTIVITY_AGE_MAX,
        EXPIRY: state.expires_at,
        TIME_LIMIT: now + policy.time_limit if policy.time_limit is not None else None,
    }
    dues = [
        Due(id=ids.ordered(), kind=kind, at=at, user_id=user_id, session_id=state.id)
        for kind, at in ends.items()
        if at is not None
    ]
    start = {"scenarioId": scenario_id, "invited": invited is not None}
    rows = [
        Insert("practice.ConversationSession", values),
        counted("conversation_started", start, user_id, state.id, now, ids),
    ]
    return Opened(state, rows, dues)
