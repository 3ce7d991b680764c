"""What a user takes along of practices (spec 4.5): all of the own, nothing that staff wrote."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from beheard_hub.persistence.database import Database
from beheard_hub.persistence.export import export
from tests.integration.database.conftest import World


@pytest.fixture
async def world(world: World) -> World:
    """In which nobody was merged: whoever was takes nothing along under the old name."""
    await world.sql.execute('DELETE FROM hub."MergedGuest"')
    return world


async def taken(db: Database, user: str) -> list[dict[str, Any]]:
    """The objects of a user's export."""
    text = b"".join([piece async for piece in export(db, user)])
    return [json.loads(line) for line in text.splitlines()]


async def test_a_participant_takes_the_own_practice_along(world: World, db: Database) -> None:
    await world.sql.execute(
        """UPDATE practice."Invitation" SET label = 'typed by staff' WHERE id = 'a'"""
    )
    await world.sql.execute(
        """INSERT INTO hub."SessionEvent" ("sessionId", "userId", seq, name)
           VALUES ('1', 'a', 1, 'practice.message')"""
    )
    lines = await taken(db, "a")
    counts = Counter(line["type"] for line in lines if line["type"].startswith("practice."))
    assert counts == {
        "practice.ConversationSession": 1, "practice.Message": 3, "practice.Invitation": 1,
        "practice.UsageLog": 1,
        "practice.TelemetryEvent": 2,  # one of the app, one of the hub: a guest was merged
    }  # fmt: skip
    assert "typed by staff" not in json.dumps(lines)
    [invitation] = [line["row"] for line in lines if line["type"] == "practice.Invitation"]
    assert (invitation["linkedUserId"], invitation["createdById"]) == ("a", None)
    events = [line["row"] for line in lines if line["type"] == "SessionEvent"]
    assert [row["sessionId"] for row in events] == ["1", "s"]


async def test_a_researcher_takes_the_own_words_along_and_nobodys_practice(
    world: World, db: Database
) -> None:
    lines = await taken(db, "staff")
    counts = Counter(line["type"] for line in lines if line["type"].startswith("practice."))
    assert counts == {"practice.Invitation": 1, "practice.ObservationNote": 1}


async def test_rows_with_numbers_come_in_pages(world: World, db: Database) -> None:
    await world.sql.execute(
        """INSERT INTO practice."Message" (id, "sessionId", role, content)
           SELECT 1000 + n, 2, 'user', 'x' FROM generate_series(1, 250) n"""
    )
    ids = [line["row"]["id"] for line in await taken(db, "b") if line["type"] == "practice.Message"]
    assert ids == [21, 22, 23, *range(1001, 1251)]
