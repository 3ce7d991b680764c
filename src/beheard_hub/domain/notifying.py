"""What is left for somebody who was not there when an event came (spec 07): a line in the inbox,
and the reminder that pushes it. Which events do is a column of the kind's table of events."""

from __future__ import annotations

from datetime import datetime

import msgspec

from beheard_hub.domain.kernel import Due, Ids, Insert

UNDELIVERED = "internal.undelivered"


class Undelivered(msgspec.Struct, frozen=True, kw_only=True):
    """internal.undelivered: no device of `Command.user_id` has received these events."""

    events: tuple[tuple[str, str], ...]
    """(name, time in ISO 8601), in order."""


def notification(
    session_id: str, user_id: str, event: str, at: str, now: datetime, ids: Ids
) -> tuple[Insert, Due]:
    """The "Notification" row of one event, and its ``push`` reminder. The row is as old as the
    event: by that the two are known to belong together."""
    row = Insert(
        "hub.Notification",
        {
            "id": ids.ordered(),
            "userId": user_id,
            "sessionId": session_id,
            "type": event,
            "createdAt": at,
        },
    )
    due = Due(
        id=ids.ordered(),
        kind="push",
        at=now,
        user_id=user_id,
        payload={"notificationId": row.values["id"]},
    )
    return row, due
