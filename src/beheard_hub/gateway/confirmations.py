"""What devices have confirmed and hosts were not told yet.

Clients confirm every event (`received`), so hosts would be woken for each event once more by every
device. The host waits 3 s for a confirmation (spec 07) and the newest seq of a device stands for
all before it: gathered for `GATHER_SECONDS`, one message per device and one write per host do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

GATHER_SECONDS = 0.05

Ear = TypeVar("Ear")


class Confirmations(Generic[Ear]):
    """Newest seq by subscription. `tell` is called with each of them and its seq, at the latest
    `GATHER_SECONDS` after it was added."""

    def __init__(self, tell: Callable[[Ear, int], None]) -> None:
        self._tell = tell
        self._newest: dict[Ear, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, ear: Ear, seq: int) -> None:
        """The device has everything up to `seq`."""
        self._newest[ear] = max(seq, self._newest.get(ear, 0))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._due)

    def settle(self, ear: Ear) -> None:
        """Tells what that one has confirmed now: it is about to leave its host."""
        if (seq := self._newest.pop(ear, None)) is not None:
            self._tell(ear, seq)

    def _due(self) -> None:
        self._timer = None
        gathered, self._newest = self._newest, {}
        for ear, seq in gathered.items():
            self._tell(ear, seq)
