"""The three walls of spec 4, each with the other two switched off, and the contract's table cell by
cell on a real Postgres.

* *Application checks*: the conditions of the named statements, and whose rows the store lets a
  caller ask for.
* *Row-level security*: the policies, as role ``ai`` of one user in one session.
* *The retrieval contract*: the plan's validation and the assembler.

The scene has the words of two people; each private text names its owner. Besides there are things
that the user must not be shown although they are near: what the partner took back, and what was
said in another relationship.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import asyncpg
import msgspec
import pytest

from beheard_hub.ai.memory_intent import Intent
from beheard_hub.domain.mediation.contract import TABLE, Row, Vessel, Way, allows
from beheard_hub.metering import Bill
from beheard_hub.persistence import sql
from beheard_hub.persistence.database import Database
from beheard_hub.ports import Actor
from beheard_hub.reactions import retrieval
from beheard_hub.reactions.recording import Trail
from beheard_hub.reactions.tools import Tools, as_ai
from tests.conftest import TestDatabase
from tests.integration.persistence import scene
from tests.integration.persistence.scene import SESSION, VECTOR, A, B

STAGES = range(5)
CELLS = [(row, way, stage) for row in TABLE for way in Way for stage in STAGES]
PRIVATE_OF_B = "private of user-b"
FORBIDDEN = (PRIVATE_OF_B, "taken back by user-b", "said to somebody else")
STATEMENTS = sorted(
    name
    for name in sql.queries()
    if name.startswith("bundle.") and not name.startswith(("bundle.near", "bundle.library"))
)
CHECKS = (
    ' AND c."consentActive"',
    " AND NOT g.stale",
    "v.id = ANY ((SELECT hub.earlier_vessels())::text[])",
    'a."sharedVesselId" = ANY ((SELECT hub.earlier_agreements())::text[])',
)
"""Application checks inside statements, as far as they are not arguments."""


class Embedder:
    """The model whose vectors the scene has."""

    model = "m"

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return [[1.0] + [0.0] * 1535 for _ in texts]


@pytest.fixture(scope="module")
async def played(database: TestDatabase) -> None:
    """The scene of `test_bundles`, an earlier session, another relationship, vectors."""
    connection = await asyncpg.connect(database.owner_url)
    await scene.play(connection)
    await _earlier(connection, "session-0", "rel", (A, B), "private of {}")
    await scene.insert(connection, "Relationship", id="rel-x")
    for user in (A, "user-c"):
        await scene.insert(
            connection, "RelationshipMember", id=f"x-{user}", relationshipId="rel-x", userId=user
        )
    await _earlier(connection, "session-x", "rel-x", (A,), "said to somebody else")
    for stage in (3, 4):
        await scene.insert(
            connection, "Message", id=f"late-{stage}", sessionId=SESSION, forUserId=A, senderId=A,
            role="USER", content=f"private of {A}", stage=stage, timestamp=scene.at(99 + stage),
        )  # fmt: skip
    await _taken_back(connection)
    for table in ("IdentifiedNeed", "ConsentedContent", "GlobalLibraryItem"):
        await connection.execute(
            f"""UPDATE "{table}" SET embedding = $1::text::vector, "embeddingModel" = 'm'""", VECTOR
        )
    await connection.close()


async def _earlier(
    connection: asyncpg.Connection, session: str, relationship: str, users: Sequence[str], text: str
) -> None:
    await scene.insert(
        connection, "Session", id=session, relationshipId=relationship, createdById=A,
        status="RESOLVED", createdAt=scene.at(-5_000),
    )  # fmt: skip
    await scene.insert(connection, "SharedVessel", id=f"shared-{session}", sessionId=session)
    await scene.insert(
        connection, "Agreement", id=f"outcome-{session}", sharedVesselId=f"shared-{session}",
        description=text if "{}" not in text else "a walk", type="COMMITMENT", status="AGREED",
    )  # fmt: skip
    for user in users:
        vessel = f"{session}-{user}"
        await scene.insert(connection, "UserVessel", id=vessel, userId=user, sessionId=session)
        for number in range(5):
            await scene.insert(
                connection, "IdentifiedNeed", id=f"{vessel}-{number}", vesselId=vessel,
                need=text.format(user), category="SAFETY", description=text.format(user),
                confirmed=True, source="USER", createdAt=scene.at(number - 5_000),
            )  # fmt: skip


async def _taken_back(connection: asyncpg.Connection) -> None:
    await scene.insert(
        connection, "ConsentRecord", id="taken-back", sessionId=SESSION, userId=B,
        contentType="IDENTIFIED_NEED", decision="GRANTED", contentDescription="d",
    )  # fmt: skip
    await scene.insert(
        connection, "ConsentedContent", id="taken-back", sharedVesselId="shared", sourceUserId=B,
        transformedContent="taken back by user-b", consentRecordId="taken-back",
        contentType="IDENTIFIED_NEED", category="SAFETY",
    )  # fmt: skip
    await connection.execute(
        """UPDATE "ConsentRecord" SET decision = 'REVOKED', "revokedAt" = now()
           WHERE id = 'taken-back'"""
    )
    await connection.execute(
        """UPDATE "CommonGround" SET description = 'taken back by user-b' WHERE stale"""
    )


@pytest.fixture(scope="module")
def tools(played: None, tools: Tools) -> Tools:
    """With an embedder that makes the scene's vectors."""
    return msgspec.structs.replace(tools, embedder=Embedder())


