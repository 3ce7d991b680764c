"""The second wall without the first: every named query, with row-level security switched off.

The pool connects as the superuser, who sees every row; all that stands between two people is what
the statements themselves ask for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from beheard_hub.persistence import database as database_module
from beheard_hub.persistence import sql
from beheard_hub.persistence.database import ROLES, Database
from beheard_hub.persistence.stores import PostgresReadStore
from beheard_hub.ports import Actor
from tests.conftest import TestDatabase
from tests.integration.persistence import scene
from tests.integration.persistence.scene import SESSION, A, B
from tests.integration.persistence.test_reads import FOREIGN, every_id, names_of

READ_AS_SOMEBODY = [name for file in ("own", "shared", "bundle") for name in names_of(file)]
"""The queries by which a person or a facilitator reads content."""
EVERYBODY = {
    "limit": 100,
    "kinds": ["user_event", "emotional_reading", "need"],
    "vector": scene.VECTOR,
    "model": "m",
    "round": 1,
    "after": 0,
    "seed": "s",
    "partner_id": B,
    "command_id": "c-1",
}


@pytest.fixture(scope="module")
async def unwalled(database: TestDatabase) -> AsyncIterator[PostgresReadStore]:
    """The store on a connection that no policy holds back."""
    connection = await asyncpg.connect(database.owner_url)
    await scene.play(connection)
    await connection.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database_module, "ROLES", dict.fromkeys(ROLES, "none"))
        opened = await Database.open(database.owner_url, size_max=1)
        try:
            yield PostgresReadStore(opened)
        finally:
            await opened.close()


async def test_no_policy_is_in_the_way(unwalled: PostgresReadStore) -> None:
    async with unwalled._db.acting_as(Actor(A)) as tx:
        assert await tx.fetchval('SELECT count(DISTINCT "forUserId") FROM "Message"') == 2


@pytest.mark.parametrize("name", READ_AS_SOMEBODY)
@pytest.mark.parametrize("role", ["user", "ai"])
async def test_a_query_asks_for_the_own_rows_only(
    unwalled: PostgresReadStore, name: str, role: str
) -> None:
    asked = sql.queries()[name].args
    everything = {**EVERYBODY, "ids": await every_id(unwalled)}
    for user in (A, B):
        values = {**everything, "id": f"reading-{FOREIGN[user]}-1"}
        args = {arg: values[arg] for arg in asked if arg in values}
        actor = Actor(user, role="ai" if role == "ai" else "user", session_id=SESSION, stage=4)
        text = repr(await unwalled.read(actor, name, args))
        for private in ("private of", "preview of", "consent of"):
            assert f"{private} {FOREIGN[user]}" not in text
