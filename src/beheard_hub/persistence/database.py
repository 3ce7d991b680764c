"""The only door to reading: a transaction is always somebody's.

``async with db.acting_as(Actor(...)) as tx`` takes a connection of the pool, begins a read-only
transaction, takes the role and sets the four locals that row-level security reads (spec 4.2), all
of them local to the transaction. Nothing else opens a transaction or touches the pool; a test
greps for it.

What keeps one person's rights from reaching the next user of a connection:

1. role and locals are set with ``set_config(..., true)``: they end with the transaction;
2. a transaction that was cancelled, timed out or broke in any way that the server did not answer
   for is not ended but cut: its connection is closed and never returned;
3. the pool's `reset` hook resets role and settings of what comes back;
4. the statement that takes the role also says whether the connection came clean. A dirty one is
   closed, counted in `dirty_connections`, and another one is taken.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import asyncpg
import msgspec

from beheard_hub.observability.metrics import DIRTY_CONNECTIONS, STATEMENTS_REFUSED
from beheard_hub.persistence import sql
from beheard_hub.ports import Actor, StoreUnavailable
from beheard_hub.settings import SetupError

ROLES: Mapping[str, str] = {
    "user": "beheard_app",
    "ai": "beheard_app",
    "partner": "beheard_app",
    "coach": "beheard_app",
    "staff": "beheard_app",
    "admin": "beheard_app",
    "ops": "beheard_ops",
    "writer": "beheard_writer",
    "nobody": "beheard_app",
}
"""Who acts → database role. Roles come from here only, never from a request."""

NOBODY = ("", "", "", "")
UNAVAILABLE_CLASSES = frozenset({"08", "40", "53", "55", "57", "58", "XX"})
"""SQLSTATE classes of a database that cannot be asked now; all others are our own mistakes."""
DRIVER_ERRORS = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.exceptions.InternalClientError,  # the server hung up between two statements
)
"""What the driver raises; `is_unavailable` sorts them."""
ACQUIRE_SECONDS_MAX = 10
STATEMENT_SECONDS_MAX = 30
DIRTY_ATTEMPTS_MAX = 5


class Transaction:
    """What one may do inside `Database.acting_as`: run statements, nothing about roles."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def fetch(self, statement: str, *args: object) -> Sequence[asyncpg.Record]:
        """All rows. Raises asyncpg.PostgresError."""
        rows: Sequence[asyncpg.Record] = await self._connection.fetch(statement, *args)
        return rows

    async def fetchrow(self, statement: str, *args: object) -> asyncpg.Record | None:
        """The first row, or None."""
        return await self._connection.fetchrow(statement, *args)

    async def fetchval(self, statement: str, *args: object) -> Any:
        """The first column of the first row, or None."""
        return await self._connection.fetchval(statement, *args)

    async def query(self, name: str, args: Mapping[str, Any]) -> Sequence[asyncpg.Record]:
        """Rows of a named query; an argument that is not given is NULL. Raises KeyError for an
        unknown query, TypeError for an unknown argument."""
        query = sql.queries()[name]
        unknown = args.keys() - set(query.args)
        if unknown:
            raise TypeError(f"query {name} has no argument {', '.join(sorted(unknown))}")
        return await self.fetch(query.text, *[args.get(arg) for arg in query.args])


class Rehearsal(Transaction):
    """A transaction that is always rolled back and may change whom it acts as."""

    async def act(self, who: str, actor: Actor | None = None) -> None:
        """Acts as a role of `ROLES`, with the locals of `actor` or with none."""
        parts = _locals(actor) if actor else NOBODY
        await self._connection.fetchrow(sql.text("act_again"), ROLES[who], *parts)


