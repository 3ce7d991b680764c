"""The hub of these tests, one for each module, on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conftest import TestDatabase
from tests.privacy.house import House, house_on


@pytest.fixture(scope="module")
async def house(
    database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """Serves as long as the module's tests run."""
    async with house_on(database, tmp_path_factory.mktemp("house")) as opened:
        yield opened
