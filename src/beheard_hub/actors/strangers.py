"""What a host learns of a caller who is no member of the session (`CommandSpec.anyone`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from beheard_hub.actors.cell import Cell, Turn
from beheard_hub.ports import SessionStore

Learn = Callable[[SessionStore, Cell, Turn], Awaitable[None]]


def is_strange(cell: Cell, turn: Turn) -> bool:
    """Whether the command asks who its caller is, and nothing of that was read for it yet."""
    asks = turn.spec is not None and turn.spec.asks_who
    return asks and turn.asker is None and not cell.is_member(turn.user_id)


async def ask_who(store: SessionStore, cell: Cell, turn: Turn) -> None:
    """What is stored of the caller, for this command alone. Raises StoreUnavailable."""
    [loaded] = await store.load([(cell.key, [turn.user_id])])
    callers = {} if loaded is None else loaded.facts.get("callers", {})
    turn.asker = callers.get(turn.user_id, {})


async def introduce(store: SessionStore, cell: Cell, turn: Turn) -> None:
    """A live session meets somebody whose name it does not know. Raises StoreUnavailable."""
    [loaded] = await store.load([(cell.key, [turn.user_id])])
    if loaded is not None:
        cell.names.update(loaded.names)
    cell.names.setdefault(turn.user_id, None)