class Database:
    """A pool of connections of the login role, which alone may do nothing."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.dirty_connections = 0
        """Connections that came back dirty and were closed: must stay 0, is a metric."""

    @classmethod
    async def open(cls, runtime_url: str, *, size_max: int = 8) -> Database:
        """Connects one connection, up to `size_max` later.

        Raises StoreUnavailable, and SetupError when the login role is not let in.
        """
        try:
            pool = await asyncpg.create_pool(
                runtime_url,
                min_size=1,
                max_size=size_max,
                init=prepare_connection,
                setup=_refuse_open_transaction,
                reset=_reset,
                command_timeout=STATEMENT_SECONDS_MAX,
            )
        except DRIVER_ERRORS as wrong:
            if is_unavailable(wrong):
                raise StoreUnavailable(_reason(wrong)) from None
            raise SetupError(
                f"The hub's login role is not let in ({_reason(wrong)}).",
                "Run `beheard migrate` with the same DATABASE_URL and secret as this hub.",
            ) from None
        return cls(pool)

    async def close(self) -> None:
        """Waits for transactions under way, at most 10 s, then cuts them."""
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS_MAX):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @contextlib.asynccontextmanager
    async def acting_as(self, actor: Actor, *, writes: bool = False) -> AsyncIterator[Transaction]:
        """A transaction as `actor`; read-only unless `writes` (for functions that write).

        Raises StoreUnavailable when the database is away, also in the middle.
        Cancelling closes the connection.
        """
        async with self._transaction(ROLES[actor.role], _locals(actor), writes) as connection:
            yield Transaction(connection)

    @contextlib.asynccontextmanager
    async def as_ops(self, *, writes: bool = False) -> AsyncIterator[Transaction]:
        """A transaction that sees keys, counts and times of everybody, and no content."""
        async with self._transaction(ROLES["ops"], NOBODY, writes) as connection:
            yield Transaction(connection)

    @contextlib.asynccontextmanager
    async def as_nobody(self, *, writes: bool = False) -> AsyncIterator[Transaction]:
        """A transaction of nobody, who sees no row: for the functions that find out who somebody
        is (spec 4.2), or that become each user in turn (`hub.load_sessions`)."""
        async with self._transaction(ROLES["nobody"], NOBODY, writes) as connection:
            yield Transaction(connection)

    @contextlib.asynccontextmanager
    async def rehearsal(self) -> AsyncIterator[Rehearsal]:
        """A transaction of which nothing stays: for the self-proof at start."""
        with contextlib.suppress(_RolledBack):
            async with self._transaction(ROLES["nobody"], NOBODY, writes=True) as connection:
                yield Rehearsal(connection)
                raise _RolledBack

    @contextlib.asynccontextmanager
    async def _transaction(
        self, role: str, parts: tuple[str, str, str, str], writes: bool
    ) -> AsyncIterator[asyncpg.Connection]:
        try:
            connection = await self._begun(role, parts, writes)
            try:
                yield connection
                await connection.execute("COMMIT")
            except (asyncpg.PostgresError, _RolledBack):
                await self._rolled_back(connection)
                raise
            except BaseException:
                connection.terminate()
                raise
            finally:
                await self._pool.release(connection)
        except DRIVER_ERRORS as wrong:
            if is_unavailable(wrong):
                raise StoreUnavailable(_reason(wrong)) from None
            STATEMENTS_REFUSED.labels(_reason(wrong)).inc()
            raise

    async def _begun(
        self, role: str, parts: tuple[str, str, str, str], writes: bool
    ) -> asyncpg.Connection:
        for _ in range(DIRTY_ATTEMPTS_MAX):
            connection = await self._pool.acquire(timeout=ACQUIRE_SECONDS_MAX)
            clean = False
            try:
                await connection.execute("BEGIN" if writes else "BEGIN READ ONLY")
                row = await connection.fetchrow(sql.text("act"), role, *parts)
                clean = bool(row and row["clean"])
            finally:
                if not clean:
                    connection.terminate()
                    await self._pool.release(connection)
            if clean:
                return connection
            self.dirty_connections += 1
            DIRTY_CONNECTIONS.inc()
        raise StoreUnavailable("every connection came back dirty")

    async def _rolled_back(self, connection: asyncpg.Connection) -> None:
        try:
            await connection.execute("ROLLBACK")
        except BaseException:
            connection.terminate()
            raise


class _RolledBack(Exception):
    """Ends a rehearsal."""


def is_unavailable(wrong: BaseException) -> bool:
    """Whether an error tells of the database's state rather than of the statement."""
    if isinstance(wrong, ValueError):  # an argument that does not fit the statement: our mistake
        return False
    sqlstate: str | None = getattr(wrong, "sqlstate", None)
    return sqlstate is None or sqlstate[:2] in UNAVAILABLE_CLASSES


async def prepare_connection(connection: asyncpg.Connection) -> None:
    """Gives a new connection the codec of jsonb: what msgspec can encode in, dict or list out."""
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary", encoder=_to_jsonb, decoder=_from_jsonb
    )


def _to_jsonb(value: object) -> bytes:
    """Postgres's binary jsonb is its version, 1, and the JSON text."""
    return b"\x01" + (value if isinstance(value, bytes) else msgspec.json.encode(value))


def _from_jsonb(packed: bytes) -> Any:
    return msgspec.json.decode(packed[1:])


def _locals(actor: Actor) -> tuple[str, str, str, str]:
    stage = "" if actor.stage is None else str(actor.stage)
    return (actor.id, actor.role, actor.session_id, stage)


async def _refuse_open_transaction(connection: asyncpg.Connection) -> None:
    """The pool's `setup` hook: a connection with an open transaction never leaves the pool."""
    if connection.is_in_transaction():
        connection.terminate()
        raise asyncpg.InterfaceError("a connection of the pool has an open transaction")


async def _reset(connection: asyncpg.Connection) -> None:
    """The pool's `reset` hook."""
    if connection.is_in_transaction():
        connection.terminate()
        return
    await connection.execute(sql.text("reset"))


def _reason(wrong: BaseException) -> str:
    """What a log may say: the kind of failure, never the server's sentence."""
    return getattr(wrong, "sqlstate", None) or type(wrong).__name__