@pytest.fixture
async def unwalled(database: TestDatabase, played: None) -> AsyncIterator[asyncpg.Connection]:
    """Row-level security off: the migrating superuser, to whom no policy applies."""
    connection = await asyncpg.connect(database.owner_url)
    await connection.execute("SET default_transaction_read_only = on")
    yield connection
    await connection.close()


def careless(text: str) -> str:
    """A statement whose own conditions were forgotten."""
    for check in CHECKS:
        text = text.replace(check, "" if check.startswith(" AND") else "true")
    return text


class Unwalled:
    """Implements `ports.ReadStore` past row-level security; with `careless`, past the application's
    checks, too: everybody's rows, revoked or not."""

    def __init__(self, connection: asyncpg.Connection, *, forgets: bool) -> None:
        self.connection = connection
        self.forgets = forgets
        self.asked: set[str] = set()
        self._one_at_a_time = asyncio.Lock()

    async def read(
        self, actor: Actor, query: str, args: Mapping[str, Any]
    ) -> Sequence[Mapping[str, Any]]:
        self.asked.add(query)
        statement = sql.queries()[query]
        people = (A, B) if self.forgets and "user_id" in statement.args else (actor.id,)
        found: list[Mapping[str, Any]] = []
        for person in people:
            given = {**args, "user_id": person, "session_id": actor.session_id}
            async with self._one_at_a_time, self.connection.transaction():
                await claim(self.connection, actor)
                text = careless(statement.text) if self.forgets else statement.text
                rows = await self.connection.fetch(text, *[given.get(a) for a in statement.args])
            found += [dict(row) for row in rows]
        return found


async def claim(connection: asyncpg.Connection, actor: Actor) -> None:
    """The locals of `actor`, which some conditions read."""
    for name, value in (
        ("actor_id", actor.id), ("actor_role", actor.role),
        ("current_session_id", actor.session_id), ("current_stage", str(actor.stage)),
    ):  # fmt: skip
        await connection.execute("SELECT set_config($1, $2, true)", f"app.{name}", value)


def words(row: Row, way: Way) -> dict[str, Any]:
    asked: dict[str, Any] = {"query": row.query, "source": str(way)}
    return asked | ({"words": "rest"} if way is Way.VECTOR else {})


def args_of(name: str) -> dict[str, Any]:
    given = {"limit": 100, "stage": None, "seed": "s", "ids": None, "earlier": None}
    return {arg: given[arg] for arg in sql.queries()[name].args if given.get(arg) is not None}


# ---- the table


@pytest.mark.parametrize(("row", "way", "stage"), CELLS, ids=lambda v: getattr(v, "query", str(v)))
async def test_an_open_cell_finds_and_a_closed_one_is_rejected_and_audited(
    tools: Tools, row: Row, way: Way, stage: int
) -> None:
    actor, trail = as_ai(SESSION, A, stage), Trail(Bill("", ""))
    noting = msgspec.structs.replace(tools, noted=trail.note)
    plan = retrieval.checked(stage, Intent.OFFER_CONTINUITY, [words(row, way)], standing=False)
    said = await retrieval.conversation(tools.reads, actor, stage, frozenset())
    made = await retrieval.fetch(noting, actor, plan, gates={}, said=said)
    found = [item for item in made.bundle.items if item.type == row.query]
    if allows(row.query, way, stage):
        assert found, "the scene has some of everything"
        assert trail.entries == []
        assert {item.source for item in found} == {row.source}
        assert {item.consent for item in found} == {row.consent}
        assert len(found) <= row.count_max
    else:
        assert [(action, target["query"]) for action, _, target in trail.entries] == [
            ("retrieval.rejected", row.query)
        ]
        assert found == [] or (row.query == "message" and stage > 0)
    assert not any(canary in repr(made.bundle) for canary in FORBIDDEN)


