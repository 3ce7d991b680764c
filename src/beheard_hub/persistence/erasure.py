"""The files of the embedded database after an erasure (spec 4.5): nothing of it can be read there.

One per hub, in the process that serves, as the owner, and only where the server is ours: rewriting
a table locks it. What was erased is gone from every query long before; this is about blocks of the
disk. VACUUM FULL writes each table anew without its dead rows, but keeps those that a transaction
which began earlier may still see, so these are waited for; ANALYZE renews what the planner has
noted of values, and a checkpoint lets the old files go. The write-ahead log ages out by itself
(docs/walls.md, "Leaving").
"""

from __future__ import annotations

import asyncio

import asyncpg

from beheard_hub.persistence import connect, sql
from beheard_hub.persistence.database import DRIVER_ERRORS
from beheard_hub.ports import Sleep
from beheard_hub.settings import SetupError
from beheard_hub.telemetry import logger

LOOK_SECONDS = 60.0
"""From one look for ended erasures to the next."""
LOCK_MS_MAX = 1_500
"""How long everybody may have to wait behind us for a table, before we give it up for now: less
than a host's lease, which its flushes keep."""
READERS_SECONDS = 0.2
"""From one look for readers of what is gone to the next."""
READERS_LOOKS_MAX = 100
"""Then the cleaning is put off."""

_log = logger("erasure")


class StillRead(Exception):
    """Somebody's transaction has gone on for too long, and may still see what was erased."""


class FileCleaning:
    """Looks for erasures that have ended, and cleans the files once for all of them."""

    def __init__(self, owner_url: str, sleep: Sleep = asyncio.sleep) -> None:
        self._url = owner_url
        self._sleep = sleep

    async def run(self) -> None:
        """Looks every `LOOK_SECONDS` until it is cancelled; what failed is tried at the next."""
        while True:
            try:
                await self.once()
            except (SetupError, StillRead, *DRIVER_ERRORS) as error:
                _log.warning("cleaning_put_off", error=type(error).__name__)
            except Exception as error:  # a fault of ours must not end all later looks
                _log.error("cleaning_failed", error=type(error).__name__)
            await self._sleep(LOOK_SECONDS)

    async def once(self) -> int:
        """Cleans, if an erasure has ended since the last time; returns how many had.

        Raises SetupError, StillRead and asyncpg's errors: then it is tried again, also for tables
        done.
        Cancelling: likewise.
        """
        connection = await connect.connect(self._url)
        try:
            users = [row["userId"] for row in await connection.fetch(sql.text("erasure.unclean"))]
            if users:
                await self._rewrite(connection)
                await connection.execute(sql.text("erasure.cleaned"), users)
                _log.info("cleaned", count=len(users))
        finally:
            await connection.close()
        return len(users)

    async def _rewrite(self, connection: asyncpg.Connection) -> None:
        """Every table of which something went, and what the planner noted of it."""
        await connection.execute(sql.text("erasure.patience"), str(LOCK_MS_MAX))
        await self._outlived(connection)
        for row in await connection.fetch(sql.text("erasure.tables")):
            await connection.fetch(sql.text("erasure.forget_values"), row["name"])
            await connection.execute(row["rewrite"])
        await self._outlived(connection)
        await connection.execute(sql.text("erasure.rewrite_notes"))
        await connection.execute(sql.text("erasure.checkpoint"))

    async def _outlived(self, connection: asyncpg.Connection) -> None:
        """Waits until nobody can see any more what is gone now. Raises StillRead."""
        now = await connection.fetchval(sql.text("erasure.until_now"))
        for _ in range(READERS_LOOKS_MAX):
            if not await connection.fetchval(sql.text("erasure.older_readers"), now):
                return
            await self._sleep(READERS_SECONDS)
        raise StillRead
