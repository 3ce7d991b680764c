"""After an erasure and a cleaning no file of the database holds what was erased (spec 4.5)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.persistence.erasure import FileCleaning, StillRead
from tests.conftest import TestDatabase
from tests.integration.persistence import scene

CANARY = "zqcanaryoferasure"
NOT_LOOKED_INTO = "pg_wal"
"""The write-ahead log ages out by itself, as docs/walls.md says."""


def files(postgres: EmbeddedPostgres) -> Iterator[Path]:
    """Every file of the cluster."""
    for path in postgres.cluster.rglob("*"):
        if path.is_file() and path.relative_to(postgres.cluster).parts[0] != NOT_LOOKED_INTO:
            yield path


def holding(postgres: EmbeddedPostgres, word: str) -> list[str]:
    """Files in which the word can be read."""
    raw = word.encode()
    return sorted(path.name for path in files(postgres) if raw in path.read_bytes())


@pytest.fixture(scope="module")
async def erased(database: TestDatabase) -> AsyncIterator[asyncpg.Connection]:
    """A database from which user A was erased, with A's words still on the disk."""
    connection = await asyncpg.connect(database.owner_url)
    await scene.play(connection)
    await connection.execute(
        """UPDATE "Message" SET content = $1 || content WHERE "forUserId" = $2""",
        CANARY, scene.A,
    )  # fmt: skip
    for n in range(50):  # enough of one value for the planner to note it
        await connection.execute(
            """INSERT INTO "UserEvent" (id, "vesselId", description, "attributedTo")
               VALUES ($1, $2, $3, 'SELF')""",
            f"event-{n}", f"vessel-{scene.A}", f"{CANARY}often",
        )  # fmt: skip
    await connection.execute("""UPDATE "User" SET name = $1 WHERE id = $2""", CANARY, scene.A)
    await connection.execute("ANALYZE")
    await connection.execute("CHECKPOINT")
    await connection.execute("""INSERT INTO hub."Erasure" ("userId") VALUES ($1)""", scene.A)
    await connection.execute(
        """UPDATE "UserVessel" SET "erasedAt" = now() WHERE "userId" = $1""", scene.A
    )
    await connection.execute(
        """UPDATE hub."Erasure" SET "finishedAt" = now() WHERE "userId" = $1""", scene.A
    )
    await connection.execute("CHECKPOINT")
    yield connection
    await connection.close()


async def test_the_files_are_clean_afterwards_and_not_before(
    postgres: EmbeddedPostgres, database: TestDatabase, erased: asyncpg.Connection
) -> None:
    assert len(holding(postgres, CANARY)) >= 3, "table, index or note: the search finds them"
    cleaning = FileCleaning(database.owner_url)
    assert await cleaning.once() == 1
    assert holding(postgres, CANARY) == []
    assert holding(postgres, f"private of {scene.B}"), "the partner's are where they were"
    assert await erased.fetchval("""SELECT "cleanedAt" IS NOT NULL FROM hub."Erasure" """)
    assert await cleaning.once() == 0


@pytest.mark.parametrize("leaves", [True, False], ids=["who leaves", "who stays"])
async def test_what_an_older_reader_may_still_see_is_waited_for(
    postgres: EmbeddedPostgres, database: TestDatabase, erased: asyncpg.Connection, leaves: bool
) -> None:
    """VACUUM FULL keeps for that reader what was deleted: a backup reads for minutes."""
    write = """UPDATE "Message" SET content = $1 WHERE id = (SELECT min(id) FROM "Message")"""
    await erased.execute(write, CANARY)
    reader = await asyncpg.connect(database.owner_url)
    reading = reader.transaction(isolation="repeatable_read", readonly=True)
    await reading.start()
    await reader.fetchval("SELECT 1")  # no lock, but a snapshot
    await erased.execute(write, "erased")
    await erased.execute("""UPDATE hub."Erasure" SET "cleanedAt" = NULL""")
    await erased.execute("CHECKPOINT")
    looks = 0

    async def waits(_: float) -> None:
        nonlocal looks
        looks += 1
        if leaves and looks == 3:
            await reading.rollback()

    cleaning = FileCleaning(database.owner_url, waits)
    try:
        if leaves:
            assert await cleaning.once() == 1
            assert holding(postgres, CANARY) == []
        else:
            with pytest.raises(StillRead):
                await cleaning.once()
            assert holding(postgres, CANARY)
            assert await erased.fetchval("""SELECT "cleanedAt" IS NULL FROM hub."Erasure" """)
    finally:
        await reader.close()
    assert looks >= 3


async def test_a_busy_table_is_not_waited_for(
    database: TestDatabase, erased: asyncpg.Connection
) -> None:
    await erased.execute("""UPDATE hub."Erasure" SET "cleanedAt" = NULL""")
    async with erased.transaction():
        await erased.execute("""LOCK TABLE "Message" IN ACCESS SHARE MODE""")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await FileCleaning(database.owner_url).once()
    assert await FileCleaning(database.owner_url).once() == 1
