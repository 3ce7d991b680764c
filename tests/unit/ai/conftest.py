"""One embedder and one facilitator for all tests here; the model is loaded once."""

from __future__ import annotations

import pytest

from beheard_hub.ai.embedding import LocalEmbedder
from beheard_hub.ai.offline import OfflineFacilitator


@pytest.fixture(scope="session")
def embedder() -> LocalEmbedder:
    return LocalEmbedder()


@pytest.fixture(scope="session")
def facilitator(embedder: LocalEmbedder) -> OfflineFacilitator:
    return OfflineFacilitator(embedder)
