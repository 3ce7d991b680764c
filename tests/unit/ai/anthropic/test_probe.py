"""What `beheard doctor` says of the provider."""

from __future__ import annotations

import pytest

from beheard_hub.ai.anthropic.probe import probe
from beheard_hub.settings import Ai, load
from beheard_hub.testing.messages_api import MessagesApi, served


def settings(url: str) -> Ai:
    environ = {"ANTHROPIC_API_KEY": "a key of the test", "ANTHROPIC_BASE_URL": url}
    return load({**environ, "BEHEARD_MODEL_LARGE": "large-1", "BEHEARD_MODEL_SMALL": "small-1"}).ai


async def test_both_models_are_asked_and_nothing_is_spent() -> None:
    api = MessagesApi()
    async with served(api) as url:
        assert await probe(settings(url)) == ("large-1 and small-1 answer", "")
    assert not api.requests


async def test_a_wrong_address_is_named() -> None:
    api = MessagesApi()
    async with served(api) as url:
        text, advice = await probe(settings(f"{url}/elsewhere"))
    assert text == "the provider has no model large-1"
    assert "BEHEARD_MODEL_LARGE" in advice


@pytest.mark.parametrize("url", ["http://127.0.0.1:1"])
async def test_nobody_there(url: str) -> None:
    text, advice = await probe(settings(url))
    assert text == "the provider cannot be reached"
    assert "key of the test" not in text + advice
