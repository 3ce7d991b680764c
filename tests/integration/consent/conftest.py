"""One house for each test module."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from beheard_hub.persistence.database import Database
from tests.conftest import TestDatabase
from tests.integration.consent.house import House


@pytest.fixture
async def house(database: TestDatabase, db: Database) -> AsyncIterator[House]:
    """A host of one's own; the database is the module's."""
    made = House(database, db)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
