"""What time does by itself, evaluated from `now` before every command and read (spec 2.1).

Timers only make it happen unasked: whether a timer fires, fires late or never makes no
difference to what a command meets.
"""

from __future__ import annotations

from beheard_hub.domain.limits import INACTIVITY_AGE_MAX, PAUSE_AGE_MAX
from beheard_hub.domain.mediation.turn import Turn
from beheard_hub.domain.mediation.vocabulary import (
    ABANDONED,
    ACTIVE,
    CREATED,
    EXPIRED,
    INVITED,
    PAUSED,
    PENDING,
)


def elapse(turn: Turn) -> None:
    """Lets an invitation expire and a session end that was paused or left alone for too long."""
    _expire_invitation(turn)
    state = turn.state
    if state.status == PAUSED:
        since, limit = state.paused_at, PAUSE_AGE_MAX
    elif state.status in (ACTIVE, CREATED):
        since, limit = state.active_at, INACTIVITY_AGE_MAX
    else:
        return
    if since is not None and turn.now >= since + limit:
        abandon(turn)


def _expire_invitation(turn: Turn) -> None:
    state, sent = turn.state, turn.state.invitation
    if state.status == INVITED and sent is not None and turn.now >= sent.expires_at:
        close_invitation(turn)
        state.status = CREATED
        turn.session(status=CREATED)
        turn.tell("invitation.expired")


def close_invitation(turn: Turn) -> None:
    """An invitation that is out becomes EXPIRED."""
    sent = turn.state.invitation
    if sent is not None and sent.status == PENDING:
        turn.state.invitation = type(sent)(
            sent.id, sent.invited_by, sent.target, EXPIRED, sent.created_at, sent.expires_at,
            sent.resends, sent.sent_at,
        )  # fmt: skip
        turn.update("Invitation", {"id": sent.id}, status=EXPIRED)


def abandon(turn: Turn) -> None:
    """The session ends without a resolution; nobody is told why."""
    close_invitation(turn)
    turn.hush(ended=True)
    turn.state.status = ABANDONED
    turn.session(status=ABANDONED)
    turn.tell("session.abandoned")
