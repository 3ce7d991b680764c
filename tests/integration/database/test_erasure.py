"""What the marks of an erasure let go (spec 4.5), and that nothing else lets anything go.

Tables and columns come from the catalogue: a table with a user in it that this file does not know
fails, so that nobody adds one which an erasure forgets.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import asyncpg
import pytest

from tests.integration.database.conftest import World, insert, update
from tests.integration.database.expectations import WALLS

USER_COLUMNS = """
SELECT format('%s.%I', n.nspname, c.relname) AS name, a.attname AS column
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind = 'r' AND pg_get_userbyid(c.relowner) = 'beheard_owner'
  AND (a.attname ~ '([uU]serId|ById|By|partnerId|vesselId|actorId)$' OR EXISTS (
    SELECT FROM pg_constraint f WHERE f.conrelid = c.oid AND f.contype = 'f'
      AND f.confrelid = 'public."User"'::regclass AND a.attnum = ANY (f.conkey)))
"""
"""Every column that names a user, or the vessel of one."""

GOES: Mapping[str, str] = {
    'public."Message"': "forUserId",
    'public."UserEvent"': "vesselId",
    'public."EmotionalReading"': "vesselId",
    'public."IdentifiedNeed"': "vesselId",
    'public."NeedClarification"': "vesselId",
    'public."Boundary"': "vesselId",
    'public."UserDocument"': "vesselId",
    'public."EmpathyDraft"': "userId",
    'public."EmotionalExerciseCompletion"': "userId",
    'public."SessionPrivate"': "userId",
    'public."ConsentedContent"': "sourceUserId",
    'public."EmpathyAttempt"': "sourceUserId",
    'public."EmpathyValidation"': "userId",
    'public."StrategyRanking"': "userId",
    'public."StrategyProposal"': "createdByUserId",
    'public."ConsentRecord"': "userId",
    'public."ContactMethod"': "userId",
    'public."ExternalIdentity"': "userId",
    'hub."SessionEvent"': "userId",
    'hub."CommandReceipt"': "userId",
    'hub."Reminder"': "userId",
    'hub."Nudge"': "userId",
    'hub."AiUsage"': "userId",
    'hub."Notification"': "userId",
    'practice."ObservationNote"': "researcherId",
    'practice."TelemetryEvent"': "userId",
}
"""Tables of which every row of the user goes, and the column that tells whose it is. The id of a
vessel is that of its user, in `people.sql`."""

BY_OTHERS: Mapping[str, str] = {
    'public."EmpathyValidation"': "b",
    'practice."ObservationNote"': "staff",
}
"""Where it was not A who wrote what goes: said of an attempt of A's, noted of A's practice."""

STAYS: Mapping[str, str] = {
    'public."User"': "the tombstone: an id and the words former partner",
    'public."UserVessel"': "the tombstone of a seat, without its vector",
    'public."StageProgress"': "stage and status, which the partner saw; gates and their times go",
    'public."RelationshipMember"': "ids and dates: the partner's relationship stands on two",
    'public."Session"': "ids and dates: the partner's session",
    'public."Invitation"': "ids and dates: addresses, name and reason go",
    'public."CommonGround"': "what both agreed on stays",
    'public."GlobalLibraryItem"': "anonymised when it was given; the id leads to the tombstone",
    'practice."ConversationSession"': "ids, dates and counters: what was said goes",
    'practice."Invitation"': "ids and dates: what the inviter typed goes",
    'practice."UsageLog"': "the account of tokens outlives the user",
    'hub."AuditLog"': "ids and codes; the log outlives the account",
    'hub."Erasure"': "that there was an erasure, and when",
    'hub."MergedGuest"': "ids: a guest's leads to the tombstone",
}
"""Tables in which the user's id stays, and why."""


def columns_of(text: str) -> Sequence[str]:
    """Names out of a list."""
    return text.split()


BLANK: Mapping[str, Sequence[str]] = {
    'public."User"': columns_of("email avatarUrl pushToken pushPlatform lastLoginAt"),
    'public."UserVessel"': columns_of("embedding embeddingModel"),
    'public."Invitation"': columns_of("email phone name declineReason"),
    'practice."Invitation"': columns_of("label"),
    'public."StageProgress"': columns_of(
        "strategiesReadyRound feedbackAcceptedAt synthesisLastUpdated"
    ),
}
"""Columns that are empty in the rows that stay."""


async def begin(world: World, user: str = "a") -> str:
    """The first commit."""
    return await world.flush({"": [user]}, insert("hub.Erasure", {"userId": user}))


async def bury(world: World, user: str = "a", session: str = "s") -> str:
    """The seat's turn."""
    row = {"id": user, "erasedAt": "2026-01-01T00:00:00Z"}
    return await world.flush({session: [user]}, update("UserVessel", ["id"], row))


