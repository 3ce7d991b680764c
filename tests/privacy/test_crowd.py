"""In a crowd of 50,000 rows: a policy costs a probe, and one user's vectors are nobody else's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from beheard_hub.persistence import sql
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.stores import PostgresReadStore
from beheard_hub.ports import Actor
from tests.conftest import TestDatabase
from tests.integration.persistence.test_reads import names_of

CROWDED = frozenset(
    {
        *("User", "Relationship", "RelationshipMember", "Session", "SharedVessel", "UserVessel"),
        *("StageProgress", "Message", "UserEvent", "EmotionalReading", "IdentifiedNeed"),
        *("Boundary", "ConsentRecord", "ConsentedContent", "SessionEvent"),
    }
)
SCAN = re.compile(r'Seq Scan on "?(\w+)"?')
HOT = [name for file in ("own", "shared", "bundle", "sessions") for name in names_of(file)]
ARGS: Mapping[str, Any] = {
    "session_id": "s1",
    "user_id": "u1",
    "partner_id": "u2",
    "ids": ["1-1", "1-2", "s1"],
    "id": "1-1",
    "after": 0,
    "limit": 50,
    "round": 1,
    "model": "m",
    "command_id": "c",
    "kinds": ["user_event", "emotional_reading", "need"],
    "seed": "s",
}
DIMENSIONS = 1536


def vector(*head: float) -> str:
    """Padded with zeros."""
    return "[" + ",".join(str(x) for x in (*head, *[0.0] * (DIMENSIONS - len(head)))) + "]"


@pytest.fixture(scope="module", autouse=True)
async def crowded(database: TestDatabase) -> None:
    """The tables are full."""
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute((Path(__file__).parent / "crowd.sql").read_text())
    await owner.execute("ANALYZE")
    await owner.close()


async def plan(db: Database, name: str, role: str) -> str:
    """How Postgres would go about it, as this person or as the facilitator."""
    query = sql.queries()[name]
    args = {**ARGS, "vector": vector(1.0)}
    actor = Actor("u1", role="ai" if role == "ai" else "user", session_id="s1", stage=2)
    async with db.acting_as(actor) as tx:
        rows = await tx.fetch(f"EXPLAIN {query.text}", *[args.get(arg) for arg in query.args])
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("name", HOT)
@pytest.mark.parametrize("role", ["user", "ai"])
async def test_no_query_scans_a_table_of_users(db: Database, name: str, role: str) -> None:
    found = await plan(db, name, role)
    assert set(SCAN.findall(found)) & CROWDED == set(), found


async def test_a_scan_would_be_seen(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch("EXPLAIN SELECT id FROM \"UserEvent\" WHERE description = 'y'")
    assert set(SCAN.findall("\n".join(row[0] for row in rows))) == {"UserEvent"}


# ---- vectors

OWN, CROWD = 10, 300


async def put_events(owner: asyncpg.Connection, user: str, count: int, near: float) -> None:
    """So many events of this user, each with its vector."""
    await owner.executemany(
        'INSERT INTO "UserEvent" (id, "vesselId", description, "attributedTo", embedding,'
        " \"embeddingModel\") VALUES ($1, $2, $1, 'SELF', $3::text::vector, 'm')",
        [
            (f"{user} {number} {near}", user, vector(near, 0.01 * number + 0.01))
            for number in range(count)
        ],
    )


async def search(reads: PostgresReadStore, user: str) -> Sequence[str]:
    """Ids of the nearest moments of this user, nearest first."""
    actor = Actor(user, role="ai", session_id="s1", stage=1)
    args = {"vector": vector(1.0), "model": "m", "limit": OWN}
    rows = await reads.read(actor, "bundle.near_events", args)
    return [row["id"] for row in rows]


async def test_many_vectors_of_one_never_change_what_another_finds(
    db: Database, owner: asyncpg.Connection
) -> None:
    reads = PostgresReadStore(db)
    await put_events(owner, "u1", OWN, near=0.5)
    before = await search(reads, "u1")
    assert len(before) == OWN
    await put_events(owner, "u2", CROWD, near=1.0)
    await put_events(owner, "u3", CROWD, near=1.0)
    await owner.execute('ANALYZE "UserEvent"')
    assert await search(reads, "u1") == before
    assert len(await search(reads, "u2")) == OWN
