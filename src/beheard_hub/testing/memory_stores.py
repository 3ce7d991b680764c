"""Postgres as the actors see it, in memory: flushes, leases, facts, receipts, events, reminders.

One `MemoryDatabase` is shared by the stores of several hosts. Faults are asked for, not random in
themselves: a `cut` decides for each flush whether it is cut before or after the commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from beheard_hub.domain.kernel import Loaded
from beheard_hub.domain.limits import CLOCKS_APART_MAX, LEASE_SECONDS, SHARDS
from beheard_hub.ports import (
    Clock,
    DueReminder,
    Fenced,
    HostEntry,
    Lease,
    OutcomeUnknown,
    RoutingTable,
    RowRefused,
    StoredEvent,
    StoredReceipt,
    StoreUnavailable,
)
from beheard_hub.testing.memory_tables import Record, rows_where

Cut = Literal["", "before", "after"]


class _Lease:
    def __init__(self, host_id: str, endpoint: str, epoch: int, expires_at: float) -> None:
        self.host_id = host_id
        self.endpoint = endpoint
        self.epoch = epoch
        self.number = 0
        self.expires_at = expires_at
        self.dead = False


class MemoryDatabase:
    """Tables by name, leases, and the faults that a test asks for."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.tables: dict[str, list[Record]] = {}
        self.batches: list[Mapping[str, Any]] = []
        """Every committed batch, heartbeats left out."""
        self.leases: dict[str, _Lease] = {}
        self.owners: list[str | None] = [None] * SHARDS
        self.available = True
        self.cut: Callable[[], Cut] = lambda: ""
        self.refuse: Callable[[Record], RowRefused | None] = lambda row: None
        """Which rows the database does not take."""
        self.stall: asyncio.Event | None = None
        """While set and unset inside: flushes wait for it."""

    def rows(self, table: str, **where: Any) -> list[Record]:
        """Rows of a table whose columns have these values."""
        return rows_where(self.tables.get(table, ()), where)

    def check(self) -> None:
        """Raises StoreUnavailable while the database is away."""
        if not self.available:
            raise StoreUnavailable

    def fences(self, lease: Lease, number: int) -> bool:
        """Whether a flush is too late: the lease was taken, or the number is not the next one."""
        row = self.leases[lease.host_id]
        return row.dead or row.epoch != lease.epoch or number not in (row.number, row.number + 1)

    def commit(self, batch: Mapping[str, Any], lease: Lease) -> None:
        """All of a batch or nothing, as the host of `lease`. Raises RowRefused."""
        for op in batch["ops"]:
            for row in op["rows"]:
                if (refused := self.refuse(row)) is not None:
                    raise refused
        for op in batch["ops"]:
            self._apply(op)
        if batch["ops"]:
            self.batches.append(batch)

    def _apply(self, op: Mapping[str, Any]) -> None:
        table = self.tables.setdefault(op["t"], [])
        if op["op"] == "i":
            table.extend(op["rows"])
            return
        for change in op["rows"]:
            key = {column: change[column] for column in op["key"]}
            for row in self.rows(op["t"], **key):
                if op["op"] == "d":
                    table.remove(row)
                else:
                    row.update(change)


class MemoryFlushStore:
    """Implements `ports.FlushStore`."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def flush(self, lease: Lease, number: int, batch: bytes) -> None:
        """See the port; cut as the database's `cut` says."""
        database = self._database
        await asyncio.sleep(0)
        if database.stall is not None:
            await database.stall.wait()
        cut: Cut = "before" if not database.available else database.cut()
        if cut == "before":
            raise OutcomeUnknown
        if database.fences(lease, number):
            raise Fenced
        row = database.leases[lease.host_id]
        if number != row.number:
            database.commit(msgspec.json.decode(batch), lease)
            row.number = number
        row.expires_at = database.clock.mono() + LEASE_SECONDS
        if cut == "after":
            raise OutcomeUnknown


