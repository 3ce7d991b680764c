"""Events that were sent to somebody online, until a device says that it has them (spec 07).

A dead socket looks alive for a while. So whoever is online is given `RECEIVE_SECONDS` to confirm;
what is not confirmed by then is treated as if nobody had been there. Pure: no task, no link; known
to one host, while it lives. Whoever takes its shards looks into the log instead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from beheard_hub.actors.recording import Event

RECEIVE_SECONDS = 3.0
WAITING_MAX = 50_000
"""Beyond it the oldest are not waited for any longer."""

Key = tuple[str, str]
"""Session, user."""


class Unconfirmed:
    """What one host waits for. `mono` is its monotonic clock, in seconds."""

    def __init__(self, mono: Callable[[], float]) -> None:
        self._mono = mono
        self._waiting: deque[tuple[float, Key, Event]] = deque()
        self._count: dict[Key, int] = {}
        self._received: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def wait(self, session_id: str, event: Event) -> None:
        """The event is about to be sent."""
        key = (session_id, event.user_id)
        self._waiting.append((self._mono() + RECEIVE_SECONDS, key, event))
        self._count[key] = self._count.get(key, 0) + 1

    def received(self, session_id: str, user_id: str, seq: int) -> None:
        """A device has everything up to `seq`."""
        key = (session_id, user_id)
        if key in self._count:
            self._received[key] = max(seq, self._received.get(key, 0))

    def overdue(self) -> Mapping[Key, list[Event]]:
        """What nobody has confirmed in time, in order; each is named once."""
        now = self._mono()
        late: dict[Key, list[Event]] = {}
        while self._waiting and (self._waiting[0][0] <= now or len(self._waiting) > WAITING_MAX):
            _, key, event = self._waiting.popleft()
            if event.seq > self._received.get(key, 0):
                late.setdefault(key, []).append(event)
            self._count[key] -= 1
            if not self._count[key]:
                del self._count[key]
                self._received.pop(key, None)
        return late
