"""Experiments of the library: those nearest to what both share, and those kept for the pool.

When both are ready the hub adds ideas that nobody has seen (spec 2.3, strategies.ready). What was
suggested to one of the two must not come again there, and the hub may not look: until the pool
opens a suggestion is its asker's alone. So the first `RESERVED` items of every session's own order
are never suggested to anybody; the pool is filled from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from beheard_hub.facilitation import Item
from beheard_hub.ports import Actor
from beheard_hub.reactions.tools import Tools

TYPE = "experiment_suggestion"
RESERVED = 15
CANDIDATES_MAX = 12


async def near(
    tools: Tools, actor: Actor, wanted: Sequence[str], limit: int = CANDIDATES_MAX
) -> list[dict[str, Any]]:
    """Rows of items that may be suggested, nearest to `wanted` first; any where nothing is wanted
    or the library has no vectors of this model yet."""
    rows: Sequence[Mapping[str, Any]] = ()
    if wanted:
        (vector,) = await tools.embedder.embed([" ".join(wanted)])
        args = {
            "vector": str(list(vector)),
            "model": tools.embedder.model,
            "seed": actor.session_id,
            "reserved": RESERVED,
            "limit": limit,
        }
        rows = await tools.reads.read(actor, "bundle.library_near", args)
    if not rows:
        rows = await _in_order(tools, actor, RESERVED, limit)
    return [_row(row) for row in rows]


async def unseen(tools: Tools, actor: Actor) -> list[Item]:
    """Reserved items that are not in the pool of an earlier round."""
    rows = await _in_order(tools, actor, 0, RESERVED)
    pool = await tools.reads.read(actor, "bundle.strategies", {})
    seen = [row["text"] for row in pool]
    fresh = [row for row in rows if not any(_is_of(text, row) for text in seen)]
    return [Item(**_row(row)) for row in fresh]


async def _in_order(
    tools: Tools, actor: Actor, offset: int, limit: int
) -> Sequence[Mapping[str, Any]]:
    args = {"seed": actor.session_id, "offset": offset, "limit": limit}
    return await tools.reads.read(actor, "bundle.library_any", args)


def _is_of(strategy: str, row: Mapping[str, Any]) -> bool:
    """Whether a strategy was made from this item: it begins with its title or its text."""
    return strategy.startswith((f"{row['title']}:", row["text"][:80]))


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "source": "global",
        "type": TYPE,
        "id": row["id"],
        "created_at": row["createdAt"],
        "consent": "not_applicable",
        "stage": 4,
        "text": row["text"],
        "fields": {"title": row["title"], "category": row["category"]},
    }
