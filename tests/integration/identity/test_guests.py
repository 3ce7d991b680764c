"""Users of the hub's own tokens: who is recognised, and what a use leaves behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from beheard_hub.persistence.database import Database
from beheard_hub.persistence.stores import PostgresAccounts
from tests.conftest import TestDatabase

LONG_AGO = datetime.now(UTC) - timedelta(days=90)
SEEN = 'SELECT "lastLoginAt" FROM "User" WHERE id = $1'


@pytest.fixture
async def accounts(db: Database, owner: asyncpg.Connection) -> PostgresAccounts:
    """Guests who were here now, last week, and too long ago; and a user who was one."""
    await owner.execute('TRUNCATE "User" CASCADE')
    await owner.execute(
        """INSERT INTO "User" (id, role, "lastLoginAt", "createdAt") VALUES
           ('now', 'GUEST', NULL, now()),
           ('week', 'GUEST', now() - interval '7 days', now() - interval '8 days'),
           ('gone', 'GUEST', now() - interval '91 days', now() - interval '92 days'),
           ('never', 'GUEST', NULL, now() - interval '91 days'),
           ('grown', 'USER', now(), now())"""
    )
    await owner.execute("""INSERT INTO hub."MergedGuest" ("guestId", "userId")
                           VALUES ('was a guest', 'grown')""")
    return PostgresAccounts(db)


@pytest.mark.parametrize(
    ("subject", "user"),
    [("now", ("now", "GUEST")), ("week", ("week", "GUEST")), ("grown", ("grown", "USER")),
     ("was a guest", ("grown", "USER"))],
)  # fmt: skip
async def test_who_was_here_lately_is_recognised(
    accounts: PostgresAccounts, subject: str, user: tuple[str, str]
) -> None:
    assert await accounts.recognise(subject, LONG_AGO) == (*user, None)


@pytest.mark.parametrize("subject", ["gone", "never", "nobody", ""])
async def test_who_was_not_is_nobody(
    accounts: PostgresAccounts, owner: asyncpg.Connection, subject: str
) -> None:
    before = await owner.fetchval(SEEN, subject)
    assert await accounts.recognise(subject, LONG_AGO) is None
    assert await owner.fetchval(SEEN, subject) == before


async def test_a_use_is_noted_once_an_hour(
    accounts: PostgresAccounts, owner: asyncpg.Connection
) -> None:
    await accounts.recognise("week", LONG_AGO)
    seen = await owner.fetchval(SEEN, "week")
    assert seen > datetime.now(UTC) - timedelta(minutes=5)
    await accounts.recognise("week", LONG_AGO)
    assert await owner.fetchval(SEEN, "week") == seen
    assert await owner.fetchval(SEEN, "gone") < datetime.now(UTC) - timedelta(days=90)


async def test_who_leaves_is_nobody_also_as_the_guest_of_then(
    accounts: PostgresAccounts, owner: asyncpg.Connection
) -> None:
    await owner.execute("""INSERT INTO hub."Erasure" ("userId") VALUES ('grown')""")
    assert await accounts.recognise("was a guest", LONG_AGO) is None
    assert await accounts.recognise("grown", LONG_AGO) is None


async def test_nobody_reads_what_became_of_guests(database: TestDatabase, db: Database) -> None:
    for door in (db.as_ops(), db.as_nobody()):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with door as tx:
                await tx.fetch('SELECT * FROM hub."MergedGuest"')
