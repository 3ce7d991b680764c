"""A session with one row of everything, and a worker that gives its texts their vectors."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from beheard_hub.ai.embedding import LocalEmbedder
from tests.conftest import TestDatabase
from tests.integration.persistence import scene


@pytest.fixture(scope="session")
def model() -> LocalEmbedder:
    """Loaded once."""
    return LocalEmbedder()


@pytest.fixture(scope="module")
async def played(database: TestDatabase) -> AsyncIterator[asyncpg.Connection]:
    """The scene, whose rows then forget every vector; and the owner's connection to it."""
    connection = await asyncpg.connect(database.owner_url)
    await scene.play(connection)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def bare(played: asyncpg.Connection) -> asyncpg.Connection:
    """No row of the scene or the library has a vector yet."""
    for table in ("Message", "UserEvent", "EmotionalReading", "IdentifiedNeed",
                  "ConsentedContent", "GlobalLibraryItem"):  # fmt: skip
        await played.execute(f'UPDATE "{table}" SET embedding = NULL, "embeddingModel" = NULL')
    return played
