"""How often those who watch are told the pieces of an answer: the more they are, the rarer, and the
longer each piece. What it costs to tell 500 people something is paid by everybody else's acks.

Pure: pieces in, pieces out. A piece that is held absorbs the next one, as in an outbox.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from beheard_hub.actors.answers import Thread
from beheard_hub.domain.sharding import shard_of
from beheard_hub.ports import Piece

TOLD_PER_SECOND_MAX = 1_000
"""To all who watch one session: 40 of them are told every piece, 500 two a second."""


class _Held:
    __slots__ = ("due_at", "piece")

    def __init__(self) -> None:
        self.piece: Piece | None = None
        self.due_at = float("-inf")


class Pacing:
    """What is held back of the answers under way of one host."""

    def __init__(self, mono: Callable[[], float]) -> None:
        self._mono = mono
        self._held: dict[Thread, _Held] = {}

    def take(self, thread: Thread, piece: Piece, ears: int) -> Piece | None:
        """What so many are told now: this piece with what was held before it, or nothing yet. That
        an answer begins, or is taken back, is told at once."""
        held = self._held.setdefault(thread, _Held())
        held.piece = piece if held.piece is None else _joined(held.piece, piece)
        if piece.text and piece.index and self._mono() < held.due_at:
            return None
        held.due_at = self._mono() + ears / TOLD_PER_SECOND_MAX
        return self.release(thread)

    def release(self, thread: Thread) -> Piece | None:
        """What is held of that answer, to be told now."""
        held = self._held.get(thread)
        if held is None:
            return None
        piece, held.piece = held.piece, None
        return piece

    def due(self) -> Sequence[Thread]:
        """Answers of which something was held long enough."""
        now = self._mono()
        return [
            thread
            for thread, held in self._held.items()
            if held.piece is not None and held.due_at <= now
        ]

    def over(self, thread: Thread) -> None:
        """The answer is stored, and told as a whole; or it is given up."""
        self._held.pop(thread, None)

    def forget_shards(self, lost: set[int]) -> None:
        """Another host has these shards now."""
        for thread in [thread for thread in self._held if shard_of(thread[0]) in lost]:
            del self._held[thread]


def _joined(held: Piece, later: Piece) -> Piece:
    if later.reset or later.message_id != held.message_id:
        return later
    return msgspec.structs.replace(later, text=held.text + later.text, reset=held.reset)
