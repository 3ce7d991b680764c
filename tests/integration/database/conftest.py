"""A database with the people of `people.sql` in it, and ways to ask it as somebody."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from beheard_hub.ports import Actor
from tests.conftest import TestDatabase

HERE = Path(__file__).parent
HOST, EPOCH = "host", 1000
"""The lease that `people.sql` opens."""


class World:
    """One connection of the migrating superuser on the peopled database. It takes the run-time
    roles as the login role would, and everything it does is rolled back."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.sql = connection

    @contextlib.asynccontextmanager
    async def undone(self) -> AsyncIterator[None]:
        """What happens inside leaves no trace."""
        transaction = self.sql.transaction()
        await transaction.start()
        try:
            yield
        finally:
            await transaction.rollback()

    async def become(self, role: str, actor: Actor | None = None) -> None:
        """Takes a role, with the locals of `actor`, until the transaction ends."""
        names = ("app.actor_id", "app.actor_role", "app.current_session_id", "app.current_stage")
        values = (
            (
                actor.id,
                actor.role,
                actor.session_id,
                "" if actor.stage is None else str(actor.stage),
            )
            if actor
            else ("",) * 4
        )
        for name, value in zip(names, values, strict=True):
            await self.sql.execute("SELECT set_config($1, $2, true)", name, value)
        await self.sql.execute(f"SET LOCAL ROLE {role}")

    async def as_writer(self, writing: Mapping[str, Sequence[str]], epoch: int = EPOCH) -> None:
        """Becomes the writer as `hub.flush` does, for statements that a flush would not make."""
        for name, value in (
            ("app.writing", json.dumps(writing)),
            ("app.host", HOST),
            ("app.epoch", str(epoch)),
        ):
            await self.sql.execute("SELECT set_config($1, $2, true)", name, value)
        await self.become("beheard_writer")

    @contextlib.asynccontextmanager
    async def acting(self, actor: Actor | None, role: str = "beheard_app") -> AsyncIterator[None]:
        """Reads as `actor`, then undone."""
        async with self.undone():
            await self.become(role, actor)
            yield

    async def see(self, actor: Actor | None, query: str, *args: object) -> set[Any]:
        """First column of what `actor` sees."""
        async with self.acting(actor):
            return {row[0] for row in await self.sql.fetch(query, *args)}

    async def flush(
        self,
        writing: Mapping[str, Sequence[str]],
        *ops: Mapping[str, Any],
        n: int | None = None,
        epoch: int = EPOCH,
    ) -> str:
        """One flush; without `n` the next one."""
        if n is None:
            n = 1 + await self.sql.fetchval(
                'SELECT "flushNo" FROM hub."HostLease" WHERE "hostId" = $1', HOST
            )
        batch = json.dumps({"writing": writing, "ops": ops})
        answer: str = await self.sql.fetchval(
            "SELECT hub.flush($1, $2, $3, $4)", HOST, epoch, n, batch
        )
        return answer

    async def load(
        self, ids: Sequence[str], callers: Mapping[str, Sequence[str]] | None = None
    ) -> list[dict[str, Any]]:
        """Rows of `hub.load_sessions`, their JSON parsed, as the login role calls it."""
        async with self.undone():
            rows = await self.sql.fetch(
                "SELECT * FROM hub.load_sessions($1, $2)", ids, json.dumps(callers or {})
            )
        return [
            {k: json.loads(v) if k != "sessionId" else v for k, v in row.items()} for row in rows
        ]


def insert(table: str, *rows: Mapping[str, Any]) -> dict[str, Any]:
    """An insert operation of a batch."""
    return {"t": table, "op": "i", "cols": list(rows[0]), "rows": rows}


def update(table: str, key: Sequence[str], *rows: Mapping[str, Any]) -> dict[str, Any]:
    """An update operation; the columns that are not key are set."""
    cols = [name for name in rows[0] if name not in key]
    return {"t": table, "op": "u", "key": key, "cols": cols, "rows": rows}


def delete(table: str, *ids: str) -> dict[str, Any]:
    """A delete operation by id."""
    return {"t": table, "op": "d", "key": ["id"], "rows": [{"id": one} for one in ids]}


@pytest.fixture(scope="module")
async def world(database: TestDatabase) -> AsyncIterator[World]:
    """The peopled database."""
    connection = await asyncpg.connect(database.owner_url)
    async with connection.transaction():
        await connection.execute((HERE / "people.sql").read_text())
    try:
        yield World(connection)
    finally:
        await connection.close()
