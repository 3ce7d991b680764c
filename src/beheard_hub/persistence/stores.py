"""The other ports on Postgres: leases, sessions, named reads, accounts, the public look-ups."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from beheard_hub.domain.kernel import Json, Loaded
from beheard_hub.domain.limits import CLOCKS_APART_MAX
from beheard_hub.persistence import sql
from beheard_hub.persistence.database import Database
from beheard_hub.ports import (
    Actor,
    DueReminder,
    Fenced,
    HostEntry,
    Known,
    Lease,
    RoutingTable,
    StoredEvent,
    StoredReceipt,
)

LOAD_SESSIONS_MAX = 25
"""Sessions per `hub.load_sessions` (spec 4.2)."""
LEASE_LOST = "BH002"
KINDS = {"load_sessions": "mediation", "practice.load": "practice"}
"""Query that loads sessions → of which kind they are."""


class PostgresLeaseStore:
    """Implements `ports.LeaseStore` and `ports.Routing`. Every method raises StoreUnavailable."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def open(self, host_id: str, endpoint: str) -> Lease:
        """See the port."""
        epoch = await self._call("lease.open", host_id, endpoint)
        return Lease(host_id, epoch)

    async def routing(self) -> RoutingTable:
        """See the port."""
        async with self._db.as_ops() as tx:
            found = await tx.fetchval(sql.text("lease.routing"))
        hosts = {
            row["hostId"]: HostEntry(row["hostId"], row["epoch"], row["endpoint"], row["alive"])
            for row in found["hosts"]
        }
        return RoutingTable(found["owners"], hosts)

    async def take(
        self, lease: Lease, shards: Sequence[int] | None, dead: str | None
    ) -> Sequence[int]:
        """See the port; raises Fenced when the own lease is lost."""
        wanted = None if shards is None else list(shards)
        taken: Sequence[int] = await self._call(
            "lease.take", lease.host_id, lease.epoch, wanted, dead
        )
        return taken

    async def give(self, lease: Lease, shards: Sequence[int], to: str) -> None:
        """See the port; raises Fenced when the own lease is lost."""
        await self._call("lease.give", lease.host_id, lease.epoch, list(shards), to)

    async def close(self, lease: Lease) -> None:
        """See the port."""
        await self._call("lease.close", lease.host_id, lease.epoch)

    async def _call(self, query: str, *args: object) -> Any:
        try:
            async with self._db.as_ops(writes=True) as tx:
                return await tx.fetchval(sql.text(query), *args)
        except asyncpg.PostgresError as wrong:
            if wrong.sqlstate == LEASE_LOST:
                raise Fenced from None
            raise


