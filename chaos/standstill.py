"""What the machine itself withholds: a virtual one is not let run for moments, on shared hardware
for seconds, and nobody waits less than that. Figures of a run are read beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import msgspec

NAP_SECONDS = 0.02
NOTICED_SECONDS = 0.1
"""A nap that ends so late is no matter of a busy machine: who wakes up is let run next."""
STAT = Path("/proc/stat")
STOLEN_COLUMN = 7


class StoodStill(msgspec.Struct, frozen=True):
    """During one run."""

    longest: float
    """Seconds."""
    together: float
    """Seconds."""
    stolen: float
    """Share of the processors' time that went to other machines on the same hardware."""


class Standstill:
    """Notes, while entered, how much later than wanted a thread wakes up."""

    def __init__(
        self, nap: Callable[[float], None] = time.sleep, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._nap = nap
        self._now = now
        self._times: list[float] = []
        self._before = (0, 0)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="standstill", daemon=True)

    def __enter__(self) -> Self:
        self._before = _processors()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.is_set():
            self.look()

    def look(self) -> None:
        """One nap."""
        began = self._now()
        self._nap(NAP_SECONDS)
        late = self._now() - began - NAP_SECONDS
        if late >= NOTICED_SECONDS:
            self._times.append(late)

    def found(self) -> StoodStill:
        """What was noted until now."""
        stolen, total = (b - a for a, b in zip(self._before, _processors(), strict=True))
        share = stolen / total if total else 0.0
        return StoodStill(max(self._times, default=0.0), sum(self._times), share)


def _processors() -> tuple[int, int]:
    """Ticks that were stolen, and all; (0, 0) where nobody counts them."""
    try:
        ticks = [int(count) for count in STAT.read_text().split("\n", 1)[0].split()[1:]]
    except OSError:
        return 0, 0
    return (ticks[STOLEN_COLUMN] if len(ticks) > STOLEN_COLUMN else 0), sum(ticks)
