"""The documented schema: names, statements that must run as written, and cheap policies."""

from __future__ import annotations

import json
from pathlib import Path

import asyncpg
import pytest

from beheard_hub.ports import Actor
from tests.integration.database.conftest import World

A = Actor("a", "user", "s", 4)
CONSENT_CHECK = """
SELECT cc."transformedContent" FROM "ConsentedContent" cc JOIN "ConsentRecord" cr ON cc."consentRecordId" = cr.id WHERE
cc."sharedVesselId" = $1 AND cc."sourceUserId" = $2 AND cr.decision = 'GRANTED' AND cr."revokedAt" IS NULL AND cc."consentActive" = true
"""  # noqa: E501 - as the documentation shows it
SIMILAR_EVENTS = (
    "SELECT id, description, 1 - (embedding <=> $1) AS similarity FROM"
    ' "UserEvent" WHERE "vesselId" = $2 ORDER BY embedding <=> $1 LIMIT 5'
)
ENUMS = {
    "SessionStatus", "StageStatus", "Attribution", "NeedCategory", "MessageRole",
    "ConsentContentType", "ConsentDecision", "AgreementType", "AgreementStatus", "StrategySource",
    "InvitationStatus", "ExerciseType", "GlobalLibrarySource", "Role",
}  # fmt: skip
PAGE = (
    'SELECT id, content FROM "Message" WHERE "sessionId" = $1 AND "forUserId" = $2'
    " ORDER BY timestamp DESC, id DESC LIMIT 50"
)


def vector(*head: float) -> str:
    """1536 dimensions, mostly zero, as a short model is padded."""
    return json.dumps([*head, *[0.0] * (1536 - len(head))])


async def test_enums_have_their_documented_names(world: World) -> None:
    rows = await world.sql.fetch(
        "SELECT typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace"
        " WHERE typtype = 'e' AND n.nspname = 'public'"
    )
    assert {row[0] for row in rows} == ENUMS


async def test_the_consent_check_runs_as_documented(world: World) -> None:
    assert [row[0] for row in await world.sql.fetch(CONSENT_CHECK, "s", "b")] == ["canary shared b"]
    assert await world.see(A, CONSENT_CHECK, "s", "a") == {"canary shared a", "canary a"}
    assert await world.see(A, CONSENT_CHECK, "s", "b") == set(), "the record is the giver's"


async def test_similar_events_run_as_documented(world: World) -> None:
    async with world.undone():
        for key, head in (("near", 0.9), ("far", 0.1)):
            await world.sql.execute(
                'INSERT INTO "UserEvent" (id, "vesselId", description, "attributedTo", embedding)'
                " VALUES ($1, 'a', $1, 'SELF', $2::text::vector)",
                key,
                vector(head, 1 - head),
            )
        statement = SIMILAR_EVENTS.replace("$1", "$1::text::vector")
        rows = await world.sql.fetch(statement, vector(1.0), "a")
        assert [row["id"] for row in rows][:2] == ["near", "far"]
        await world.become("beheard_app", A)
        rows = await world.sql.fetch(statement, vector(1.0), "a")
        assert [row["id"] for row in rows][:2] == ["near", "far"]
        assert await world.sql.fetch(statement, vector(1.0), "b") == []


async def test_updated_at_is_set_by_trigger(world: World) -> None:
    async with world.undone():
        await world.sql.execute("""UPDATE "Session" SET "updatedAt" = 'epoch'""")
        late = await world.sql.fetchval('SELECT bool_and("updatedAt" = now()) FROM "Session"')
        assert late
    missing = await world.sql.fetch(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'r' AND n.nspname IN ('public', 'practice')"
        " AND NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgname = 'touch')"
    )
    assert [row[0] for row in missing] == []


async def test_every_column_but_those_of_a_vector_moves_updated_at(world: World) -> None:
    columns = await world.sql.fetch(
        "SELECT c.oid::regclass::text AS name, a.attname, a.attname LIKE 'embedding%' AS vector,"
        " cardinality(g.tgattr::int2[]) = 0 OR a.attnum = ANY (g.tgattr::int2[]) AS touched"
        " FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " WHERE g.tgname = 'touch' AND a.attgenerated = ''"
    )
    wrong = [(row["name"], row["attname"]) for row in columns if row["touched"] == row["vector"]]
    assert wrong == []
    assert sum(row["vector"] for row in columns) >= 15


@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [
        ("""UPDATE "Session" SET status = 'WAITING'""", "23514"),
        ("""UPDATE "Message" SET content = repeat('x', 10001)""", "23514"),
        ("""UPDATE "EmotionalReading" SET intensity = 11""", "23514"),
        ("""UPDATE "EmpathyDraft" SET content = repeat('x', 1201)""", "23514"),
        ("""UPDATE "IdentifiedNeed" SET evidence = '{}'""", "23514"),
        ("""UPDATE "GlobalLibraryItem" SET "contributedBy" = 'a'""", "23514"),
        ("""UPDATE "User" SET email = 'a@canary.example'""", "23505"),
        ("""UPDATE "ContactMethod" SET value = 'A@canary.example'""", "23505"),
        ("""INSERT INTO "Message" SELECT (m).* FROM "Message" m WHERE id = 'a'""", "23505"),
        ("""UPDATE "Message" SET "senderId" = 'b' WHERE id = 'a'""", "23514"),
    ],
)
async def test_limits_hold_in_the_database_too(world: World, statement: str, sqlstate: str) -> None:
    async with world.undone():
        with pytest.raises(asyncpg.PostgresError) as refused:
            await world.sql.execute(statement)
        assert refused.value.sqlstate == sqlstate


@pytest.fixture(scope="module")
async def crowded(world: World) -> World:
    """Enough rows that a scan would be worth the planner's while, were a policy to ask for one."""
    await world.sql.execute((Path(__file__).parent / "crowd.sql").read_text())
    await world.sql.execute("ANALYZE")
    return world


@pytest.mark.parametrize(
    ("statement", "args"),
    [
        (PAGE, ["s7", "u7"]),
        ('SELECT id FROM "UserEvent" WHERE "vesselId" = $1 ORDER BY timestamp', ["u7"]),
        ('SELECT id FROM "ConsentedContent" WHERE "sharedVesselId" = $1', ["s7"]),
        ('SELECT id FROM "Session" WHERE id = $1', ["s7"]),
        ('SELECT id FROM "StageProgress" WHERE "sessionId" = $1 AND "userId" = $2', ["s7", "u7"]),
    ],
)
async def test_a_policy_costs_an_index_probe(
    crowded: World, statement: str, args: list[str]
) -> None:
    bound = statement
    for number, value in enumerate(args, 1):
        bound = bound.replace(f"${number}", f"'{value}'")
    async with crowded.acting(Actor("u7", "user", "s7", 4)):
        rows = await crowded.sql.fetch(f"EXPLAIN {bound}")
    plan = "\n".join(row[0] for row in rows)
    assert "Index" in plan
    assert "Seq Scan" not in plan, plan


async def test_the_lists_behind_the_policies_are_probes_too(crowded: World) -> None:
    """They run in functions, where EXPLAIN does not look: their statements, as they stand."""
    vessels = 'SELECT v.id FROM public."UserVessel" v WHERE v."userId" = \'u7\''
    shared = (
        'SELECT s.id FROM public."UserVessel" v JOIN public."SharedVessel" s'
        ' ON s."sessionId" = v."sessionId" WHERE v."userId" = \'u7\''
    )
    for statement in (vessels, shared):
        rows = await crowded.sql.fetch(f"EXPLAIN {statement}")
        assert "Seq Scan" not in "\n".join(row[0] for row in rows)
