"""Postgres as the hub needs it: leases and flushes, facts of sessions, named queries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec

from beheard_hub.domain.kernel import Json, Loaded


class Actor(msgspec.Struct, frozen=True):
    """As whom a transaction reads (spec 4.2); `partner` and `coach` are the lanes of a practice."""

    id: str
    role: Literal["user", "ai", "partner", "coach", "staff", "admin"] = "user"
    session_id: str = ""
    stage: int | None = None


class StoreUnavailable(Exception):
    """The database cannot be asked at the moment. A read may be repeated."""


class OutcomeUnknown(Exception):
    """A flush was cut: it may have committed. Send the same batch with the same number again."""


class Fenced(Exception):
    """The lease was taken: this host may never write again."""


class RowRefused(Exception):
    """The database refuses a row of the batch; nothing of the batch was applied. `sqlstate` is
    five characters; no text of the row is in the exception (spec 4.4)."""

    def __init__(self, sqlstate: str, constraint: str | None = None) -> None:
        super().__init__(f"row refused: SQLSTATE {sqlstate} {constraint or ''}".rstrip())
        self.sqlstate = sqlstate
        self.constraint = constraint


class Lease(msgspec.Struct, frozen=True):
    """One host's right to write."""

    host_id: str
    epoch: int


class HostEntry(msgspec.Struct, frozen=True):
    """A host as routing sees it."""

    host_id: str
    epoch: int
    endpoint: str
    alive: bool
    """Not dead and not expired, by the database's clock."""


class RoutingTable(msgspec.Struct, frozen=True):
    """Who owns which shard: `owners[shard]` is a host id or None."""

    owners: Sequence[str | None]
    hosts: Mapping[str, HostEntry]


class DueReminder(msgspec.Struct, frozen=True):
    """A "Reminder" row that has not fired."""

    id: str
    kind: str
    due_at: datetime
    session_id: str | None
    user_id: str | None
    payload: Mapping[str, Json]


class FlushStore(Protocol):
    """The write-behind path; one connection, one statement at a time."""

    async def flush(self, lease: Lease, number: int, batch: bytes) -> None:
        """Commits `batch` (JSON of `hub.flush`) as flush `number`; a number that the database has
        already seen is answered like a fresh commit.

        Raises Fenced, OutcomeUnknown, RowRefused. Cancelling leaves the outcome unknown.
        """


class LeaseStore(Protocol):
    """Hosts and shards."""

    async def open(self, host_id: str, endpoint: str) -> Lease:
        """Writes a new lease row with the next epoch; owns no shard yet."""

    async def routing(self) -> RoutingTable:
        """The table as it is now."""

    async def take(
        self, lease: Lease, shards: Sequence[int] | None, dead: str | None
    ) -> Sequence[int]:
        """Moves shards to `lease` and returns those it now owns.

        With `dead`, marks that host dead first (waiting for its flush under way) and takes all of
        its shards, or only `shards` of it; without, takes only shards without an owner or with a
        dead or expired one.
        """

    async def give(self, lease: Lease, shards: Sequence[int], to: str) -> None:
        """The owner itself names the next one."""

    async def close(self, lease: Lease) -> None:
        """Marks the own lease dead, after the last flush."""


class SessionStore(Protocol):
    """Facts of sessions, and what the log tables hold."""

    async def load(self, wanted: Sequence[tuple[str, Sequence[str]]]) -> Sequence[Loaded | None]:
        """For each (sessionId, extra callers) the facts read as each member and caller; None where
        no such session exists. One round trip (`hub.load_sessions`)."""

    async def receipt(self, session_id: str, user_id: str, command_id: str) -> StoredReceipt | None:
        """The receipt of an earlier command with that id."""

    async def events(
        self, session_id: str, user_id: str, after: int, limit: int
    ) -> Sequence[StoredEvent] | None:
        """Events after `after` in order, read as that user; None where the log no longer reaches
        back that far."""

    async def reminders(
        self, shards: Sequence[int], now: datetime, at_once: Collection[str],
        after: DueReminder | None, limit: int) -> Sequence[DueReminder]:  # fmt: skip
        """Those of these shards that are due at `now`, the asking host's, oldest first, from behind
        `after` on; of kinds `at_once` also what is later by `CLOCKS_APART_MAX`."""

    async def unnoticed(
        self, names: Sequence[str], seconds: float, limit: int
    ) -> Sequence[tuple[str, str, StoredEvent]]:
        """(session, user, event) of what is named so, happened in the last `seconds` and was
        neither raised by the user nor notified of; of all sessions, oldest first, no data."""

    async def load_directory(self, user_id: str) -> Loaded:
        """Facts about one user, for commands without a session: partners, and open sessions."""

    async def session_of_invitation(self, invitation_id: str) -> str | None:
        """Which session an invitation belongs to."""

    async def became(self, user_id: str) -> tuple[str, Sequence[str]] | None:
        """Whom that guest was merged with, and the practices that came along; None for all who
        were not."""

    async def became_of(self, user_ids: Sequence[str]) -> Sequence[tuple[str, str, Sequence[str]]]:
        """(guest, user, practices) of those among them who were merged."""


class StoredReceipt(msgspec.Struct, frozen=True):
    """A "CommandReceipt" row; `reply` may hold refs."""

    name: str
    digest: str
    reply: Mapping[str, Json]


class StoredEvent(msgspec.Struct, frozen=True):
    """A "SessionEvent" row; `data` may hold refs."""

    seq: int
    name: str
    data: Mapping[str, Json]
    at: datetime


class ReadStore(Protocol):
    """Named queries, always as somebody."""

    async def read(
        self, actor: Actor, query: str, args: Mapping[str, Json]
    ) -> Sequence[Mapping[str, Any]]:
        """Rows of a named query (`persistence/queries/*.sql`), columns by their database names.

        Raises StoreUnavailable.
        """
