"""What ends a session by itself, evaluated from `now` before every command and read.

Timers only make it happen unasked: whether one fires, fires late or never makes no difference to
what a command meets, nor to when the session ended.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from beheard_hub.domain.limits import INACTIVITY_AGE_MAX
from beheard_hub.domain.practice.protocol import ENDS, Policy
from beheard_hub.domain.practice.state import State
from beheard_hub.domain.practice.turn import Turn
from beheard_hub.domain.practice.vocabulary import (
    BY_EXPIRY,
    BY_IDLENESS,
    BY_REVOCATION,
    BY_TIME_LIMIT,
    OPEN,
)


def limits(state: State, policy: Policy) -> list[tuple[datetime, str]]:
    """When the session ends by itself, and why, for each limit that it has."""
    started, limit = state.started_at, policy.time_limit
    found = (
        (state.revoked_at, BY_REVOCATION),
        (state.expires_at, BY_EXPIRY),
        (started + limit if started is not None and limit is not None else None, BY_TIME_LIMIT),
        (state.last_at + INACTIVITY_AGE_MAX if state.last_at is not None else None, BY_IDLENESS),
    )
    return [(at, reason) for at, reason in found if at is not None]


def elapse(turn: Turn) -> None:
    """Ends a session of which a limit has passed; the earliest counts."""
    if turn.state.status not in OPEN:
        return
    passed = [one for one in limits(turn.state, turn.policy) if one[0] <= turn.now]
    if passed:
        at, reason = min(passed, key=lambda one: one[0])
        end(turn, reason, at)


def invitation_is_over(state: State, now: datetime) -> bool:
    """Expired or taken back."""
    ends = (state.expires_at, state.revoked_at)
    return any(at is not None and at <= now for at in ends)


def end(turn: Turn, reason: str, at: datetime) -> None:
    """The session is over, for the reason and at the time of its cause. A call under way is
    stopped; should it have succeeded all the same, it is charged when it comes."""
    state, exchange = turn.state, turn.state.exchange
    if exchange is not None and exchange.reminder is not None:
        turn.done.append(exchange.reminder)
        turn.effects.append(f"drop:{exchange.reminder}")
        state.late = exchange.reminder
    state.exchange = None
    state.status = ENDS[reason].status
    state.ended_at = max(at, state.started_at or at)
    turn.tell("practice.ended", reason=reason)
    lasted = state.ended_at - (state.started_at or state.ended_at)
    turn.count(
        "conversation_ended",
        reason=reason,
        durationMs=lasted // timedelta(milliseconds=1),
        messageCount=state.total_messages,
    )
