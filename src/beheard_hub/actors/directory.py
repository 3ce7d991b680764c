"""Commands without a session: decided one at a time per user, on facts loaded afresh.

What they change (relationships, invitations, lists) is written by several sessions too, so nothing
about a user is kept between two commands; their order per user is kept by this queue.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Set

from beheard_hub.actors.activation import UNAVAILABLE
from beheard_hub.actors.background import Background
from beheard_hub.actors.cell import DIRECTORY, Cell, Turn
from beheard_hub.actors.turns import CONFLICT, Turns
from beheard_hub.domain.sharding import home_of, shard_of
from beheard_hub.ports import SessionStore

WAITING_PER_USER_MAX = 64


class Directory:
    """The queues of users' commands without a session."""

    def __init__(self, store: SessionStore, background: Background, turns: Turns) -> None:
        self._store = store
        self._background = background
        self._turns = turns
        self._queues: dict[str, deque[Turn]] = {}
        self._inflight: dict[tuple[str, str], Turn] = {}

    def submit(self, turn: Turn) -> None:
        """Queues a command behind the user's earlier ones, or joins the same one under way."""
        joined = self._inflight.get(turn.key)
        if joined is not None:
            if joined.digest == turn.digest:
                joined.callers.extend(turn.callers)
            else:
                self._turns.outs.refuse(None, turn, CONFLICT)
            return
        queue = self._queues.get(turn.user_id)
        if queue is None:
            queue = self._queues[turn.user_id] = deque()
            self._background.spawn(self._run(turn.user_id, queue))
        elif len(queue) >= WAITING_PER_USER_MAX:
            self._turns.outs.refuse(None, turn, UNAVAILABLE)
            return
        self._inflight[turn.key] = turn
        queue.append(turn)

    def under_way(self, shards: Set[int]) -> bool:
        """Whether a user whose home is in these shards waits for an answer."""
        return any(shard_of(home_of("", user_id)) in shards for user_id, _ in self._inflight)

    async def _run(self, user_id: str, queue: deque[Turn]) -> None:
        try:
            while queue:
                await self._one(queue.popleft())
        finally:
            del self._queues[user_id]

    async def _one(self, turn: Turn) -> None:
        finished = asyncio.Event()
        turn.on_done = finished.set
        try:
            await self._turns.outs.run_for(None, turn, lambda: self._start(turn))
            await finished.wait()
        finally:
            self._inflight.pop(turn.key, None)

    async def _start(self, turn: Turn) -> None:
        receipt = None
        if turn.spec is not None and not turn.spec.reads:
            receipt = await self._store.receipt("", turn.user_id, turn.id)
        loaded = await self._store.load_directory(turn.user_id)
        unknown = turn.internal is None and loaded.facts.get("user") is None
        if unknown and await self._turns.merged(turn.user_id):
            self._turns.outs.refuse(None, turn, UNAVAILABLE)
            return
        cell = Cell(DIRECTORY + turn.user_id, turn.kind, turn.kind.load(loaded))
        cell.names = dict(loaded.names)
        if turn.internal is not None:
            self._turns.decide(cell, turn, turn.internal)
        elif receipt is None:
            self._turns.first(cell, turn)
        else:
            self._turns.duplicate(cell, turn, receipt)
