"""What became of telling somebody outside the hub (spec 07).

The session's own turn writes it, so that it is as durable as everything else and a retry is found
by whichever host has the session then.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from beheard_hub.domain.kernel import Command, Decision, Due, Ids, Update
from beheard_hub.domain.mediation.directory_state import Directory
from beheard_hub.domain.mediation.internal import Delivered, TokenGone
from beheard_hub.domain.mediation.turn import Handler, Outcome, Turn
from beheard_hub.domain.mediation.vocabulary import DEVICE_GONE
from beheard_hub.domain.notifying import UNDELIVERED, Undelivered, notification
from beheard_hub.domain.sharding import home_of


def delivered(turn: Turn) -> Outcome:
    """internal.delivered: the reminder is done or comes later; a seat that was erased has no
    notifications any more."""
    data: Delivered = turn.command.data
    seat = turn.state.seat(turn.user)
    if data.retry_at is None:
        turn.done.append(data.reminder_id)
    else:
        turn.update("hub.Reminder", {"id": data.reminder_id}, dueAt=data.retry_at)
    if seat is None or seat.erased:
        return None
    if data.notification_id is not None:
        key = {"id": data.notification_id, "userId": turn.user}
        turn.update("hub.Notification", key, deliveredVia=data.via)
    if data.token_digest is not None:
        turn.dues.append(
            Due(
                id=turn.ids.ordered(),
                kind=DEVICE_GONE,
                at=turn.now,
                user_id=turn.user,
                payload={"digest": data.token_digest},
                session_id=home_of("", turn.user),
            )
        )
    return None


def undelivered(turn: Turn) -> Outcome:
    """internal.undelivered: no device confirmed these, so they are left in the inbox and pushed."""
    data: Undelivered = turn.command.data
    seat = turn.state.seat(turn.user)
    if seat is None or seat.erased:
        return None
    for name, at in data.events:
        row, due = notification(turn.state.id, turn.user, name, at, turn.now, turn.ids)
        turn.rows.append(row)
        turn.dues.append(due)
    return None


DELIVERY: Mapping[str, Handler] = {
    "internal.delivered": delivered,
    UNDELIVERED: undelivered,
}


def forget_token(
    directory: Directory, command: Command, now: datetime, ids: Ids
) -> Decision[Directory]:
    """internal.token_gone: what was registered since stays."""
    data: TokenGone = command.data
    rows = []
    if data.same and not directory.erased:
        values = {"pushToken": None, "pushPlatform": None}
        rows.append(Update("User", {"id": directory.user_id}, values))
    return Decision(directory, None, rows=rows, done=[data.reminder_id])
