"""After a commit that brought text, the embedding workers are told so: fire and forget."""

from __future__ import annotations

from collections.abc import Callable

from beheard_hub.embeddings.vocabulary import KINDS
from beheard_hub.ports import FlushStore, Lease

MARKS = tuple(f'"t":"{kind}"'.encode() for kind in KINDS)
"""In the JSON of a batch these can only be table names: inside a text every quote is escaped."""

Tell = Callable[[], None]
"""Says that there is new text. Never blocks and never raises."""


def brings_text(batch: bytes) -> bool:
    """Whether a batch of `hub.flush` touches rows that have a vector."""
    return any(mark in batch for mark in MARKS)


class TellingFlushes:
    """A `FlushStore` that tells after each commit that may have brought text. A hint that does not
    arrive is made up for by the worker's next scan."""

    def __init__(self, flushes: FlushStore, tell: Tell) -> None:
        self._flushes = flushes
        self._tell = tell

    async def flush(self, lease: Lease, number: int, batch: bytes) -> None:
        """See `ports.FlushStore.flush`."""
        await self._flushes.flush(lease, number, batch)
        if brings_text(batch):
            self._tell()
