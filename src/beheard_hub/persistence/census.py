"""Counts of what is stored, for operators: how many sessions stand where, and what waits.

Read as `beheard_ops`, which sees statuses, stages and times, and no content.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from prometheus_client import Gauge

from beheard_hub.observability.metrics import (
    REACTIONS_WAITING,
    REMINDERS_OVERDUE,
    STORED_SESSIONS,
    STORED_STAGES,
    TEXTS_WAITING,
)
from beheard_hub.persistence.database import Database
from beheard_hub.ports import Sleep, StoreUnavailable
from beheard_hub.telemetry import logger

CENSUS_SECONDS = 30.0

_log = logger("census")


class Census:
    """Keeps the gauges of the stored near the truth. One per hub."""

    def __init__(
        self, db: Database, outside: Collection[str], sleep: Sleep = asyncio.sleep
    ) -> None:
        """`outside`: kinds of reminders that wait for a model or a channel, and are no timers."""
        self._db = db
        self._outside = list(outside)
        self._sleep = sleep

    async def run(self) -> None:
        """Until cancelled; a database that is away costs one look."""
        while True:
            try:
                await self.once()
            except StoreUnavailable:
                _log.warning("census_put_off")
            except Exception as error:  # a fault of ours must not end all later looks
                _log.error("census_failed", error=type(error).__name__)
            await self._sleep(CENSUS_SECONDS)

    async def once(self) -> None:
        """One look. Raises StoreUnavailable."""
        async with self._db.as_ops() as tx:
            sessions = await tx.query("census.sessions", {})
            stages = await tx.query("census.stages", {})
            [waiting] = await tx.query("census.waiting", {"outside": self._outside})
        _show(STORED_SESSIONS, {(row["status"],): row["found"] for row in sessions})
        _show(STORED_STAGES, {(str(row["stage"]), row["status"]): row["found"] for row in stages})
        REMINDERS_OVERDUE.set(waiting["timers"])
        REACTIONS_WAITING.set(waiting["outside"])
        TEXTS_WAITING.set(waiting["texts"])


def _show(gauge: Gauge, counts: dict[tuple[str, ...], int]) -> None:
    """Exactly these; what is there no longer is not shown with its old number."""
    gauge.clear()
    for labels, count in counts.items():
        gauge.labels(*labels).set(count)
