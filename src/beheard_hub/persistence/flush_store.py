"""The write-behind path: one connection of its own, one statement at a time (spec 01).

A flush is one statement and so one transaction. What can go wrong falls into three kinds, by
SQLSTATE (`outcome`): the batch was refused for a row in it; the lease is gone; or it is not known
whether the batch was committed. In the last case the connection is thrown away, and the caller
sends the same batch with the same number again: the database then answers ``already`` if it was.
"""

from __future__ import annotations

import asyncpg

from beheard_hub.persistence import sql
from beheard_hub.persistence.database import DRIVER_ERRORS, UNAVAILABLE_CLASSES, prepare_connection
from beheard_hub.ports import Fenced, Lease, OutcomeUnknown, RowRefused

CONNECT_SECONDS_MAX = 5
FLUSH_SECONDS_MAX = 30
READ_ONLY = "25006"
"""The server became a standby under us: not the fault of a row."""
BY_KEY = {"enable_seqscan": "off"}
"""A flush finds every row by its key. Plans are made once for a connection, and one that was made
while a table was small would go on reading all of it."""


class PostgresFlushStore:
    """Implements `ports.FlushStore`. Not for use by several tasks at once."""

    def __init__(self, runtime_url: str) -> None:
        self._url = runtime_url
        self._connection: asyncpg.Connection | None = None

    async def flush(self, lease: Lease, number: int, batch: bytes) -> None:
        """See `ports.FlushStore.flush`. Connects first where need be."""
        connection = await self._connected()
        self._connection = None  # given back only by a flush whose outcome is known
        try:
            said = await connection.fetchval(
                sql.text("flush"), lease.host_id, lease.epoch, number, batch
            )
        except DRIVER_ERRORS as wrong:
            refused = outcome(wrong)
            if isinstance(refused, RowRefused):
                self._connection = connection
            else:
                connection.terminate()
            raise refused from None
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection
        if said == "fenced":
            raise Fenced

    async def close(self) -> None:
        """Drops the connection; the next flush would open another."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        try:
            connection = await asyncpg.connect(
                self._url, timeout=CONNECT_SECONDS_MAX, command_timeout=FLUSH_SECONDS_MAX,
                server_settings=BY_KEY,
            )  # fmt: skip
            await prepare_connection(connection)
        except DRIVER_ERRORS as wrong:
            raise OutcomeUnknown(type(wrong).__name__) from None
        return connection


def outcome(wrong: BaseException) -> OutcomeUnknown | RowRefused:
    """What an error says about the batch; no text of a row is in it."""
    sqlstate: str | None = getattr(wrong, "sqlstate", None)
    if sqlstate is None:
        return OutcomeUnknown(type(wrong).__name__)
    if sqlstate[:2] in UNAVAILABLE_CLASSES or sqlstate == READ_ONLY:
        return OutcomeUnknown(sqlstate)
    return RowRefused(sqlstate, getattr(wrong, "constraint_name", None))
