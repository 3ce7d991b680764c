"""A whole hub whose facilitator is the real provider on the stand-in of its API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from beheard_hub.settings import process_environment
from beheard_hub.testing.hub_process import HubProcess
from beheard_hub.testing.messages_api import MessagesApi, served
from tests.e2e.conftest import Town


class SpokenTown(Town):
    """The hub under test, and who speaks in it."""

    def __init__(self, hub: HubProcess, api: MessagesApi) -> None:
        super().__init__(hub)
        self.api = api


@pytest.fixture(scope="package")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SpokenTown]:
    """The hub of this run. Its patience is short, so that a stall is over soon."""
    folder: Path = tmp_path_factory.mktemp("spoken")
    api = MessagesApi()
    async with served(api) as url:
        hub = HubProcess(
            folder / "data",
            BEHEARD_LIMITS="off",
            BEHEARD_GATEWAYS="2",
            BEHEARD_HOSTS="2",
            BEHEARD_FACILITATOR="anthropic",
            ANTHROPIC_API_KEY="no-key-that-opens-anything",
            ANTHROPIC_BASE_URL=url,
            BEHEARD_AI_FIRST_WORD_SECONDS="10",
            BEHEARD_AI_ANSWER_SECONDS="40",
        )
        await hub.start(process_environment())
        try:
            yield SpokenTown(hub, api)
        finally:
            await hub.stop()
