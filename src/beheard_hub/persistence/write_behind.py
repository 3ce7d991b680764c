"""The buffer of decided turns, and the one task that makes them durable (spec 01, "The flush").

One flusher per host, one flush in flight. Every flush is one statement that first moves the host's
flush number; the number is at once fence, heartbeat and receipt of the commit. What may happen:

* committed, or already committed under that number: the entries go to the sink, in order;
* outcome unknown: the same batch goes again with the same number, for as long as it takes;
* a row refused: each session of the batch goes alone, so that only the one with the bad row fails;
* fenced: this host may never write again; everything in the buffer is dropped.

`answer_until` is the instant (own monotonic clock, read *before* the flush was sent) up to which
nobody else can have taken the lease. Entries whose commit came back later than that are held until
a younger flush proves that the lease is still ours.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from beheard_hub.domain.limits import (
    BATCH_BYTES_MAX,
    BATCH_ENTRIES_MAX,
    BUFFER_BYTES_MAX,
    BUFFER_ENTRIES_MAX,
    HEARTBEAT_MILLISECONDS,
    LEASE_SECONDS,
)
from beheard_hub.observability import tracing
from beheard_hub.observability.metrics import (
    FLUSH_ENTRIES,
    FLUSH_SECONDS,
    FLUSHES_UNKNOWN,
    ROWS_REFUSED,
)
from beheard_hub.observability.tracing import Batch
from beheard_hub.persistence.batch import EMPTY, Part, encode_batch
from beheard_hub.ports import Clock, Fenced, FlushStore, Lease, OutcomeUnknown, RowRefused, Sleep
from beheard_hub.telemetry import logger

LEASE_MARGIN_SECONDS = 0.3
BACKOFF_SECONDS_MIN = 0.02
BACKOFF_SECONDS_MAX = 1.0

_log = logger("write_behind")


class Entry(Protocol):
    """One turn's rows on their way to Postgres."""

    part: Part
    size_bytes: int
    alone: bool
    """Commits in a flush of its own."""


class Sink(Protocol):
    """Who learns what became of the entries. All calls are synchronous and must not raise."""

    def committed(self, entries: Sequence[Entry]) -> None:
        """They are durable, in this order."""

    def refused(self, entries: Sequence[Entry], refused: RowRefused) -> None:
        """All entries of one session in one flush; nothing of them was applied."""

    def fenced(self) -> None:
        """The lease is lost; called once, nothing follows."""


