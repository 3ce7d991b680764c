"""Time that a test moves on under a running host."""

from __future__ import annotations

from datetime import datetime, timedelta

from beheard_hub.runtime import SystemClock


class MovedClock(SystemClock):
    """The real one, moved: rules see the later time, deadlines go on."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead
