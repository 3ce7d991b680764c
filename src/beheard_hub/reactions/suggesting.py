"""Ideas for the pool: from common ground and the library, and from nothing else (spec 2.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from beheard_hub.domain.kernel import Json
from beheard_hub.facilitation import Item, Suggestion
from beheard_hub.reactions import library
from beheard_hub.reactions.recording import note_items
from beheard_hub.reactions.tools import Tools, as_ai

Result = Mapping[str, Json]


async def suggest(tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]) -> Result:
    """Experiments from common ground and the library only.

    The asker's focus steers the choice, but the pool will be read by both: whatever a facilitator
    answers, no idea is said to address anything but common ground.
    """
    actor = as_ai(session_id, user_id, 4)
    focus = list(args["focusNeeds"])

    async def seen() -> tuple[Mapping[str, str], list[Item]]:
        rows = await tools.reads.read(actor, "bundle.common_ground", {})
        ground = {str(row["id"]): str(row["need"]) for row in rows}
        near = await library.near(tools, actor, [*focus, *ground.values()])
        return ground, [Item(**row) for row in near]

    ground, items = await tools.revocations.standing(session_id, seen)
    common = list(ground.values())
    note_items(tools, [("common_ground", id_) for id_ in ground], "shared")
    note_items(tools, [(item.type, item.id) for item in items], "global")
    found = await tools.facilitator.suggest(common, focus, items, args["count"])
    return {"suggestions": [_suggestion(item, common) for item in found]}


async def add_ideas(tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]) -> Result:
    """Ideas that nobody has seen, for the pool (spec 2.3, strategies.ready)."""
    items = await library.unseen(tools, as_ai(session_id, user_id, 4))
    note_items(tools, [(item.type, item.id) for item in items], "global")
    found = await tools.facilitator.suggest([], [], items, args["count"])
    return {"items": [_suggestion(item, ()) for item in found]}


def _suggestion(item: Suggestion, common: Sequence[str]) -> Result:
    return {
        "description": item.description,
        "needsAddressed": [need for need in item.needs_addressed if need in common],
        "duration": item.duration,
        "measureOfSuccess": item.measure_of_success,
    }