async def end(world: World, user: str = "a") -> str:
    """The last commit."""
    row = {"userId": user, "finishedAt": "2026-01-01T00:00:00Z"}
    return await world.flush({"": [user]}, update("hub.Erasure", ["userId"], row))


async def erase(world: World) -> None:
    """All of it, then the eyes of the owner again."""
    for step in (begin, bury, end):
        assert await step(world) == "ok"
        await world.sql.execute("RESET ROLE")


@pytest.fixture
async def erased(world: World) -> AsyncIterator[World]:
    """The world without A, until the test is over."""
    async with world.undone():
        await world.sql.execute("""UPDATE "Invitation" SET email = 'canary', phone = '1'""")
        await world.sql.execute("""UPDATE "StageProgress" SET "gatesSatisfied" = '{"x": true}'""")
        await erase(world)
        yield world


async def count(world: World, table: str, column: str, user: str) -> int:
    found: int = await world.sql.fetchval(
        f'SELECT count(*) FROM {table} WHERE "{column}" = $1', user
    )
    return found


async def test_every_table_with_a_user_in_it_is_known(world: World) -> None:
    rows = await world.sql.fetch(USER_COLUMNS)
    assert {row["name"] for row in rows} | {'public."User"'} == {*GOES, *STAYS}
    assert not set(GOES) & set(STAYS)
    found = {(row["name"], row["column"]) for row in rows}
    assert set(GOES.items()) <= found


@pytest.mark.parametrize("table", GOES)
async def test_all_of_the_user_goes(world: World, erased: World, table: str) -> None:
    assert await count(erased, table, GOES[table], "a") == 0


@pytest.mark.parametrize("table", GOES)
async def test_nothing_of_others_goes(world: World, table: str) -> None:
    whose = f'SELECT "{GOES[table]}" AS u, count(*) FROM {table} GROUP BY 1 ORDER BY 1'
    before = {row["u"]: row["count"] for row in await world.sql.fetch(whose)}
    async with world.undone():
        await erase(world)
        after = {row["u"]: row["count"] for row in await world.sql.fetch(whose)}
    assert before.pop(BY_OTHERS.get(table, "a")), "there was something to go"
    assert after == before


@pytest.mark.parametrize("table", BLANK)
async def test_what_stays_is_empty(world: World, erased: World, table: str) -> None:
    key = "id" if table == 'public."User"' else next(
        row["column"]
        for row in await erased.sql.fetch(USER_COLUMNS)
        if row["name"] == table and row["column"] in ("userId", "invitedById", "linkedUserId")
    )  # fmt: skip
    shown = ", ".join(f'"{column}"' for column in BLANK[table])
    rows = await erased.sql.fetch(f'SELECT {shown} FROM {table} WHERE "{key}" = $1', "a")
    assert rows
    assert all(value is None for row in rows for value in row.values())


async def test_the_tombstone_has_no_name_of_its_own(world: World, erased: World) -> None:
    [row] = await erased.sql.fetch("""SELECT name, role FROM "User" WHERE id = 'a'""")
    assert tuple(row) == ("former partner", "GUEST")
    gates = """SELECT "gatesSatisfied"::text FROM "StageProgress" WHERE "userId" = 'a'"""
    assert {row[0] for row in await erased.sql.fetch(gates)} == {"{}"}


async def test_no_text_of_the_user_is_anywhere(world: World, erased: World) -> None:
    for table in WALLS:
        rows = await erased.sql.fetch(f"SELECT t::text AS line FROM {table} t")
        lines = "\n".join(row["line"] for row in rows)
        assert "canary a" not in lines.replace("canary attempt", ""), table
        assert "a@canary" not in lines, table


async def test_who_signs_in_again_is_somebody_new(world: World) -> None:
    async with world.undone():
        known = await world.sql.fetchrow(
            """SELECT provider, "externalId" FROM "ExternalIdentity" WHERE "userId" = 'a'"""
        )
        assert await begin(world) == "ok"
        await world.sql.execute("RESET ROLE")
        new = await world.sql.fetchrow(
            "SELECT * FROM hub.provision_user($1, $2, 'A', NULL)", *known.values()
        )
        assert new["userId"] not in ("a", None)


async def test_a_seat_is_erased_of_nobody_who_does_not_leave(world: World) -> None:
    async with world.undone():
        with pytest.raises(asyncpg.PostgresError) as refused:
            await bury(world)
        assert refused.value.sqlstate == "BH005"


@pytest.mark.parametrize("value", ["null", "time"])
async def test_a_mark_is_never_taken_back(world: World, value: str) -> None:
    async with world.undone():
        assert await begin(world) == "ok"
        row: dict[str, Any] = {"id": "a", "erasedAt": None}
        if value == "time":
            row = {"userId": "a", "finishedAt": None}
        table, key = ("UserVessel", "id") if value == "null" else ("hub.Erasure", "userId")
        with pytest.raises(asyncpg.PostgresError) as refused:
            await world.flush({"s": ["a"]}, update(table, [key], row))
        assert refused.value.sqlstate == "BH005"


