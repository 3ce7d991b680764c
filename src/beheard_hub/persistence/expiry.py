"""Expiry: what the logs keep no longer goes, a little at a time (spec 3.6).

One per hub, in the process that serves, as `beheard_ops`, which sees keys and times only. A pass
is a row of small transactions with pauses between them, so that no flush ever waits for it, and
ends when nothing old is left. Two hubs on one database do the same work twice and no harm.

Receipts, reminders that ran and what model calls cost go by age. Events go by age or by count, and
the newest of each user and session stays; a client that resumes from before what is left is given a
snapshot (spec 5.2).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec

from beheard_hub.domain.limits import (
    EVENT_AGE_MAX,
    EVENTS_PER_USER_MAX,
    LEASE_AGE_MAX,
    RECEIPT_AGE_MAX,
    REMINDER_AGE_MAX,
    USAGE_AGE_MAX,
)
from beheard_hub.persistence.database import Database
from beheard_hub.ports import Clock, Sleep, StoreUnavailable
from beheard_hub.telemetry import logger

PASS_SECONDS = 3_600.0
"""From the end of one pass to the begin of the next; the first begins so long after the start."""

_log = logger("expiry")


class ExpiryLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much one transaction does, and how long the next one waits."""

    rows_max: int = 1_000
    seats_max: int = 500
    """A seat is one user in one session."""
    pause_seconds: float = 0.05


class Expired(msgspec.Struct, frozen=True):
    """How many rows one pass dropped."""

    receipts: int
    events: int
    usage: int
    leases: int = 0
    """Of hosts that are dead and own nothing any more."""
    reminders: int = 0
    """Those that ran."""


class Expiry:
    """The passes of one hub."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        limits: ExpiryLimits | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._sleep = sleep
        self._limits = limits or ExpiryLimits()

    async def run(self) -> None:
        """A pass every `PASS_SECONDS`, until it is cancelled; a database that is away or refuses
        costs one pass."""
        while True:
            await self._sleep(PASS_SECONDS)
            try:
                await self.once()
            except StoreUnavailable:
                _log.warning("expiry_put_off")
            except Exception as error:  # a fault of ours must not end all later passes
                _log.error("expiry_failed", error=type(error).__name__)

    async def once(self) -> Expired:
        """One whole pass. Raises StoreUnavailable; what went until then stays gone.
        Cancelling: harmless at any time."""
        began = self._clock.mono()
        receipts = sum([gone async for gone in self._aged("expire.receipts", RECEIPT_AGE_MAX)])
        events = sum([gone async for gone in self._events()])
        usage = sum([gone async for gone in self._aged("expire.usage", USAGE_AGE_MAX)])
        leases = sum([gone async for gone in self._aged("expire.leases", LEASE_AGE_MAX)])
        reminders = sum([n async for n in self._aged("expire.reminders", REMINDER_AGE_MAX)])
        took_ms = round((self._clock.mono() - began) * 1000)
        expired = Expired(receipts, events, usage, leases, reminders)
        for kind, count in msgspec.structs.asdict(expired).items():
            _log.info("expired", kind=kind, count=count, duration_ms=took_ms)
        return expired

    async def _aged(self, query: str, age_max: timedelta) -> AsyncIterator[int]:
        before = self._clock.now() - age_max
        limit = self._limits.rows_max
        gone = limit
        while gone == limit:
            row = await self._batch(query, before=before, limit=limit)
            gone = row["gone"]
            yield gone

    async def _events(self) -> AsyncIterator[int]:
        before = self._clock.now() - EVENT_AGE_MAX
        limits = self._limits
        seat: tuple[str, str] | None = ("", "")
        while seat is not None:
            row = await self._batch(
                "expire.events",
                before=before,
                kept=EVENTS_PER_USER_MAX,
                after_session=seat[0],
                after_user=seat[1],
                seats=limits.seats_max,
                limit=limits.rows_max,
            )
            if row["sessionId"] is None:
                seat = None
            elif row["gone"] < limits.rows_max:  # else the same seats may have more
                seat = (row["sessionId"], row["userId"])
            yield row["gone"]

    async def _batch(self, query: str, **args: Any) -> Any:
        async with self._db.as_ops(writes=True) as tx:
            [row] = await tx.query(query, args)
        await self._sleep(self._limits.pause_seconds)
        return row