class PostgresSessionStore:
    """Implements `ports.SessionStore`. Every method raises StoreUnavailable."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def load(self, wanted: Sequence[tuple[str, Sequence[str]]]) -> Sequence[Loaded | None]:
        """See the port; more than `LOAD_SESSIONS_MAX` are loaded in several calls."""
        found: dict[str, Loaded] = {}
        for start in range(0, len(wanted), LOAD_SESSIONS_MAX):
            part = wanted[start : start + LOAD_SESSIONS_MAX]
            callers: dict[str, list[str]] = {}
            for session_id, ids in part:
                callers.setdefault(session_id, []).extend(ids)
            practices = {key: who for key, who in callers.items() if _is_number(key)}
            others = {key: who for key, who in callers.items() if key not in practices}
            async with self._db.as_nobody() as tx:
                for query, asked in (("load_sessions", others), ("practice.load", practices)):
                    if asked:
                        rows = await tx.fetch(sql.text(query), list(asked), asked)
                        found |= {row["sessionId"]: _loaded(row, KINDS[query]) for row in rows}
        return [found.get(session_id) for session_id, _ in wanted]

    async def rehearse(self, times: int) -> None:
        """Loads the session of the latest command, if there is one, so many times at once, each by
        a connection of its own: a connection's first load takes some ten times as long as those
        after it. Raises StoreUnavailable."""
        async with self._db.as_ops() as tx:
            session_id = await tx.fetchval(sql.text("sessions.latest"))
        if session_id is not None:
            await asyncio.gather(*(self.load([(session_id, [])]) for _ in range(times)))

    async def receipt(self, session_id: str, user_id: str, command_id: str) -> StoredReceipt | None:
        """See the port."""
        args = {"session_id": session_id, "user_id": user_id, "command_id": command_id}
        async with self._db.acting_as(Actor(user_id, session_id=session_id)) as tx:
            rows = await tx.query("receipt", args)
        return StoredReceipt(**rows[0]) if rows else None

    async def events(
        self, session_id: str, user_id: str, after: int, limit: int
    ) -> Sequence[StoredEvent] | None:
        """See the port; None also for an `after` that lies beyond the log."""
        where = {"session_id": session_id, "user_id": user_id}
        async with self._db.acting_as(Actor(user_id, session_id=session_id)) as tx:
            rows = await tx.query("events.after", {**where, "after": after, "limit": limit})
            if not rows:
                [newest] = await tx.query("events.newest", where)
                return [] if newest[0] == after else None
        if rows[0]["seq"] != after + 1:
            return None
        return [StoredEvent(**row) for row in rows]

    async def reminders(
        self, shards: Sequence[int], now: datetime, at_once: Collection[str],
        after: DueReminder | None, limit: int,
    ) -> Sequence[DueReminder]:  # fmt: skip
        """See the port."""
        args = {
            "shards": list(shards),
            "now": now,
            "latest": now + CLOCKS_APART_MAX,
            "at_once": list(at_once),
            "after_at": after.due_at if after else None,
            "after_id": after.id if after else None,
            "limit": limit,
        }
        async with self._db.as_ops() as tx:
            rows = await tx.query("reminders.due", args)
        return [
            DueReminder(
                id=row["id"],
                kind=row["kind"],
                due_at=row["dueAt"],
                session_id=row["sessionId"],
                user_id=row["userId"],
                payload=row["payload"],
            )
            for row in rows
        ]

    async def unnoticed(
        self, names: Sequence[str], seconds: float, limit: int
    ) -> Sequence[tuple[str, str, StoredEvent]]:
        """See the port."""
        async with self._db.as_ops() as tx:
            args = {"names": list(names), "seconds": seconds, "limit": limit}
            rows = await tx.query("events.unnoticed", args)
        return [
            (row["sessionId"], row["userId"], StoredEvent(row["seq"], row["name"], {}, row["at"]))
            for row in rows
        ]

    async def load_directory(self, user_id: str) -> Loaded:
        """See the port; an unknown user has no relationships."""
        async with self._db.as_nobody() as tx:
            row = await tx.fetchrow(sql.text("load_directory"), user_id)
        if row is None:
            return Loaded(session_id=f"user:{user_id}", facts={"user": None, "relationships": []})
        return _loaded(row)

    async def session_of_invitation(self, invitation_id: str) -> str | None:
        """See the port."""
        async with self._db.as_nobody() as tx:
            found: str | None = await tx.fetchval(sql.text("invitation.session"), invitation_id)
        return found

    async def became(self, user_id: str) -> tuple[str, Sequence[str]] | None:
        """See the port."""
        async with self._db.acting_as(Actor(user_id)) as tx:
            row = await tx.fetchrow(sql.text("user.became"))
        return (row["userId"], row["sessions"]) if row else None

    async def became_of(self, user_ids: Sequence[str]) -> Sequence[tuple[str, str, Sequence[str]]]:
        """See the port."""
        async with self._db.as_ops() as tx:
            rows = await tx.fetch(sql.text("user.became_of"), list(user_ids))
        return [(row["guestId"], row["userId"], row["sessions"]) for row in rows]


class PostgresReadStore:
    """Implements `ports.ReadStore`: named queries, always as somebody.

    A query that asks for ``user_id`` or ``session_id`` gets the actor's; no caller can give
    another one.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    async def read(
        self, actor: Actor, query: str, args: Mapping[str, Json]
    ) -> Sequence[Mapping[str, Any]]:
        """See the port. Raises KeyError for an unknown query, TypeError for an unknown argument."""
        [rows] = await self.read_many(actor, [(query, args)])
        return rows

    async def read_many(
        self, actor: Actor, wanted: Sequence[tuple[str, Mapping[str, Json]]]
    ) -> Sequence[Sequence[Mapping[str, Any]]]:
        """Several queries in one transaction; the answers are in the order asked."""
        fixed = {"user_id": actor.id, "session_id": actor.session_id}
        async with self._db.acting_as(actor) as tx:
            answers = []
            for query, args in wanted:
                own = {name: fixed[name] for name in sql.queries()[query].args if name in fixed}
                answers.append([dict(row) for row in await tx.query(query, {**args, **own})])
        return answers


class PostgresAccounts:
    """Implements `ports.Accounts`, and the one look-up that needs no account."""

    def __init__(self, db: Database, admin_emails: Sequence[str] = ()) -> None:
        """Whoever logs in with one of `admin_emails`, in lower case, becomes an administrator."""
        self._db = db
        self._admin_emails = admin_emails

    async def provision(
        self, provider: str, subject: str, name: str | None, email: str | None = None
    ) -> Known:
        """See `ports.Accounts`."""
        async with self._db.as_nobody(writes=True) as tx:
            row = await tx.fetchrow(
                sql.text("user.log_in"), provider, subject, name, email, self._admin_emails
            )
        if row is None:
            raise LookupError("hub.log_in answered nothing")
        return row["userId"], row["role"], row["name"]

    async def recognise(self, user_id: str, used_after: datetime) -> Known | None:
        """See `ports.Accounts`."""
        async with self._db.as_nobody(writes=True) as tx:
            row = await tx.fetchrow(sql.text("user.recognise"), user_id, used_after)
        return (row["userId"], row["role"], row["name"]) if row else None

    async def invitation_preview(self, invitation_id: str) -> Mapping[str, Any] | None:
        """What anybody may see who holds the id (spec 2.3, invitation.get), or None."""
        async with self._db.as_nobody() as tx:
            row = await tx.fetchrow(sql.text("invitation.preview"), invitation_id)
        return dict(row) if row else None


def _is_number(session_id: str) -> bool:
    """Whether it is the id of a practice (spec 08); those of mediation are UUIDs."""
    return session_id.isascii() and session_id.isdecimal()


def _loaded(row: asyncpg.Record, kind: str = "") -> Loaded:
    return Loaded(
        session_id=row["sessionId"],
        facts={**row["facts"], "kind": kind} if kind else row["facts"],
        names=row["names"],
        seqs=row["seqs"],
        receipts=row["receipts"],
    )
