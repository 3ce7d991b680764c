"""What calls to a model have cost, counted as `beheard_ops`: sums, and no content to see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from beheard_hub.persistence.database import Database


class DaysUsage(msgspec.Struct, frozen=True, kw_only=True):
    """One call of one UTC day with one model: how often, for how many users, tokens."""

    day: date
    call: str
    model: str
    calls: int
    users: int
    input: int
    output: int
    cached: int


class PostgresUsage:
    """Implements `metering.UsageStore`, and what operators look at. Raises StoreUnavailable."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def tokens(self, user_id: str | None, since: datetime) -> int:
        """See the port."""
        async with self._db.as_ops() as tx:
            [row] = await tx.query("usage.tokens", {"user_id": user_id, "since": since})
        return int(row["tokens"])

    async def by_day(self, since: datetime) -> Sequence[DaysUsage]:
        """Sums since a time, the newest day first."""
        async with self._db.as_ops() as tx:
            rows = await tx.query("usage.by_day", {"since": since})
        return [DaysUsage(**row) for row in rows]
