"""Who has begun to listen to what, and when: whoever came after a notification was written has seen
what it is about, so nothing is pushed to them (spec 07). Known to one host, while it lives."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime

from beheard_hub.ports import Clock

REMEMBERED_MAX = 50_000


class Arrivals:
    """The newest subscription of each user to each session of a host."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    def came(self, session_id: str, user_id: str) -> None:
        """A subscription begins now."""
        key = (session_id, user_id)
        self._newest[key] = self._clock.now()
        self._newest.move_to_end(key)
        if len(self._newest) > REMEMBERED_MAX:
            self._newest.popitem(last=False)

    def after(self, session_id: str, user_id: str, at: datetime) -> bool:
        """Whether one began after that time."""
        newest = self._newest.get((session_id, user_id))
        return newest is not None and newest > at
