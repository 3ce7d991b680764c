"""The shipped database in memory, as others see it over a network that can fail.

A request travels, is carried out whole or not at all, and its answer travels back. Whoever asked
may be frozen or dead by then: what was on its way is carried out all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextvars import copy_context
from random import Random
from typing import Any, TypeAlias

import msgspec

from beheard_hub.actors.cell import hash_of
from beheard_hub.domain.kernel import Loaded
from beheard_hub.domain.sharding import shard_of
from beheard_hub.ports import (
    Clock,
    Fenced,
    Lease,
    OutcomeUnknown,
    RowRefused,
    StoreUnavailable,
)
from beheard_hub.testing.memory_stores import (
    MemoryDatabase,
    MemoryFlushStore,
    MemoryLeaseStore,
)
from beheard_hub.testing.memory_tables import DEFAULTS, MemoryTables, Record
from tests.histories.log import Effect, StoredEvent, Write

UNIQUE_VIOLATION = "23505"
LATE_SECONDS_MAX = 2.0


class Storage(MemoryDatabase):
    """With the schema's defaults and unique keys, and a record of who wrote what when."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.writes: list[Write] = []
        self.events: list[StoredEvent] = []
        self.effects: list[Effect] = []
        self._keys: set[tuple[str, ...]] = set()
        self.refuse = self._taken

    def _taken(self, row: Record) -> RowRefused | None:
        key = _unique(row)
        return RowRefused(UNIQUE_VIOLATION) if key in self._keys else None

    def commit(self, batch: Mapping[str, Any], lease: Lease) -> None:
        """See `MemoryDatabase.commit`."""
        keys = [key for op in batch["ops"] for row in op["rows"] if (key := _unique(row))]
        if len(set(keys)) < len(keys):
            raise RowRefused(UNIQUE_VIOLATION)
        super().commit(batch, lease)
        made = {row["id"] for op in batch["ops"] if op["t"] == "Session" and op["op"] == "i"
                for row in op["rows"]}  # fmt: skip
        now = self.clock.mono()
        for session_id in batch["writing"]:
            if session_id and session_id not in made:
                shard = shard_of(session_id)
                self.writes.append(Write(now, shard, lease.host_id, self.owners[shard]))

    def _apply(self, op: Mapping[str, Any]) -> None:
        if op["op"] == "i":
            defaults = DEFAULTS.get(op["t"], {})
            op = {**op, "rows": [{**defaults, **row} for row in op["rows"]]}
            for row in op["rows"]:
                self._recorded(op["t"], row)
        super()._apply(op)

    def known(self, row: Record) -> None:
        """An event that was there before the run."""
        self._recorded("hub.SessionEvent", row)

    def _recorded(self, table: str, row: Record) -> None:
        if key := _unique(row):
            self._keys.add(key)
        if table == "hub.SessionEvent":
            event = (row["sessionId"], row["userId"], row["seq"], row["name"])
            self.events.append(StoredEvent(*event, self.clock.mono()))
        mark = row.get(MARKED.get(table, ""))
        if mark is not None and row.get("role") != "AI":
            self.effects.append(Effect(mark, len(self.effects)))

    def as_tables(self) -> MemoryTables:
        """The same rows, for what builds facts of them."""
        tables = MemoryTables()
        tables.tables = self.tables
        return tables


MARKED: Mapping[str, str] = {"Message": "content", "EmotionalReading": "context"}
"""Where the id of the command stands that made a row."""


def _unique(row: Record) -> tuple[str, ...]:
    """What a receipt or an event may not have in common with another one."""
    if "commandId" in row:
        return ("receipt", row["sessionId"], row["userId"], row["commandId"])
    if "seq" in row:
        return ("event", row["sessionId"], row["userId"], str(row["seq"]))
    return ()


def facts(database: MemoryDatabase, session_id: str) -> Loaded | None:
    """What `hub.load_sessions` answers, with the receipts that the shipped fake leaves out."""
    assert isinstance(database, Storage)
    loaded = database.as_tables().load(session_id)
    if loaded is None:
        return None
    receipts: dict[str, list[int]] = {}
    for row in database.rows("hub.CommandReceipt", sessionId=session_id):
        known = receipts.setdefault(row["userId"], [])
        known.append(int.from_bytes(hash_of(row["commandId"]), "big", signed=True))
    return msgspec.structs.replace(loaded, receipts=receipts)


def directory_facts(database: MemoryDatabase, user_id: str) -> Loaded:
    """What `hub.load_directory` answers."""
    assert isinstance(database, Storage)
    return database.as_tables().load_directory(user_id)


