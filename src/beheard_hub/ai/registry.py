"""Facilitators and embedders, one row each. A new provider is one file and one row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from beheard_hub.ai.embedding import LocalEmbedder
from beheard_hub.ai.offline import OfflineFacilitator
from beheard_hub.ai.openai_embedding import OpenAiEmbedder
from beheard_hub.embeddings.vocabulary import VectorModel
from beheard_hub.facilitation import Facilitator
from beheard_hub.ports import Embedder
from beheard_hub.settings import Embeddings

FACILITATORS: Mapping[str, Callable[[Embedder], Facilitator]] = {
    "offline": OfflineFacilitator,
}
"""Provider name → how it is made."""


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
