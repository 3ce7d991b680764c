"""Which notifications a user means to have read: work outside the turn, for the directory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beheard_hub.domain.kernel import Json
from beheard_hub.domain.limits import NOTIFICATIONS_READ_AT_ONCE_MAX
from beheard_hub.ports import Actor
from beheard_hub.reactions.tools import Tools


async def find(
    tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]
) -> Mapping[str, Json]:
    """Unread ones of the user, the oldest first: of those named, or of all (`ids` None).

    No more than fit one commit; `unread` counts all there are.
    """
    actor = Actor(user_id)
    limit = NOTIFICATIONS_READ_AT_ONCE_MAX
    wanted = {"ids": args["ids"], "limit": limit}
    rows = await tools.reads.read(actor, "notifications.find", wanted)
    [count] = await tools.reads.read(actor, "notifications.count", {})
    return {"ids": [row["id"] for row in rows], "unread": count["count"]}
