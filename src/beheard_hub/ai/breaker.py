"""A circuit breaker: who failed too often is left in peace for a while (spec 06)."""

from __future__ import annotations

from collections.abc import Callable

FAILURES_MAX = 5
REST_SECONDS = 30.0


class Breaker:
    """Counts failures in a row; after `FAILURES_MAX` nothing passes for `REST_SECONDS`, then one
    attempt on trial, and with its success everything again."""

    def __init__(self, mono: Callable[[], float]) -> None:
        """`mono` gives seconds that never jump."""
        self._mono = mono
        self._failures = 0
        self._until: float | None = None
        self._on_trial = False

    def admits(self) -> bool:
        """Whether an attempt may begin now. Each that begins must end in `succeeded`, `failed` or
        `left`."""
        if self._until is None:
            return True
        if self._on_trial or self._mono() < self._until:
            return False
        self._on_trial = True
        return True

    def succeeded(self) -> None:
        """The other side answered."""
        self._failures, self._until, self._on_trial = 0, None, False

    def failed(self) -> None:
        """It did not."""
        self._failures += 1
        self._on_trial = False
        if self._failures >= FAILURES_MAX:
            self._until = self._mono() + REST_SECONDS

    def left(self) -> None:
        """The attempt ended without telling anything about the other side."""
        self._on_trial = False
