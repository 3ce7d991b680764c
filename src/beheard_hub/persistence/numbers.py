"""Numbers for rows that the database numbers (spec 08): sessions and messages of a practice.

A turn must know the number of a row before its commit, so a host reserves blocks of the sequence
and hands them out from memory. A block is asked for in one statement, and the next one in the
background as soon as less than `LOW` is left: `LOW` is more than all turns need for which the
write-behind buffer has room, so numbers run out only while the database cannot be asked, and after
the buffer is full. Two hosts never get the same number; what a host does not use stays a gap.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from beheard_hub.domain.limits import BUFFER_ENTRIES_MAX
from beheard_hub.persistence import sql
from beheard_hub.persistence.database import Database
from beheard_hub.ports import StoreUnavailable
from beheard_hub.telemetry import logger

NUMBERS_PER_TURN_MAX = 1
"""Of one kind: a turn stores one message, or opens one session."""
LOW = BUFFER_ENTRIES_MAX * NUMBERS_PER_TURN_MAX
BLOCK = 2 * LOW
KINDS = ("session", "message", "scenario")
RARE = frozenset({"scenario"})
"""An administrator makes one now and then: two are kept, and the next two are asked for."""

Reserve = Callable[[str, int], Awaitable[Sequence[int]]]
"""(kind, how many) → numbers that nobody else has; raises StoreUnavailable."""

_log = logger("numbers")


class BlockNumbers:
    """Implements the domain's `Numbers`. For one event loop."""

    def __init__(self, reserve: Reserve, *, block: int = BLOCK, low: int = LOW) -> None:
        assert 0 < low <= block, "a block fills up what is low"
        self._reserve = reserve
        self._block = {kind: 2 if kind in RARE else block for kind in KINDS}
        self._low = {kind: 1 if kind in RARE else low for kind in KINDS}
        self._left: dict[str, deque[int]] = {kind: deque() for kind in KINDS}
        self._filling: dict[str, asyncio.Task[None]] = {}

    async def open(self) -> None:
        """Reserves the first block of every kind. Raises StoreUnavailable."""
        for kind in KINDS:
            await self._fill(kind)

    def number(self, of: str) -> int:
        """The next number ``of`` a ``session``, ``message`` or ``scenario``. Never waits.

        Raises StoreUnavailable when none is left, KeyError for another word.
        """
        left = self._left[of]
        if len(left) <= self._low[of] and of not in self._filling:
            self._filling[of] = asyncio.create_task(self._refill(of))
        if not left:
            raise StoreUnavailable(f"no number of a {of} is left")
        return left.popleft()

    async def close(self) -> None:
        """Ends what is under way; numbers that are left are gaps."""
        under_way = list(self._filling.values())
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    async def _refill(self, kind: str) -> None:
        """In the background. What fails is tried again with the next number that is wanted."""
        try:
            await self._fill(kind)
        except StoreUnavailable:
            _log.warning("numbers_not_reserved", kind=kind, left=len(self._left[kind]))
        finally:
            del self._filling[kind]

    async def _fill(self, kind: str) -> None:
        self._left[kind].extend(await self._reserve(kind, self._block[kind]))


def reserve_in(db: Database) -> Reserve:
    """Reserves in the database."""

    async def reserve(kind: str, how_many: int) -> Sequence[int]:
        async with db.as_ops(writes=True) as tx:
            numbers: Sequence[int] = await tx.fetchval(
                sql.text("practice.reserve_numbers"), kind, how_many
            )
        return numbers

    return reserve
