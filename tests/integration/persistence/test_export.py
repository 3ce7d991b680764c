"""What a user takes along: all of the own, of the partner only what is active, and no vector."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from beheard_hub.persistence import export as exporting
from beheard_hub.persistence import sql
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.export import (
    LEFT_BEHIND,
    TABLES,
    VECTOR,
    export,
    name_of,
)
from tests.conftest import TestDatabase
from tests.integration.persistence import scene
from tests.integration.persistence.scene import SESSION, A, B, at, insert

CATALOGUE = """
SELECT CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END AS name,
       array_agg(a.attname::text) AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND pg_get_userbyid(c.relowner) = 'beheard_owner'
GROUP BY 1
"""


@pytest.fixture(scope="module", autouse=True)
async def played(database: TestDatabase) -> None:
    connection = await asyncpg.connect(database.owner_url)
    await scene.play(connection)
    for user in (A, B):
        await insert(
            connection, "hub.AuditLog", id=f"audit-{user}", actorId=user, actorRole="user",
            action="consent.decide", sessionId=SESSION, outcome="GRANTED", target='{"id": "x"}',
        )  # fmt: skip
        await insert(
            connection, "hub.CommandReceipt", sessionId="", userId=user, commandId=f"c-{user}",
            name="session.create", digest="secret digest", reply="{}",
        )  # fmt: skip
        await insert(
            connection, "StrategyProposal", id=f"own-idea-{user}", sessionId=SESSION,
            description=f"idea of {user}", source="AI_SUGGESTED", round=9, createdByUserId=user,
        )  # fmt: skip
    await connection.execute(
        """UPDATE "User" SET "pushToken" = 'secret token' WHERE id = 'user-a'"""
    )
    await connection.close()


@pytest.fixture
async def undo(owner: asyncpg.Connection) -> AsyncIterator[list[str]]:
    """Statements that take back what a test has changed."""
    statements: list[str] = []
    yield statements
    for statement in reversed(statements):
        await owner.execute(statement)


async def taken(db: Database, user: str) -> list[dict[str, Any]]:
    """The objects of a user's export."""
    text = b"".join([piece async for piece in export(db, user)]).decode()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def of(lines: list[dict[str, Any]], table: str) -> list[dict[str, Any]]:
    return [line["row"] for line in lines if line["type"] == table]


def undecided(catalogue: set[str]) -> set[str]:
    """Tables about which nobody has said whether a user takes them along."""
    return catalogue - TABLES.keys() - LEFT_BEHIND.keys()


async def test_every_table_of_the_catalogue_has_a_decision(owner: asyncpg.Connection) -> None:
    names = {row["name"] for row in await owner.fetch(CATALOGUE)}
    assert names == TABLES.keys() | LEFT_BEHIND.keys()
    assert not TABLES.keys() & LEFT_BEHIND.keys()


async def test_a_table_of_tomorrow_is_noticed(owner: asyncpg.Connection) -> None:
    async with owner.transaction():
        await owner.execute("SET LOCAL ROLE beheard_owner")
        await owner.execute('CREATE TABLE hub."Diary" (id text, "userId" text)')
        await owner.execute("RESET ROLE")
        names = {row["name"] for row in await owner.fetch(CATALOGUE)}
        assert undecided(names) == {"hub.Diary"}
        await owner.execute('DROP TABLE hub."Diary"')


@pytest.mark.parametrize("table", TABLES)
async def test_every_column_is_taken_or_left_behind_on_purpose(
    owner: asyncpg.Connection, table: str
) -> None:
    columns = {row["name"]: set(row["columns"]) for row in await owner.fetch(CATALOGUE)}[table]
    statement = await owner.prepare(sql.text(name_of(table)))
    shown = {attribute.name for attribute in statement.get_attributes()} - {"key"}
    assert shown <= columns
    assert columns - shown <= TABLES[table].omitted, "undecided"
    assert not shown & TABLES[table].omitted
    assert TABLES[table].omitted - VECTOR <= columns, "a decision about nothing"


async def test_every_query_is_of_a_table() -> None:
    queries = {name for name in sql.queries() if name.startswith("export.")}
    partners = {name_of(name, partner=True) for name, table in TABLES.items() if table.partner}
    assert queries == {name_of(name) for name in TABLES} | partners | {"export.sessions"}