async def test_three_themes_and_only_of_this_relationship(tools: Tools) -> None:
    for stage in (1, 2):
        plan = retrieval.checked(stage, Intent.OFFER_CONTINUITY, ())
        made = await retrieval.fetch(tools, as_ai(SESSION, A, stage), plan, gates={})
        themes = [item.id for item in made.bundle.items if item.type == "prior_theme"]
        assert themes == [f"session-0-{A}-{n}" for n in (2, 3, 4)]


# ---- each wall alone


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", STATEMENTS)
async def test_row_level_security_alone(db: Database, played: None, name: str, stage: int) -> None:
    """Any statement, careless, in any stage, asking for the partner's rows: contract and
    application off."""
    statement = sql.queries()[name]
    given = {**args_of(name), "session_id": SESSION}
    seen: list[str] = []
    for person in (A, B):
        if name == "bundle.standing":
            given["ids"] = ["taken-back", "stale-ground", "content-need-user-b"]
        args = [{**given, "user_id": person}.get(arg) for arg in statement.args]
        async with db.acting_as(as_ai(SESSION, A, stage)) as tx:
            rows = await tx.fetch(careless(statement.text), *args)
        seen += [repr(dict(row)) for row in rows]
    shown = " ".join(seen)
    assert PRIVATE_OF_B not in shown
    assert "said to somebody else" not in shown
    if name == "bundle.contents":
        assert "taken back by user-b" not in shown
    if stage < 2 and name in ("bundle.contents", "bundle.common_ground", "bundle.strategies"):
        assert shown == "", "nothing of the shared vessel below stage 2"


@pytest.mark.parametrize("stage", STAGES)
async def test_the_contract_alone(tools: Tools, unwalled: asyncpg.Connection, stage: int) -> None:
    """A plan that wants everything, over statements that bring everybody's rows."""
    reads = Unwalled(unwalled, forgets=True)
    open_tools = msgspec.structs.replace(tools, reads=reads)
    everything = [words(row, way) for row in TABLE for way in Way]
    actor = as_ai(SESSION, A, stage)
    reasons: set[str] = set()
    said = await retrieval.conversation(reads, actor, stage, frozenset())
    for n in range(0, len(everything), 10):
        wanted = everything[n : n + 10]
        plan = retrieval.checked(stage, Intent.OFFER_CONTINUITY, wanted, standing=n == 0)
        made = await retrieval.fetch(open_tools, actor, plan, gates={}, said=said)
        reasons |= {refused.reason for refused in made.refused}
        shown = repr(made.bundle)
        assert PRIVATE_OF_B not in shown
        assert "taken back by user-b" not in shown
        vessels = {row.query: row for row in TABLE if stage in row.stages}
        assert {item.type for item in made.bundle.items} <= vessels.keys()
    statements = {retrieval.SOURCES[name].query for name in vessels if name in retrieval.SOURCES}
    frame = {"bundle.people", "bundle.messages", "bundle.standing", "bundle.strategies"}
    searched = {name for name in reads.asked if name.startswith(("bundle.near", "bundle.library"))}
    assert reads.asked <= statements | frame | searched, "what is closed is never read"
    if stage in (1, 2, 3):
        assert "owner" in reasons, "the walls before it were really off"


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", STATEMENTS)
async def test_the_applications_checks_alone(
    unwalled: asyncpg.Connection, name: str, stage: int
) -> None:
    """The statements as they are, asked as the store asks them: policies and contract off."""
    args = args_of(name)
    if name == "bundle.standing":
        args["ids"] = ["taken-back", "stale-ground", "content-need-user-b"]
    rows = await Unwalled(unwalled, forgets=False).read(as_ai(SESSION, A, stage), name, args)
    assert not any(canary in repr(rows) for canary in FORBIDDEN)
    if name == "bundle.standing":
        assert [row["id"] for row in rows] == ["content-need-user-b"]


async def test_the_words_that_are_looked_for_are_there(unwalled: asyncpg.Connection) -> None:
    """Without any wall all of it is found: else the tests above would prove nothing."""
    reads = Unwalled(unwalled, forgets=True)
    shown = ""
    for name in STATEMENTS:
        args = args_of(name) | ({"ids": []} if name == "bundle.standing" else {})
        shown += repr(await reads.read(as_ai(SESSION, A, 2), name, args))
    assert [canary for canary in FORBIDDEN if canary not in shown] == []
    assert {row.vessel for row in TABLE} == set(Vessel)
