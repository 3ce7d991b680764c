"""What researchers take along of a practice: all of it that is theirs to see, and nobody's id."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.exports import PostgresExports
from tests.integration.database.conftest import World

SECRET = "a secret of the test"


async def taken(exports: PostgresExports, user: str, session: str) -> list[dict[str, Any]]:
    found = await exports.practice(user, session)
    assert isinstance(found, AsyncIterator), found
    return [json.loads(line) for line in b"".join([piece async for piece in found]).splitlines()]


async def test_staff_take_a_practice_along_without_names(world: World, db: Database) -> None:
    await world.sql.execute(
        """INSERT INTO practice."Message" (id, "sessionId", role, content, timestamp)
           SELECT 2000 - n, 1, 'user', 'said ' || n, now() + n * interval '1 s'
           FROM generate_series(1, 250) n"""
    )
    await world.sql.execute(
        """INSERT INTO practice."ObservationNote" (id, "invitationId", "researcherId", content)
           VALUES ('of the whole', 'a', 'staff', 'calm'), ('of another', 'c', 'staff', 'loud')"""
    )
    exports = PostgresExports(db, SECRET)
    lines = await taken(exports, "staff", "1")
    kinds = [line["type"] for line in lines]
    assert Counter(kinds) == {"session": 1, "turn": 253, "usage": 1, "note": 2}
    assert kinds == sorted(kinds, key=["session", "turn", "usage", "note"].index)
    rows = [line["row"] for line in lines]
    said = [row["content"] for row in rows[4:254]]
    assert said == [f"said {number}" for number in range(1, 251)], "by time, over pages"
    ids = {"a", "staff"}
    assert not any(
        ids & {v for v in row.values() if isinstance(v, str)} - {row["id"]} for row in rows
    )
    [session] = [row for row in rows if "participant" in row]
    assert len(session["participant"]) == 32
    assert rows == [line["row"] for line in await taken(exports, "admin", "1")]
    [other] = [
        line["row"]["participant"]
        for line in await taken(PostgresExports(db, SECRET + "!"), "staff", "1")
        if line["type"] == "session"
    ]
    assert other != session["participant"], "another hub tells people apart in another way"


async def test_who_may_not_see_a_practice_takes_nothing_along(world: World, db: Database) -> None:
    exports = PostgresExports(db, SECRET)
    for user, session, code in (
        ("a", "1", Code.FORBIDDEN),
        ("nobody", "1", Code.FORBIDDEN),
        ("staff", "3", Code.NOT_FOUND),
        ("admin", "2", Code.NOT_FOUND),
        ("admin", "99", Code.NOT_FOUND),
        ("admin", "s", Code.NOT_FOUND),
    ):
        assert await exports.practice(user, session) == Refusal(code), (user, session)
