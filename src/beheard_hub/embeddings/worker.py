"""The worker: gives every text its vector, as far behind the messages as it must.

It has no queue. What lacks a vector is what the database says, so a crash at any point loses
nothing, and a batch is as large as what has come in since the last one. Fresh rows go first; rows
of another model come while nothing is fresh. A text that its maker refuses, or that its reader may
not see, is passed over until the next scan.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np

from beheard_hub.embeddings.vocabulary import (
    EmbeddingFailed,
    Key,
    Text,
    VectorModel,
    Vectors,
    VectorStore,
)
from beheard_hub.observability.metrics import (
    EMBEDDING_FAILURES,
    EMBEDDING_LAG_SECONDS,
    TEXTS_EMBEDDED,
)
from beheard_hub.ports import Sleep, StoreUnavailable
from beheard_hub.telemetry import logger, origin_of

PROBE = "a test"
"""Refused too: it is not the text, nothing is accepted."""
PASSED_MAX = 10_000

_log = logger("embedding")


class WorkerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much at once, and how often."""

    batch_rows_max: int = 512
    rest_seconds: float = 0.05
    """After a batch that was not full: keeps the feed's share of a busy machine small."""
    scan_seconds: float = 30.0
    """Without a hint; what was passed over is tried again."""
    backoff_seconds_min: float = 0.2
    backoff_seconds_max: float = 30.0


class EmbeddingWorker:
    """One share of the rows. Cancelling `run` or `backfill` is harmless at any time."""

    def __init__(
        self,
        model: VectorModel,
        store: VectorStore,
        sleep: Sleep = asyncio.sleep,
        limits: WorkerLimits | None = None,
        mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model = model
        self.embedded = 0
        """Vectors stored."""
        self.failures = 0
        self.in_hand = 0
        """Rows of the batch under way."""
        self._store = store
        self._sleep = sleep
        self._limits = limits or WorkerLimits()
        self._mono = mono
        self._hinted_at: float | None = None
        """When the oldest hint came whose texts have no vectors yet."""
        self._passed: dict[str, None] = {}
        self._after: tuple[str, str] | None = None
        self._walking = True
        self._hint = asyncio.Event()
        self._look = asyncio.Event()
        """Replaced at each look at the database."""

    def wake(self) -> None:
        """Says that there is new text. Never blocks."""
        if self._hinted_at is None:
            self._hinted_at = self._mono()
        self._hint.set()

    async def noticed(self) -> None:
        """Wakes, and waits until a look at the database began that sees what is committed now:
        who tells one hint after the other in this way is slowed down to the worker's pace."""
        self.wake()
        await self._look.wait()

    async def run(self) -> None:
        """Works until cancelled; whatever fails is tried again."""
        backoff = self._limits.backoff_seconds_min
        while True:
            try:
                if not await self.step():
                    await self._idle()
            except (EmbeddingFailed, StoreUnavailable) as failed:
                self.failures += 1
                EMBEDDING_FAILURES.inc()
                reason = failed.reason if isinstance(failed, EmbeddingFailed) else "database"
                _log.warning("embedding_put_off", reason=reason, count=self.in_hand)
            except Exception as fault:  # of ours: it must not end all later looks
                self.failures += 1
                _log.error("embedding_failed", count=self.in_hand, **origin_of(fault))
            else:
                backoff = self._limits.backoff_seconds_min
                continue
            self._passed.clear()
            await self._sleep(backoff)
            backoff = min(2 * backoff, self._limits.backoff_seconds_max)

    async def backfill(self, progressed: Callable[[int], None]) -> int:
        """Works until every row that can have a vector has one of this model; returns how many it
        passed over. `progressed` is told how many rows of each batch are done.

        Raises EmbeddingFailed, StoreUnavailable; what is done stays done.
        """
        before = self.embedded
        while await self.step():
            progressed(self.embedded - before)
            before = self.embedded
        return len(self._passed)

    async def step(self) -> bool:
        """One batch of fresh rows, or else one page of the walk over the others; False when there
        was neither. Raises EmbeddingFailed, StoreUnavailable."""
        limits = self._limits
        seen, self._look = self._look, asyncio.Event()
        self._hint.clear()
        seen.set()
        with self._timed():
            keys = await self._store.lacking(list(self._passed), limits.batch_rows_max)
            if keys:
                await self._embed(keys)
        if keys:
            if len(keys) < limits.batch_rows_max and not self._walking:
                await self._sleep(limits.rest_seconds)
            return True
        if self._walking:
            page = await self._store.outdated(self._after, self.model.model)
            for start in range(0, len(page.keys), limits.batch_rows_max):
                await self._embed(page.keys[start : start + limits.batch_rows_max])
            self._after, self._walking = page.last, page.last is not None
            return True
        return False

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        """One try at what the last hint was about; where it fails, its time stays."""
        since, self._hinted_at = self._hinted_at, None
        try:
            yield
        except BaseException:
            self._hinted_at = since
            raise
        finally:
            if since is not None:
                EMBEDDING_LAG_SECONDS.set(self._mono() - since)

    async def _idle(self) -> None:
        """Until a hint, or the next scan."""
        try:
            async with asyncio.timeout(self._limits.scan_seconds):
                await self._hint.wait()
        except TimeoutError:
            self._passed.clear()
            return
        await self._sleep(self._limits.rest_seconds)

    async def _embed(self, keys: Sequence[Key]) -> None:
        self.in_hand = len(keys)
        texts = await self._store.texts(keys)
        visible = {text.key.id for text in texts}
        self._pass([key.id for key in keys if key.id not in visible])
        blank = [text for text in texts if not text.text.strip()]
        if blank:
            await self._put(blank, np.zeros((len(blank), 1), dtype=np.float32))
        await self._make([text for text in texts if text.text.strip()])
        self.in_hand = 0

    async def _make(self, texts: Sequence[Text]) -> None:
        """Makes and stores; texts that are refused together are tried in halves."""
        if not texts:
            return
        try:
            vectors = await self.model.vectors([text.text for text in texts])
        except EmbeddingFailed as failed:
            if not failed.refused:
                raise
            await self._sort_out(texts, failed)
            return
        await self._put(texts, vectors)

    async def _sort_out(self, texts: Sequence[Text], failed: EmbeddingFailed) -> None:
        if len(texts) > 1:
            middle = len(texts) // 2
            await self._make(texts[:middle])
            await self._make(texts[middle:])
            return
        try:
            await self.model.vectors([PROBE])
        except EmbeddingFailed as nothing:
            raise EmbeddingFailed(nothing.reason) from None
        _log.warning("embedding_refused", kind=texts[0].key.kind, reason=failed.reason)
        self._pass([texts[0].key.id])

    async def _put(self, texts: Sequence[Text], vectors: Vectors) -> None:
        stored = await self._store.store(self.model.model, texts, vectors)
        self.embedded += stored
        TEXTS_EMBEDDED.inc(stored)

    def _pass(self, ids: Sequence[str]) -> None:
        if len(self._passed) + len(ids) > PASSED_MAX:
            raise EmbeddingFailed("too many rows cannot be read or are refused")
        self._passed |= dict.fromkeys(ids)