class MemoryLeaseStore:
    """Implements `ports.LeaseStore` and `ports.Routing`."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def open(self, host_id: str, endpoint: str) -> Lease:
        """A new lease with the next epoch."""
        database = self._database
        database.check()
        epoch = len(database.leases) + 1
        expires_at = database.clock.mono() + LEASE_SECONDS
        database.leases[host_id] = _Lease(host_id, endpoint, epoch, expires_at)
        return Lease(host_id, epoch)

    async def routing(self) -> RoutingTable:
        """The table as it is now: hosts that are alive, and those that own a shard."""
        self._database.check()
        owners = set(self._database.owners)
        leases = [(lease, self._alive(lease)) for lease in self._database.leases.values()]
        hosts = {
            lease.host_id: HostEntry(lease.host_id, lease.epoch, lease.endpoint, alive)
            for lease, alive in leases
            if alive or lease.host_id in owners
        }
        return RoutingTable(list(self._database.owners), hosts)

    def _alive(self, lease: _Lease) -> bool:
        return not lease.dead and lease.expires_at > self._database.clock.mono()

    async def take(
        self, lease: Lease, shards: Sequence[int] | None, dead: str | None
    ) -> Sequence[int]:
        """See the port."""
        database = self._database
        database.check()
        self._stands(lease)
        leases, owners = database.leases, database.owners
        wanted = range(SHARDS) if shards is None else set(shards)
        if dead is not None and dead in leases:
            leases[dead].dead = True
        for shard, owner in enumerate(owners):
            if shard not in wanted or (dead is not None and owner != dead):
                continue
            if owner is None or not self._alive(leases[owner]):
                if owner is not None:
                    leases[owner].dead = True
                owners[shard] = lease.host_id
        return [shard for shard, owner in enumerate(owners) if owner == lease.host_id]

    async def give(self, lease: Lease, shards: Sequence[int], to: str) -> None:
        """The owner itself names the next one."""
        self._database.check()
        self._stands(lease)
        if self._database.leases[to].dead:
            return
        for shard in shards:
            if self._database.owners[shard] == lease.host_id:
                self._database.owners[shard] = to

    def _stands(self, lease: Lease) -> None:
        """Raises Fenced once the lease was taken."""
        if self._database.leases[lease.host_id].dead:
            raise Fenced

    async def close(self, lease: Lease) -> None:
        """Marks the own lease dead."""
        self._database.leases[lease.host_id].dead = True


class MemorySessionStore:
    """Implements `ports.SessionStore`; `facts` says how a kind's facts come from the tables."""

    def __init__(
        self, database: MemoryDatabase,
        facts: Callable[[MemoryDatabase, str], Loaded | None],
        directory: Callable[[MemoryDatabase, str], Loaded],
        events_from: int = 1,
    ) -> None:  # fmt: skip
        self._database = database
        self._facts = facts
        self._directory = directory
        self.events_from = events_from
        """The oldest seq that the log still has."""
        self.loads = 0

    async def load(self, wanted: Sequence[tuple[str, Sequence[str]]]) -> Sequence[Loaded | None]:
        """See the port."""
        await asyncio.sleep(0)
        self._database.check()
        self.loads += 1
        return [self._facts(self._database, session_id) for session_id, _ in wanted]

    async def receipt(self, session_id: str, user_id: str, command_id: str) -> StoredReceipt | None:
        """See the port."""
        await asyncio.sleep(0)
        self._database.check()
        for row in self._database.rows(
            "hub.CommandReceipt", sessionId=session_id, userId=user_id, commandId=command_id
        ):
            return StoredReceipt(row["name"], row["digest"], row["reply"])
        return None

    async def events(
        self, session_id: str, user_id: str, after: int, limit: int
    ) -> Sequence[StoredEvent] | None:
        """See the port."""
        await asyncio.sleep(0)
        self._database.check()
        if after < self.events_from - 1:
            return None
        rows = self._database.rows("hub.SessionEvent", sessionId=session_id, userId=user_id)
        rows = sorted((r for r in rows if r["seq"] > after), key=lambda row: int(row["seq"]))
        return [
            StoredEvent(row["seq"], row["name"], row["data"], datetime.fromisoformat(row["at"]))
            for row in rows[:limit]
        ]

    async def reminders(
        self, shards: Sequence[int], now: datetime, at_once: Collection[str],
        after: DueReminder | None, limit: int,
    ) -> Sequence[DueReminder]:  # fmt: skip
        """See the port."""
        self._database.check()
        own = set(shards)
        due = [
            DueReminder(
                row["id"], row["kind"], datetime.fromisoformat(row["dueAt"]), row["sessionId"],
                row["userId"], row["payload"],
            )
            for row in self._database.rows("hub.Reminder", firedAt=None)
            if row["shard"] in own
        ]  # fmt: skip
        due.sort(key=_order)
        behind = [one for one in due if after is None or _order(one) > _order(after)]
        until = dict.fromkeys(at_once, now + CLOCKS_APART_MAX)
        return [one for one in behind if one.due_at <= until.get(one.kind, now)][:limit]

    async def unnoticed(
        self, names: Sequence[str], seconds: float, limit: int
    ) -> Sequence[tuple[str, str, StoredEvent]]:
        """See the port."""
        database, found = self._database, []
        database.check()
        since = database.clock.now() - timedelta(seconds=seconds)
        for row in database.rows("hub.SessionEvent"):
            session_id, user_id, name = row["sessionId"], row["userId"], row["name"]
            if name not in names or (at := datetime.fromisoformat(row["at"])) < since:
                continue
            whose = {"sessionId": session_id, "userId": user_id}
            told = database.rows("hub.Notification", type=name, createdAt=row["at"], **whose)
            own = database.rows("hub.CommandReceipt", **whose)
            own = [one for one in own if datetime.fromisoformat(one["at"]) == at]
            if not told and not own:
                found.append((session_id, user_id, StoredEvent(row["seq"], name, {}, at)))
        return sorted(found, key=lambda one: one[2].at)[:limit]

    async def load_directory(self, user_id: str) -> Loaded:
        """See the port."""
        await asyncio.sleep(0)
        self._database.check()
        return self._directory(self._database, user_id)

    async def session_of_invitation(self, invitation_id: str) -> str | None:
        """See the port."""
        self._database.check()
        for row in self._database.rows("Invitation", id=invitation_id):
            return str(row["sessionId"])
        return None

    async def became(self, user_id: str) -> tuple[str, Sequence[str]] | None:
        """See the port."""
        await asyncio.sleep(0)
        self._database.check()
        for row in self._database.rows("hub.MergedGuest", guestId=user_id):
            return row["userId"], row["sessions"]
        return None

    async def became_of(self, user_ids: Sequence[str]) -> Sequence[tuple[str, str, Sequence[str]]]:
        """See the port."""
        await asyncio.sleep(0)
        self._database.check()
        return [
            (row["guestId"], row["userId"], row["sessions"])
            for row in self._database.rows("hub.MergedGuest")
            if row["guestId"] in user_ids
        ]


def _order(reminder: DueReminder) -> tuple[datetime, str]:
    return reminder.due_at, reminder.id


class ManualClock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def now(self) -> datetime:
        """2026-01-01 plus what was advanced."""
        return datetime.fromtimestamp(1_767_225_600 + self.seconds, UTC)

    def mono(self) -> float:
        """Seconds."""
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Moves both clocks."""
        self.seconds += seconds


class CountingIds:
    """Ids that count, the same in every run; from `start` on."""

    def __init__(self, start: int = 0) -> None:
        self._count = start

    def ordered(self) -> str:
        """The next number as a UUID."""
        self._count += 1
        return f"00000000-0000-7000-8000-{self._count:012d}"

    def random(self) -> str:
        """The next number as a UUID."""
        return self.ordered()
