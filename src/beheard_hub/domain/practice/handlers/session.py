"""The session as a whole: reading it, ending it, and what time and its invitation do to it."""

from __future__ import annotations

from collections.abc import Mapping

from beheard_hub.domain.kernel import Read, Ref
from beheard_hub.domain.limits import INACTIVITY_AGE_MAX
from beheard_hub.domain.paging import page_args
from beheard_hub.domain.practice import commands as c
from beheard_hub.domain.practice import internal as i
from beheard_hub.domain.practice.elapse import elapse, end
from beheard_hub.domain.practice.turn import Handler, Outcome, Turn
from beheard_hub.domain.practice.views import AS_ROLE, SESSION_REF, quota
from beheard_hub.domain.practice.vocabulary import BY_USER, IDLE, OPEN
from beheard_hub.domain.validation import refused

TRANSCRIPT_MESSAGES_MAX = 100
"""In the snapshot of an observer."""


def complete(turn: Turn) -> Outcome:
    """practice.complete: an answer under way comes too late."""
    end(turn, BY_USER, turn.now)
    return {"session": Ref(SESSION_REF, turn.state.id)}


def get(turn: Turn) -> Outcome:
    """practice.get: as the `snapshot` frame says it, without the exchange."""
    return {"session": Ref(SESSION_REF, turn.state.id), "quota": quota(turn.state.quota)}


def messages(turn: Turn) -> Outcome:
    """practice.messages: newest first; the walls let staff see them in that role only."""
    data: c.PracticeMessages = turn.command.data
    page = page_args(data.cursor, data.limit)
    if page is None:
        return refused({"cursor": "a cursor of this list"})
    own = turn.command.user_id == turn.state.user_id
    return Read("practice.messages", {**page, AS_ROLE: None if own else turn.asker.role})


def observe(turn: Turn) -> Outcome:
    """practice.observe: the newest page of what had been said by this state; what comes later comes
    as events. Older pages are asked for with its cursor, by practice.messages."""
    page = page_args(None, TRANSCRIPT_MESSAGES_MAX)
    assert page is not None, "there is a first page"
    said = {"total": turn.state.total_messages}
    return Read("practice.observe", {**page, **said, AS_ROLE: turn.asker.role})


def timer(turn: Turn) -> Outcome:
    """internal.practice_timer: what it is for was noticed on the way in. Only idleness is put off,
    by every message."""
    data: i.Timer = turn.command.data
    turn.done.append(data.reminder_id)
    state = turn.state
    if data.kind == IDLE and state.status in OPEN and state.last_at is not None:
        turn.remind(IDLE, state.last_at + INACTIVITY_AGE_MAX)
    return None


def revoked(turn: Turn) -> Outcome:
    """internal.practice_revoked: the session ends with its invitation."""
    data: i.Revoked = turn.command.data
    turn.done.append(data.reminder_id)
    if turn.state.revoked_at is None:
        turn.state.revoked_at = min(data.at, turn.now)  # clocks of two hosts differ
        elapse(turn)
    return None


def resumed(turn: Turn) -> Outcome:
    """internal.practice_resumed: the participant's stream goes on where it had stopped."""
    turn.count("reconnection")
    return None


SESSION: Mapping[str, Handler] = {
    "practice.complete": complete,
    "practice.get": get,
    "practice.messages": messages,
    "practice.observe": observe,
    "internal.practice_timer": timer,
    "internal.practice_revoked": revoked,
    "internal.practice_resumed": resumed,
}
