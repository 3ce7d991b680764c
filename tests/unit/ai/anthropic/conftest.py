"""The provider, the real SDK and the stand-in of the Messages API; time belongs to the test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from beheard_hub.ai.anthropic import AnthropicFacilitator
from beheard_hub.ai.anthropic.transport import Limits, Transport, make_client
from beheard_hub.testing.messages_api import MessagesApi, served

PATIENT = Limits(first_word_seconds_max=30.0, pause_between_words_seconds_max=30.0)
"""A machine that stands still for a while is no stall."""
HASTY = Limits(first_word_seconds_max=1.0, pause_between_words_seconds_max=1.0)
"""For those whose stand-in falls silent."""


class Desk:
    """A facilitator that asks the stand-in, and a clock that moves only when it sleeps."""

    def __init__(self, api: MessagesApi, url: str, limits: Limits) -> None:
        self.api = api
        self.client = make_client("a key of the test", url)
        self.now = 0.0
        self.pauses: list[float] = []
        self.transport = Transport(
            self.client, mono=self._mono, sleep=self._sleep, uniform=max, limits=limits
        )
        self.facilitator = AnthropicFacilitator(self.transport)

    def _mono(self) -> float:
        return self.now

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    @property
    def calls(self) -> list[str]:
        """Names of the calls that were made, in order."""
        return [request.call for request in self.api.requests]


@pytest.fixture
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """Its parameter: how long it waits for words; `PATIENT` where there is none."""
    api = MessagesApi()
    async with served(api) as url:
        desk = Desk(api, url, getattr(request, "param", PATIENT))
        yield desk
        await desk.client.close()