class WriteBehind:
    """Buffer and flusher of one host.

    Ordering: entries commit in the order of `append`. Cancelling `run` leaves the flush in flight
    with an unknown outcome, which receipts make harmless.
    """

    def __init__(
        self, store: FlushStore, lease: Lease, opened_at: float, clock: Clock, sink: Sink,
        sleep: Sleep = asyncio.sleep,
    ) -> None:  # fmt: skip
        self.lease = lease
        self.answer_until = opened_at + LEASE_SECONDS - LEASE_MARGIN_SECONDS
        self.number = 0
        self.bytes = 0
        self.flushes = 0
        self.rows_refused = 0
        self.retries = 0
        self._store = store
        self._clock = clock
        self._sink = sink
        self._sleep = sleep
        self._buffer: deque[Entry] = deque()
        self._held: list[Entry] = []
        self._under_way = 0
        self._wake = asyncio.Event()
        self._appended = 0
        self._barriers: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def entries(self) -> int:
        """Entries that are not yet durable."""
        return len(self._buffer) + self._under_way + len(self._held)

    @property
    def full(self) -> bool:
        """Whether the host must refuse (spec 01: 5,000 entries or 8 MB)."""
        return self.bytes >= BUFFER_BYTES_MAX or self.entries >= BUFFER_ENTRIES_MAX

    def append(self, entry: Entry) -> None:
        """Queues an entry; never blocks."""
        self._buffer.append(entry)
        self.bytes += entry.size_bytes
        self._appended += 1
        self._wake.set()

    def drop(self, order: str) -> list[Entry]:
        """Takes back what one session still has in the buffer (after a refused row)."""
        dropped = [entry for entry in self._buffer if entry.part.order == order]
        if dropped:
            self._buffer = deque(entry for entry in self._buffer if entry.part.order != order)
            self.bytes -= sum(entry.size_bytes for entry in dropped)
            self._appended -= len(dropped)  # who waits may wait a little longer, never too short
        return dropped

    async def drained(self) -> None:
        """Waits until all that is in the buffer now is durable and answered, or refused. What is
        appended later is not waited for, so this ends under load too."""
        if self.entries:
            barrier = asyncio.get_running_loop().create_future()
            self._barriers.append((self._appended, barrier))
            await barrier

    def _lift(self) -> None:
        """Between two flushes, when what is done is a prefix of what was appended."""
        left = self.entries
        barriers, self._barriers = self._barriers, []
        for mark, barrier in barriers:
            if left and mark > self._appended - left:
                self._barriers.append((mark, barrier))
            elif not barrier.done():
                barrier.set_result(None)

    async def run(self) -> None:
        """Flushes until fenced or cancelled; an empty flush every 500 ms when idle."""
        try:
            while True:
                self._lift()
                if not self._buffer and not self._held:
                    await self._wait()
                await self._flush(self._take())
        except Fenced:
            _log.warning("fenced", host_id=self.lease.host_id, epoch=self.lease.epoch)
            self._sink.fenced()

    async def _wait(self) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(HEARTBEAT_MILLISECONDS / 1000):
                await self._wake.wait()
        except TimeoutError:
            return

    def _take(self) -> list[Entry]:
        """The head of the buffer: at most 400 entries and 1 MB, or one that commits alone."""
        batch: list[Entry] = []
        size = 0
        while self._buffer and len(batch) < BATCH_ENTRIES_MAX:
            head = self._buffer[0]
            if batch and (head.alone or size + head.size_bytes > BATCH_BYTES_MAX):
                break
            batch.append(self._buffer.popleft())
            size += head.size_bytes
            if head.alone:
                break
        self._under_way = len(batch)
        return batch

    async def _flush(self, batch: list[Entry]) -> None:
        try:
            await self._commit(batch)
        except RowRefused as refused:
            if not batch:  # a heartbeat has no rows: the set-up is wrong, and may be mended
                _log.error("heartbeat_refused", sqlstate=refused.sqlstate)
                await self._sleep(BACKOFF_SECONDS_MAX)
                return
            await self._flush_apart(batch, refused)

    async def _flush_apart(self, batch: list[Entry], refused: RowRefused) -> None:
        """One flush per session, so that a bad row fails nobody but its session."""
        sessions: dict[str, list[Entry]] = {}
        for entry in batch:
            sessions.setdefault(entry.part.order, []).append(entry)
        if len(sessions) == 1:
            self._refuse(batch, refused)
            return
        for entries in sessions.values():
            try:
                await self._commit(entries)
            except RowRefused as bad:
                self._refuse(entries, bad)

    def _refuse(self, entries: list[Entry], refused: RowRefused) -> None:
        self.rows_refused += 1
        ROWS_REFUSED.inc()
        self._leave(entries)
        _log.error("row_refused", sqlstate=refused.sqlstate, constraint=refused.constraint,
                   entries=len(entries), host_id=self.lease.host_id)  # fmt: skip
        self._sink.refused(entries, refused)

    async def _commit(self, entries: list[Entry]) -> None:
        """Repeats one numbered batch until its outcome is known.

        Raises RowRefused (nothing applied), Fenced.
        """
        batch = encode_batch(entry.part for entry in entries) if entries else EMPTY
        backoff, tries = BACKOFF_SECONDS_MIN, 1
        traced = _traced(entries, len(batch))
        while True:
            sent_at = self._clock.mono()
            try:
                await self._store.flush(self.lease, self.number + 1, batch)
                break
            except (Fenced, RowRefused) as over:
                if traced is not None:
                    traced.end(type(over).__name__, tries)
                raise
            except OutcomeUnknown:
                self.retries += 1
                tries += 1
                FLUSHES_UNKNOWN.inc()
                _log.warning("flush_outcome_unknown", number=self.number + 1,
                             entries=len(entries), host_id=self.lease.host_id)  # fmt: skip
            await self._sleep(backoff * random.uniform(0.5, 1.0))  # noqa: S311
            backoff = min(2 * backoff, BACKOFF_SECONDS_MAX)
        if traced is not None:
            traced.end("committed", tries)
        if entries:
            FLUSH_SECONDS.observe(self._clock.mono() - sent_at)
            FLUSH_ENTRIES.observe(len(entries))
        self.number += 1
        self.flushes += 1
        self.answer_until = sent_at + LEASE_SECONDS - LEASE_MARGIN_SECONDS
        self._held.extend(entries)
        self._under_way -= len(entries)
        if self._held and self._clock.mono() <= self.answer_until:
            released, self._held = self._held, []
            self.bytes -= sum(entry.size_bytes for entry in released)
            self._sink.committed(released)

    def _leave(self, entries: list[Entry]) -> None:
        self._under_way -= len(entries)
        self.bytes -= sum(entry.size_bytes for entry in entries)


def _traced(entries: Sequence[Entry], size_bytes: int) -> Batch | None:
    """The spans of a flush, where one of its turns is traced."""
    if tracing.current is None:
        return None
    return tracing.current.batch([entry.part.span for entry in entries], size_bytes)
