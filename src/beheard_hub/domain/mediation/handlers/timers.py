"""What a reminder's time brings; most of it has already happened in `elapse`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from beheard_hub.domain.limits import INACTIVITY_AGE_MAX
from beheard_hub.domain.mediation import commands as c
from beheard_hub.domain.mediation.turn import Handler, Outcome, Turn
from beheard_hub.domain.mediation.vocabulary import FINAL, RESOLVED


def timer(turn: Turn) -> Outcome:
    """internal.timer: expiry and abandonment were noticed on the way in; the rest is here."""
    data: c.Timer = turn.command.data
    turn.done.append(data.reminder_id)
    state = turn.state
    if data.kind == "follow_up" and state.status == RESOLVED:
        _follow_up(turn, data.agreement_id)
    if data.kind == "inactivity" and state.status not in FINAL and state.active_at is not None:
        again = state.active_at + INACTIVITY_AGE_MAX
        if again <= turn.now:  # somebody is awaited, or it rests: another limit counts meanwhile
            again = turn.now + INACTIVITY_AGE_MAX
        turn.remind("inactivity", again)
    return None


def _follow_up(turn: Turn, agreement_id: str | None) -> None:
    """Once: a reminder may come again before its first turn is durable. After that it never does,
    so the mark need not outlive the state in memory."""
    agreement = turn.state.agreements.get(agreement_id or "")
    if agreement is not None and agreement.follow_up is not None:
        turn.state.agreements[agreement_id or ""] = msgspec.structs.replace(
            agreement, follow_up=None
        )
        turn.tell("agreement.follow_up", agreementId=agreement_id)


def renamed(turn: Turn) -> Outcome:
    """internal.renamed: names are kept beside the state; of it changes who shows presence."""
    data: c.Renamed = turn.command.data
    turn.done.append(data.reminder_id)
    turn.names.update(data.names)
    for seat in turn.state.seats:
        seat.shows_presence = data.presence.get(seat.user_id, seat.shows_presence)
    return None


TIMERS: Mapping[str, Handler] = {"internal.timer": timer, "internal.renamed": renamed}