Work: TypeAlias = Callable[[], Coroutine[Any, Any, Any]]
"""What the database is to do."""


class Wire:
    """Every process's way to the database."""

    def __init__(self, dice: Random, pace: float) -> None:
        self._dice = dice
        self._pace = pace
        self._at_the_database = copy_context()
        self.stalled_until = 0.0
        self.open = True
        """Closed at the end of a run: nothing is asked any more."""

    def delay(self) -> float:
        """One way; now and then it takes much longer."""
        return (
            self._dice.expovariate(1 / self._pace)
            + (self._dice.random() < 0.02) * self._dice.random()
        )

    async def ask(self, work: Work) -> Any:
        """Carries out `work` at the database; its answer, or what it raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        if self.open:
            self.send(self.delay(), work, answer)
        return await answer

    def send(
        self,
        delay: float,
        work: Work,
        answer: asyncio.Future[Any] | None,
    ) -> None:
        """As `ask`, for who does not wait."""
        loop = asyncio.get_running_loop()
        at = max(loop.time() + delay, self.stalled_until)
        loop.call_at(at, self._arrived, work, answer, context=self._at_the_database)

    def _arrived(self, work: Work, answer: asyncio.Future[Any] | None) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() < self.stalled_until:
            loop.call_at(self.stalled_until, self._arrived, work, answer)
        elif self.open:
            result, failure = _carried_out(work)
            if answer is not None:
                loop.call_later(self.delay(), _answer, answer, result, failure)


def _carried_out(work: Work) -> tuple[Any, Exception | None]:
    """What became of it, at this very instant: the stores in memory wait for nothing, they only
    let others go first."""
    coroutine = work()
    try:
        while True:
            waited_for = coroutine.send(None)
            assert waited_for is None, "nothing at the database takes time"
    except StopIteration as done:
        return done.value, None
    except Exception as error:  # it is the answer, whatever it is
        return None, error


def _answer(answer: asyncio.Future[Any], result: Any, failure: Exception | None) -> None:
    if answer.done():
        return
    if failure is None:
        answer.set_result(result)
    else:
        answer.set_exception(failure)


class Remote:
    """Any store, asked over the wire."""

    def __init__(self, wire: Wire, inner: object) -> None:
        self._wire = wire
        self._inner = inner

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._inner, name)
        return lambda *args: self._wire.ask(lambda: method(*args))


class RemoteLeases(Remote):
    """Implements `ports.LeaseStore`; of what changes owners the request may be lost, or the answer,
    or it is carried out when nobody expects it any more."""

    def __init__(self, wire: Wire, inner: MemoryLeaseStore, dice: Random) -> None:
        super().__init__(wire, inner)
        self._leases = inner
        self._dice = dice
        self.lost_chance = 0.0

    async def take(
        self, lease: Lease, shards: Sequence[int] | None, dead: str | None
    ) -> Sequence[int]:
        """See the port."""
        taken: Sequence[int] = await self._change(lambda: self._leases.take(lease, shards, dead))
        return taken

    async def give(self, lease: Lease, shards: Sequence[int], to: str) -> None:
        """See the port."""
        await self._change(lambda: self._leases.give(lease, shards, to))

    async def _change(self, work: Work) -> Any:
        if self._dice.random() >= self.lost_chance:
            return await self._wire.ask(work)
        late = self._dice.choice((None, 0.0, LATE_SECONDS_MAX * self._dice.random()))
        if late is not None:
            self._wire.send(late, work, None)
        await asyncio.sleep(self._wire.delay())
        raise StoreUnavailable


class RemoteFlushes:
    """Implements `ports.FlushStore`; a cut may also leave the statement to be carried out later,
    when its repetition has long been."""

    def __init__(self, wire: Wire, inner: MemoryFlushStore, dice: Random) -> None:
        self._wire = wire
        self._inner = inner
        self._dice = dice
        self.late_chance = 0.0

    async def flush(self, lease: Lease, number: int, batch: bytes) -> None:
        """See the port."""
        if self._dice.random() < self.late_chance:
            late = self._dice.random() * LATE_SECONDS_MAX
            self._wire.send(late, lambda: self._ignored(lease, number, batch), None)
            await asyncio.sleep(self._wire.delay())
            raise OutcomeUnknown
        await self._wire.ask(lambda: self._inner.flush(lease, number, batch))

    async def _ignored(self, lease: Lease, number: int, batch: bytes) -> None:
        try:
            await self._inner.flush(lease, number, batch)
        except (Fenced, OutcomeUnknown, RowRefused):
            return
