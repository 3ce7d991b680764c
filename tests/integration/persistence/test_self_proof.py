"""The self-proof holds on a right set-up, leaves nothing, and names each wall that is down."""

from __future__ import annotations

import asyncpg
import pytest

from beheard_hub.persistence.database import Database
from beheard_hub.persistence.self_proof import prove
from beheard_hub.settings import SetupError

COUNTS = """
SELECT (SELECT count(*) FROM "User"), (SELECT count(*) FROM "Session"),
       (SELECT count(*) FROM "Message"), (SELECT count(*) FROM hub."HostLease")
"""


async def test_a_right_set_up_is_proven_and_nothing_stays(
    db: Database, owner: asyncpg.Connection
) -> None:
    before = await owner.fetchrow(COUNTS)
    await prove(db)
    assert await owner.fetchrow(COUNTS) == before


@pytest.mark.parametrize(
    ("damage", "repair", "sentence"),
    [
        (
            'CREATE POLICY hole ON "Message" FOR SELECT TO beheard_app USING (true)',
            'DROP POLICY hole ON "Message"',
            "the message of another is visible",
        ),
        (
            'ALTER TABLE "Message" NO FORCE ROW LEVEL SECURITY',
            'ALTER TABLE "Message" FORCE ROW LEVEL SECURITY',
            "Message has no forced row-level security",
        ),
        (
            "ALTER ROLE beheard_app BYPASSRLS",
            "ALTER ROLE beheard_app NOBYPASSRLS",
            "beheard_app has the powers of the owner",
        ),
        (
            'GRANT SELECT ON "Message" TO beheard_writer',
            'REVOKE SELECT ON "Message" FROM beheard_writer;'
            ' GRANT SELECT (id, "sessionId", "forUserId", stage) ON "Message" TO beheard_writer',
            "write-behind role may read messages",
        ),
        (
            "REVOKE EXECUTE ON FUNCTION hub.actor_id() FROM beheard_app",
            "GRANT EXECUTE ON FUNCTION hub.actor_id() TO beheard_app",
            "SQLSTATE 42501",
        ),
    ],
)
async def test_a_wall_that_is_down_is_named(
    db: Database, owner: asyncpg.Connection, damage: str, repair: str, sentence: str
) -> None:
    await owner.execute(damage)
    try:
        with pytest.raises(SetupError, match=sentence) as caught:
            await prove(db)
        assert "beheard migrate" in caught.value.hint
    finally:
        await owner.execute(repair)
    await prove(db)
