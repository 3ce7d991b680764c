"""Whether the provider would answer, found out without spending a token: for `beheard doctor`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import anthropic

from beheard_hub.ai.anthropic.models import LARGE, SMALL
from beheard_hub.ai.anthropic.transport import make_client
from beheard_hub.settings import Ai

SECONDS_MAX = 10.0

_SENTENCES: Mapping[int, tuple[str, str]] = {
    401: ("does not accept the key", "Check ANTHROPIC_API_KEY."),
    403: ("does not let this key use {model}", "Check what the key may do."),
    404: ("has no model {model}", "Check BEHEARD_MODEL_LARGE and BEHEARD_MODEL_SMALL."),
    429: ("answers, but has had enough for now", "Check the limits of the account."),
}
_ELSE = ("answers {model} with HTTP {status}", "Try again later, or check ANTHROPIC_BASE_URL.")


async def probe(settings: Ai) -> tuple[str, str]:
    """A sentence about the provider, and what to do where it is not well (else empty).

    Both models count the tokens of one word. Nobody's text is sent.
    """
    client = make_client(settings.anthropic_api_key or "", settings.anthropic_base_url)
    models = list(dict.fromkeys([settings.model_large or LARGE, settings.model_small or SMALL]))
    async with client:
        for model in models:
            wrong = await _wrong(client, model)
            if wrong is not None:
                sentence, advice = wrong
                return f"the provider {sentence}", advice
    return f"{' and '.join(models)} answer", ""


async def _wrong(client: anthropic.AsyncAnthropic, model: str) -> tuple[str, str] | None:
    try:
        async with asyncio.timeout(SECONDS_MAX):
            await client.messages.count_tokens(
                model=model, messages=[{"role": "user", "content": "Hello"}]
            )
    except anthropic.APIStatusError as refused:
        sentence, advice = _SENTENCES.get(refused.status_code, _ELSE)
        return sentence.format(model=model, status=refused.status_code), advice
    except (anthropic.AnthropicError, TimeoutError):
        return "cannot be reached", "Check the network and ANTHROPIC_BASE_URL."
    return None