async def test_the_end_waits_for_the_last_seat(world: World) -> None:
    async with world.undone():
        assert await begin(world) == "ok"
        with pytest.raises(asyncpg.PostgresError) as refused:
            await end(world)
        assert refused.value.sqlstate == "BH005"


@pytest.mark.parametrize("writer", ["b", "c", "nobody"])
async def test_nobody_marks_another_one(world: World, writer: str) -> None:
    writing = {"s": ["b"]} if writer == "b" else {"t": ["c"]} if writer == "c" else {}
    async with world.undone():
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.flush(writing, insert("hub.Erasure", {"userId": "a"}))
    async with world.undone():
        assert await begin(world) == "ok"
        row = {"id": "a", "erasedAt": "2026-01-01T00:00:00Z"}
        with pytest.raises(asyncpg.PostgresError) as refused:
            await world.flush(writing, update("UserVessel", ["id"], row))
        assert refused.value.sqlstate in ("BH001", "42501")


@pytest.mark.parametrize("table", GOES)
async def test_the_deleting_role_reaches_those_who_leave_alone(world: World, table: str) -> None:
    """What the triggers run as: before a mark it deletes nothing, after it nobody else's."""
    column = GOES[table]
    async with world.undone():
        await world.sql.execute("SET LOCAL session_replication_role = replica")
        await world.sql.execute('DELETE FROM hub."Erasure"')
        reached = {"staff"} if table == 'practice."ObservationNote"' else {"a"}
        for marked, left in ((False, set()), (True, reached)):
            if marked:
                await world.sql.execute("""INSERT INTO hub."Erasure" ("userId") VALUES ('a')""")
            before = {r[0] for r in await world.sql.fetch(f'SELECT "{column}" FROM {table}')}
            await world.sql.execute("SET LOCAL ROLE beheard_owner")
            await world.sql.execute(f"DELETE FROM {table}")
            await world.sql.execute("RESET ROLE")
            after = {r[0] for r in await world.sql.fetch(f'SELECT "{column}" FROM {table}')}
            assert before - after == left & before


async def test_the_writer_itself_deletes_no_more_than_before(world: World) -> None:
    rows = await world.sql.fetch(
        "SELECT c.oid::regclass::text AS name FROM pg_class c WHERE c.relkind = 'r'"
        " AND has_table_privilege('beheard_writer', c.oid, 'DELETE')"
    )
    assert {row["name"].replace('"', "") for row in rows} == {
        "UserEvent", "EmotionalReading", "IdentifiedNeed", "NeedClarification", "Boundary",
        "UserDocument", "EmpathyDraft", "ContactMethod", "practice.QuotaPreset",
        "practice.ObservationNote",
    }  # fmt: skip


JOINS: Mapping[str, Mapping[str, Any]] = {
    "UserVessel": {"id": "new", "userId": "a", "sessionId": "t"},
    "RelationshipMember": {"id": "new", "relationshipId": "t", "userId": "a"},
    "Session": {"id": "new", "relationshipId": "s", "createdById": "a", "status": "ABANDONED"},
    "ContactMethod": {"id": "new", "userId": "a", "type": "email", "value": "x"},
    "practice.ConversationSession": {
        "id": 99,
        "userId": "a",
        "scenarioId": 9001,
        "quota": {"tokens": 1},
    },
}


@pytest.mark.parametrize("table", JOINS)
async def test_who_leaves_joins_nothing(world: World, table: str) -> None:
    writing = {"t": ["a"], "new": ["a"], "99": ["a"]}
    setting = """INSERT INTO "RelationshipMember" (id, "relationshipId", "userId")
        VALUES ('other', 't', 'a')"""
    for leaving in (False, True):
        async with world.undone():
            if table == "UserVessel":
                await world.sql.execute(setting)
            if leaving:
                assert await begin(world) == "ok"
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await world.flush(writing, insert(table, JOINS[table]))
            else:
                assert await world.flush(writing, insert(table, JOINS[table])) == "ok"


async def test_the_partner_goes_on_seeing_the_session(world: World, erased: World) -> None:
    [row] = await erased.load(["s"])
    assert row["facts"]["members"] == [
        {"userId": "a", "vesselId": "a", "erased": True, "presenceShown": True},
        {"userId": "b", "vesselId": "b", "erased": False, "presenceShown": True},
    ]
    assert row["names"]["a"] == "former partner"
    assert row["facts"]["shared"]["agreements"]
    assert row["facts"]["shared"]["commonGround"]
