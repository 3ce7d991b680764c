"""Facilitators and embedders, one row each. A new provider is one file and one row."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from beheard_hub.ai.embedding import LocalEmbedder
from beheard_hub.ai.offline import OfflineFacilitator
from beheard_hub.facilitation import Facilitator
from beheard_hub.ports import Embedder

FACILITATORS: Mapping[str, Callable[[Embedder], Facilitator]] = {
    "offline": OfflineFacilitator,
}
"""Provider name → how it is made."""

EMBEDDERS: Mapping[str, Callable[[], Embedder]] = {
    "local": LocalEmbedder,
}
"""Value of BEHEARD_EMBEDDINGS → how it is made."""
