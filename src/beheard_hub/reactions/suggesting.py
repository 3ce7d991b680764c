"""Ideas for the pool: from common ground and the library, and from nothing else (spec 2.3).

Both will read the pool, and `focusNeeds` are one user's own words: they steer which ideas are
found, and stand in none of them. An idea with a word of theirs that neither common ground nor the
library has is not shown; an experiment of the library as it is written comes in its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from beheard_hub.domain.kernel import Json
from beheard_hub.facilitation import Item, Suggestion
from beheard_hub.reactions import library
from beheard_hub.reactions.recording import note_items
from beheard_hub.reactions.tools import Tools, as_ai

Result = Mapping[str, Json]

KEY_CHARS = 5
WORD_CHARS_MIN = 3
DESCRIPTION_CHARS_MAX = 800
_WORD = re.compile(r"\w+")


async def suggest(tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]) -> Result:
    """Experiments from common ground and the library only. Whatever a facilitator answers, no idea
    is said to address anything but common ground, and none holds the asker's focus."""
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
    ideas = without_focus(found, focus, common, items)
    return {"suggestions": [_suggestion(idea, common) for idea in ideas]}


async def add_ideas(tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]) -> Result:
    """Ideas that nobody has seen, for the pool (spec 2.3, strategies.ready)."""
    items = await library.unseen(tools, as_ai(session_id, user_id, 4))
    note_items(tools, [(item.type, item.id) for item in items], "global")
    found = await tools.facilitator.suggest([], [], items, args["count"])
    return {"items": [_suggestion(item, ()) for item in found]}


def without_focus(
    found: Sequence[Suggestion], focus: Sequence[str], common: Sequence[str], items: Sequence[Item]
) -> list[Suggestion]:
    """`found`, in the same order, with items of the library where an idea tells of the focus; fewer
    where the library has no further one."""
    known = _keys(*common, *(text for item in items for text in (_title(item), item.text)))
    private = _keys(*focus) - known
    kept = [None if _keys(*_texts(idea)) & private else idea for idea in found]
    spare = (item for item in items if not any(idea and _is_of(idea, item) for idea in kept))
    ideas = [idea or _as_written(next(spare, None)) for idea in kept]
    return [idea for idea in ideas if idea is not None]


def _keys(*texts: str) -> set[str]:
    """Words by their first letters, so that "quietly" is "quiet"; short ones tell nothing."""
    words = (word for text in texts for word in _WORD.findall(text.casefold()))
    return {word[:KEY_CHARS] for word in words if len(word) >= WORD_CHARS_MIN}


def _texts(idea: Suggestion) -> list[str]:
    return [idea.description, idea.duration or "", idea.measure_of_success or ""]


def _title(item: Item) -> str:
    return str(item.fields["title"])


def _is_of(idea: Suggestion, item: Item) -> bool:
    """Whether an idea was made from this item: it names it, or begins with its text."""
    return _title(item) in idea.description or item.text[:80] in idea.description


def _as_written(item: Item | None) -> Suggestion | None:
    if item is None:
        return None
    return Suggestion(
        description=f"{_title(item)}: {item.text}"[:DESCRIPTION_CHARS_MAX],
        needs_addressed=(),
        duration=None,
        measure_of_success=None,
    )


def _suggestion(item: Suggestion, common: Sequence[str]) -> Result:
    return {
        "description": item.description,
        "needsAddressed": [need for need in item.needs_addressed if need in common],
        "duration": item.duration,
        "measureOfSuccess": item.measure_of_success,
    }
