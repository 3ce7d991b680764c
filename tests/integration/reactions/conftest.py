"""A session with one row of everything on a real Postgres, and reactions on top of it."""

from __future__ import annotations

import asyncpg
import pytest

from beheard_hub.ai.embedding import LocalEmbedder
from beheard_hub.ai.offline import OfflineFacilitator
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.library_vectors import embed_library
from beheard_hub.persistence.stores import PostgresReadStore, PostgresSessionStore
from beheard_hub.reactions.tools import Tools
from tests.conftest import TestDatabase
from tests.integration.persistence import scene
from tests.unit.reactions.fakes import CountingIds, FakeClock


@pytest.fixture(scope="module")
async def played(database: TestDatabase) -> None:
    """The scene, and the library with its vectors."""
    connection = await asyncpg.connect(database.owner_url)
    await scene.play(connection)
    await connection.close()
    await embed_library(database.owner_url, LocalEmbedder())


@pytest.fixture(scope="module")
def tools(played: None, db: Database) -> Tools:
    """Reactions with the offline facilitator."""
    embedder, clock = LocalEmbedder(), FakeClock()
    return Tools(
        reads=PostgresReadStore(db),
        sessions=PostgresSessionStore(db),
        facilitator=OfflineFacilitator(embedder),
        embedder=embedder,
        clock=clock,
        ids=CountingIds(),
        sleep=clock.sleep,
    )
