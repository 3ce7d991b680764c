"""Nothing that was read before a revocation is used after it.

A read takes time. What it found may be taken back while it is still on its way: then it would be
shown, or given to a model, after whoever took it back was told that it is gone. So whoever shows
shared content, or calls a model with it, reads through `Revocations.standing`: between its last
read and the return to the caller nothing was taken back in that session, and the caller goes on
without waiting for anything else. The host says `revoked` before the revocation's own ack.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

SESSIONS_MAX = 10_000
"""Sessions whose newest revocation is remembered: far more than are read at one moment."""
PREFIX = "revoked:"


class Revocations:
    """When something was last taken back, by session of this host."""

    def __init__(self) -> None:
        self._count = 0
        self._newest: OrderedDict[str, int] = OrderedDict()

    def newest(self, session_id: str) -> int:
        """A number that changes with every revocation in the session."""
        return self._newest.get(session_id, 0)

    def revoked(self, session_id: str) -> None:
        """Something was taken back, for good: what reads from now on does not find it."""
        self._count += 1
        self._newest[session_id] = self._count
        self._newest.move_to_end(session_id)
        if len(self._newest) > SESSIONS_MAX:
            self._newest.popitem(last=False)

    async def standing(self, session_id: str, read: Callable[[], Awaitable[T]]) -> T:
        """What `read` finds, read again until nothing was taken back meanwhile. Raises what `read`
        raises."""
        while True:
            before = self.newest(session_id)
            found = await read()
            if self.newest(session_id) == before:
                return found
