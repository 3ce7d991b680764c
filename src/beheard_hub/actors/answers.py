"""Answers under way, as far as they have been told: for devices that come in the middle of one.

Nothing of this is stored. A device whose subscription goes live is sent the text so far as one
piece that resets, under the index of the newest piece in it; so whatever the device held before, it
shows what all the others show, and the next piece follows for all of them alike.
"""

from __future__ import annotations

import msgspec

from beheard_hub.domain.sharding import shard_of
from beheard_hub.ports import Piece

Thread = tuple[str, str]
"""Session and user: a thread has one answer at a time."""


class _Answer:
    __slots__ = ("newest", "texts", "torn")

    def __init__(self, first: Piece) -> None:
        self.newest = first
        self.texts: list[str] = []
        self.torn = False
        """Some piece of it was passed on to nobody."""


class Answers:
    """The running answers of one host; each is bounded by what can be stored (`speak`)."""

    def __init__(self) -> None:
        self._under_way: dict[Thread, _Answer] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def take(self, thread: Thread, piece: Piece, *, tell: bool) -> Piece | None:
        """Keeps a piece and returns what the devices are told; with `tell` false nothing now, and
        the whole with the next piece.

        A piece without text takes an answer back, and is always told. Of an answer that another
        one has followed nothing else is.
        """
        answer = self._under_way.get(thread)
        if answer is None or answer.newest.message_id != piece.message_id:
            if not piece.text:
                return piece
            if piece.index:
                return None
            answer = self._under_way[thread] = _Answer(piece)
        if piece.reset:
            answer.texts.clear()
        answer.newest = piece
        answer.texts.append(piece.text)
        if not piece.text:
            answer.torn = False
        elif not tell:
            answer.torn = True
            return None
        elif answer.torn:
            answer.torn = False
            return self.so_far(thread)
        return piece

    def so_far(self, thread: Thread) -> Piece | None:
        """All that was said of the thread's answer, or None where nothing is under way."""
        answer = self._under_way.get(thread)
        if answer is None:
            return None
        text = "".join(answer.texts)
        answer.texts = [text]
        newest = answer.newest
        return msgspec.structs.replace(newest, text=text, reset=True)

    def over(self, thread: Thread, message_id: str) -> None:
        """This answer is stored or given up."""
        answer = self._under_way.get(thread)
        if answer is not None and answer.newest.message_id == message_id:
            del self._under_way[thread]

    def follow(self, thread: Thread, now: Thread) -> None:
        """Whose thread it was is somebody else now."""
        if (answer := self._under_way.pop(thread, None)) is not None:
            self._under_way[now] = answer

    def forget_shards(self, lost: set[int]) -> None:
        """Another host has these shards now, and will answer anew."""
        for thread in [thread for thread in self._under_way if shard_of(thread[0]) in lost]:
            del self._under_way[thread]
