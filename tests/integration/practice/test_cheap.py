"""The walls of a practice cost an index probe, not a scan (spec 4.2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from beheard_hub.ports import Actor
from tests.integration.database.conftest import World

PERSON = Actor("p7", "user", "1007")
LANE = Actor("p7", "partner", "1007")
STAFF = Actor("staff", "staff", "1010")
ADMIN = Actor("admin", "admin", "1007")
PAGE = """SELECT id, content FROM practice."Message" WHERE "sessionId" = {}
          ORDER BY timestamp DESC, id DESC LIMIT 50"""
SESSION = 'SELECT id FROM practice."ConversationSession" WHERE id = {}'


@pytest.fixture(scope="module")
async def crowded(world: World) -> World:
    """Enough rows to be worth an index."""
    await world.sql.execute((Path(__file__).parent / "crowd.sql").read_text())
    return world


@pytest.mark.parametrize(
    ("actor", "statement"),
    [
        (PERSON, PAGE.format(1007)),
        (LANE, PAGE.format(1007)),
        (STAFF, PAGE.format(1010)),
        (ADMIN, PAGE.format(1007)),
        (PERSON, SESSION.format(1007)),
        (STAFF, SESSION.format(1010)),
        (PERSON, 'SELECT id FROM practice."ConversationSession" WHERE "userId" = \'p7\''),
        (STAFF, 'SELECT id FROM practice."Invitation" WHERE "createdById" = \'staff\''),
        (PERSON, 'SELECT id FROM practice."UsageLog" WHERE "userId" = \'p7\''),
        (STAFF, 'SELECT id FROM practice."ObservationNote" WHERE "invitationId" = \'p10\''),
    ],
)
async def test_a_policy_costs_an_index_probe(crowded: World, actor: Actor, statement: str) -> None:
    async with crowded.acting(actor):
        rows = await crowded.sql.fetch(f"EXPLAIN {statement}")
    plan = "\n".join(row[0] for row in rows)
    assert "Index" in plan
    assert "Seq Scan" not in plan, plan
