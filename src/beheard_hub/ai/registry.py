"""Facilitators and embedders, one row each. A new provider is one file and one row.

A provider is imported by whoever asks for it: its SDK takes longer than everything else that a host
imports, and a host that was killed is to be back soon.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from beheard_hub.ai.embedding import LocalEmbedder
from beheard_hub.ai.offline import OfflineFacilitator
from beheard_hub.ai.offline.voice import OfflineVoice
from beheard_hub.ai.openai_embedding import OpenAiEmbedder
from beheard_hub.embeddings.vocabulary import VectorModel
from beheard_hub.facilitation import Facilitator
from beheard_hub.ports import Clock, Embedder
from beheard_hub.practice.scripts import Voice
from beheard_hub.settings import Ai, Embeddings

if TYPE_CHECKING:
    from beheard_hub.ai.anthropic.transport import Transport


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What a facilitator may be made of."""

    settings: Ai
    embedder: Embedder
    clock: Clock


def _transport(means: Means) -> Transport:
    from beheard_hub.ai.anthropic.transport import Limits, Transport, make_client

    settings = means.settings
    assert settings.anthropic_api_key is not None, "settings.REQUIRES"
    return Transport(
        make_client(settings.anthropic_api_key, settings.anthropic_base_url),
        mono=means.clock.mono,
        sleep=asyncio.sleep,
        uniform=random.uniform,
        limits=Limits(
            first_word_seconds_max=settings.first_word_seconds_max / 2,
            pause_between_words_seconds_max=settings.first_word_seconds_max / 2,
            answer_seconds_max=settings.answer_seconds_max,
        ),
    )


def _anthropic(means: Means) -> Facilitator:
    from beheard_hub.ai.anthropic import AnthropicFacilitator

    settings, transport = means.settings, _transport(means)
    return AnthropicFacilitator(transport, large=settings.model_large, small=settings.model_small)


def _anthropic_voice(means: Means) -> Voice:
    from beheard_hub.ai.anthropic.voice import AnthropicVoice

    return AnthropicVoice(_transport(means), model=means.settings.model_large)


async def _anthropic_answers(settings: Ai) -> tuple[str, str]:
    from beheard_hub.ai.anthropic.probe import probe

    return await probe(settings)


def _offline(means: Means) -> Facilitator:
    return OfflineFacilitator(means.embedder)


FACILITATORS: Mapping[str, Callable[[Means], Facilitator]] = {
    "anthropic": _anthropic,
    "offline": _offline,
}
"""Provider name → how it is made."""


VOICES: Mapping[str, Callable[[Means], Voice]] = {
    "anthropic": _anthropic_voice,
    "offline": lambda _: OfflineVoice(),
}
"""The same for who speaks in practices; each has connections of its own."""


PROBES: Mapping[str, Callable[[Ai], Coroutine[Any, Any, tuple[str, str]]]] = {
    "anthropic": _anthropic_answers
}
"""Provider name → whether it would answer: a sentence, and advice where it would not. Providers
that ask nobody need none."""


def facilitator(means: Means) -> Facilitator:
    """The one that the settings name."""
    return FACILITATORS[means.settings.facilitator](means)


def voice(means: Means) -> Voice:
    """That of the provider that the settings name."""
    return VOICES[means.settings.facilitator](means)


class Embedding(Embedder, VectorModel, Protocol):
    """What makes vectors, for stored texts and for questions."""


def _local(_settings: Embeddings) -> Embedding:
    return LocalEmbedder()


def _openai_compatible(settings: Embeddings) -> Embedding:
    assert settings.url is not None
    assert settings.model is not None
    return OpenAiEmbedder(settings.url, settings.model, settings.key)


EMBEDDERS: Mapping[str, Callable[[Embeddings], Embedding]] = {
    "local": _local,
    "openai-compatible": _openai_compatible,
}
"""Value of BEHEARD_EMBEDDINGS → how it is made."""


def embedder(settings: Embeddings) -> Embedding:
    """The one that the settings name."""
    return EMBEDDERS[settings.kind](settings)
