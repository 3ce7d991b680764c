"""Cosine similarity by the local embedder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from beheard_hub.ports import Embedder


async def similarities(
    embedder: Embedder, left: Sequence[str], right: Sequence[str]
) -> list[list[float]]:
    """One row per `left` text, one column per `right` text, each -1..1; one call of the model."""
    if not left or not right:
        return [[0.0] * len(right) for _ in left]
    vectors = np.asarray(await embedder.embed([*left, *right]))
    rows: list[list[float]] = (vectors[: len(left)] @ vectors[len(left) :].T).tolist()
    return rows
