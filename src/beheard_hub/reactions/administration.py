"""What an administrator's command must know of the library: work outside the turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beheard_hub.domain.kernel import Json
from beheard_hub.ports import Actor
from beheard_hub.reactions.tools import Tools


async def look(
    tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]
) -> Mapping[str, Json] | None:
    """The item `itemId` and who gave it, or the user `contributorId`, as an administrator sees
    them; None where a wanted item is not there."""
    admin = Actor(user_id, role="admin")
    item, contributor = None, args["contributorId"]
    if args["itemId"] is not None:
        rows = await tools.reads.read(admin, "by_id.library_item", {"ids": [args["itemId"]]})
        if not rows:
            return None
        item, contributor = dict(rows[0]), rows[0]["contributedBy"]
    found = None
    if contributor is not None:
        people = await tools.reads.read(admin, "library.contributor", {"ids": [contributor]})
        found = {"name": people[0]["name"]} if people else None
    return {"item": item, "contributor": found}