async def test_all_of_the_own_is_there(db: Database, owner: asyncpg.Connection) -> None:
    lines = await taken(db, A)
    counts = Counter(line["type"] for line in lines)
    expected = {
        "User": 1, "Relationship": 1, "RelationshipMember": 1, "Invitation": 1, "Session": 1,
        "StageProgress": 5, "UserVessel": 1, "Message": 5, "UserEvent": 2, "EmotionalReading": 2,
        "IdentifiedNeed": 1, "NeedClarification": 1, "Boundary": 1, "UserDocument": 1,
        "EmpathyDraft": 1, "ConsentedContent": 4, "EmpathyAttempt": 2, "EmpathyValidation": 2,
        "CommonGround": 1, "StrategyProposal": 1, "StrategyRanking": 1, "Agreement": 1,
        "SessionEvent": 5, "CommandReceipt": 2, "Notification": 1, "Reminder": 1, "AuditLog": 1,
    }  # fmt: skip
    consents = await owner.fetchval('SELECT count(*) FROM "ConsentRecord" WHERE "userId" = $1', A)
    assert counts == {**expected, "ConsentRecord": consents}
    assert of(lines, "Invitation")[0]["name"] == "my Benny"
    assert [row["seq"] for row in of(lines, "SessionEvent")] == [1, 2, 3, 4, 5]
    assert of(lines, "StrategyProposal")[0]["description"] == f"idea of {A}"
    assert [row["id"] for row in of(lines, "CommonGround")] == ["ground"], "what went stale is gone"


async def test_nothing_private_of_the_partner_is_there(db: Database) -> None:
    for user, partner in ((A, B), (B, A)):
        text = json.dumps(await taken(db, user))
        assert f"private of {user}" in text
        for words in ("private", "preview", "consent", "idea", "private feedback"):
            assert f"{words} of {partner}" not in text
        for secret in ("secret digest", "secret token", "embedding"):
            assert secret not in text
    text = json.dumps(await taken(db, B))
    assert "my Benny" not in text, "what A typed of B"


async def test_of_the_partner_there_is_what_is_active(
    db: Database, owner: asyncpg.Connection, undo: list[str]
) -> None:
    lines = await taken(db, A)
    theirs = [row for row in of(lines, "ConsentedContent") if row["sourceUserId"] == B]
    assert {row["id"] for row in theirs} == {f"content-need-{B}", f"content-attempt-{B}"}
    assert all("consentRecordId" not in row and "originalNeedId" not in row for row in theirs)
    attempts = {row["sourceUserId"] for row in of(lines, "EmpathyAttempt")}
    feedback = {row["feedback"] for row in of(lines, "EmpathyValidation")}
    assert attempts == {A, B}
    assert feedback == {"shared feedback", "private feedback of user-a"}
    undo.append('UPDATE "ConsentedContent" SET "consentActive" = true, "revokedAt" = NULL')
    undo.append(
        """UPDATE "ConsentRecord" SET decision = 'GRANTED', "revokedAt" = NULL"""
        """ WHERE decision = 'REVOKED'"""
    )
    await owner.execute(
        """UPDATE "ConsentRecord" SET decision = 'REVOKED', "revokedAt" = now()
           WHERE id IN ('consent-need-user-b', 'consent-attempt-user-b')"""
    )
    lines = await taken(db, A)
    assert {row["sourceUserId"] for row in of(lines, "ConsentedContent")} == {A}
    assert {row["sourceUserId"] for row in of(lines, "EmpathyAttempt")} == {A}
    own = {row["id"]: row["consentActive"] for row in of(await taken(db, B), "ConsentedContent")}
    assert own[f"content-need-{B}"] is False, "the own is there, and marked"


async def test_the_partners_words_wait_for_the_readers_stage(
    db: Database, owner: asyncpg.Connection, undo: list[str]
) -> None:
    later = """"StageProgress" SET "userId" = '{}' WHERE "userId" = '{}' AND stage > 1"""
    undo.append("UPDATE " + later.format(A, "user-c"))
    await owner.execute("UPDATE " + later.format("user-c", A))
    lines = await taken(db, A)
    assert {row["sourceUserId"] for row in of(lines, "ConsentedContent")} == {A}
    assert of(lines, "CommonGround") == of(lines, "Agreement") == []


async def test_small_pages_lose_and_repeat_nothing(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = await taken(db, A)
    monkeypatch.setattr(exporting, "PAGE_ROWS", 2)
    assert await taken(db, A) == at_once


async def test_several_sessions_follow_each_other(
    db: Database, owner: asyncpg.Connection, undo: list[str]
) -> None:
    for number in range(3):
        one = f"session-0{number}"
        undo.append(f"DELETE FROM \"Session\" WHERE id = '{one}'")
        undo.append(f'DELETE FROM "UserVessel" WHERE "sessionId" = \'{one}\'')
        await insert(
            owner, "Session", id=one, relationshipId="rel", createdById=A, status="RESOLVED",
            createdAt=at(number),
        )  # fmt: skip
        await insert(owner, "UserVessel", id=f"vessel-{one}", userId=A, sessionId=one)
    lines = await taken(db, A)
    shown = {row["id"] for row in of(lines, "Session")}
    assert shown == {SESSION, "session-00", "session-01", "session-02"}
    assert len(of(lines, "UserVessel")) == 4


async def test_somebody_without_anything_gets_the_own_row(db: Database) -> None:
    lines = await taken(db, "user-c")
    assert [(line["type"], line["row"]["id"]) for line in lines] == [("User", "user-c")]
