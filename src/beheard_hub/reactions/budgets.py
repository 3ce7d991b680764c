"""Daily budgets of tokens (spec 06), per user and for the hub: a brake, not an invoice.

The table is the truth. What is read of it is remembered for a while, and what this host spends is
added to it at once, so that most turns read nothing; what other hosts spend meanwhile is seen with
the next reading. Whoever comes when the budget is not yet spent may finish, so a day ends a little
above it: by the calls under way, and by what other hosts spend between two readings (decision 31).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from beheard_hub import telemetry
from beheard_hub.metering import Bill, UsageStore, charged_to
from beheard_hub.ports import Clock

USER_SECONDS = 300.0
"""How long a user's sum is believed; a user is seldom in sessions of two hosts at once."""
HUB_SECONDS = 60.0
REMEMBERED_MAX = 10_000
HUB = ""
"""Whose sum is everybody's."""

_log = telemetry.logger("reactions")


class BudgetReached(Exception):
    """Today's budget is spent; after `resets_at` there is a new one."""

    def __init__(self, resets_at: datetime) -> None:
        super().__init__("the budget of today is spent")
        self.resets_at = resets_at


class _Sum(msgspec.Struct):
    day: datetime
    tokens: int
    read_at: float


class Budgets:
    """The budgets of one host. Without a bound nothing is ever read."""

    def __init__(
        self,
        clock: Clock | None = None,
        usage: UsageStore | None = None,
        *,
        user: int | None = None,
        hub: int | None = None,
    ) -> None:
        """`user` and `hub`: tokens of a UTC day, input, output and cached ones alike. With a bound
        there must be a clock and a store."""
        self._clock = clock
        self._usage = usage
        self._bounds = [
            (whose, bound, seconds)
            for whose, bound, seconds in (("user", user, USER_SECONDS), (HUB, hub, HUB_SECONDS))
            if bound is not None
        ]
        self._sums: dict[str, _Sum] = {}

    @contextlib.contextmanager
    def charging(self, user_id: str, session_id: str) -> Iterator[Bill]:
        """Opens a bill; what stands on it counts as soon as it is closed."""
        with charged_to(user_id, session_id) as bill:
            try:
                yield bill
            finally:
                spent = sum(used.usage.total for used in bill.entries)
                for whose in (user_id, HUB):
                    if whose in self._sums:
                        self._sums[whose].tokens += spent

    async def check(self, user_id: str) -> None:
        """Raises BudgetReached where today's budget of the user or of the hub is spent, and
        StoreUnavailable where that cannot be known."""
        for whose, bound, seconds in self._bounds:
            assert self._clock is not None, "bounds come with a clock"
            day = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
            if await self._spent(whose and user_id, day, seconds) >= bound:
                _log.warning("ai_budget_reached", kind=whose or "hub")
                raise BudgetReached(day + timedelta(days=1))

    async def _spent(self, whose: str, day: datetime, seconds: float) -> int:
        assert self._clock is not None, "bounds come with a clock"
        assert self._usage is not None, "and with a store"
        known = self._sums.get(whose)
        now = self._clock.mono()
        if known is None or known.day != day or now - known.read_at > seconds:
            tokens = await self._usage.tokens(whose or None, day)
            if len(self._sums) >= REMEMBERED_MAX:
                self._sums.clear()
            known = self._sums[whose] = _Sum(day, tokens, now)
        return known.tokens
