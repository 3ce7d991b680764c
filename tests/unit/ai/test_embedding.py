"""Local embeddings: unit length, padded, near things nearer."""

from __future__ import annotations

import math

from beheard_hub.ai.embedding import LocalEmbedder
from beheard_hub.ai.registry import EMBEDDERS, FACILITATORS, Means
from beheard_hub.embeddings.vocabulary import DIMENSION
from beheard_hub.runtime import SystemClock
from beheard_hub.settings import Embeddings, load


def _cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_unit_vectors_padded_with_zeros(embedder: LocalEmbedder) -> None:
    for vector in await embedder.embed(["the savings are gone", "", "\u2603 \u2603"]):
        assert len(vector) == DIMENSION
        assert math.isclose(math.hypot(*vector), 1.0, rel_tol=1e-6)
        assert not any(vector[256:])


async def test_near_texts_are_nearer(embedder: LocalEmbedder) -> None:
    money, savings, kitten = (
        list(v)
        for v in await embedder.embed(["the money is gone", "the savings are gone", "a kitten"])
    )
    assert _cosine(money, savings) > _cosine(money, kitten) + 0.2


async def test_nothing_in_nothing_out(embedder: LocalEmbedder) -> None:
    assert list(await embedder.embed([])) == []


def test_every_row_of_the_registry_can_be_made() -> None:
    settings = Embeddings(
        kind="local", actors=1, url="http://127.0.0.1:1/v1", key="a key", model="a-model"
    )
    for make_embedder in EMBEDDERS.values():
        embedder = make_embedder(settings)
        assert "key" not in repr(embedder)
        means = Means(
            settings=load({"ANTHROPIC_API_KEY": "a key"}).ai, embedder=embedder, clock=SystemClock()
        )
        for name, make in FACILITATORS.items():
            assert make(means).provider == name
