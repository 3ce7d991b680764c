"""Local embeddings: a small model that ships in a wheel, so that nothing leaves the machine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from beheard_hub.embeddings.vocabulary import DIMENSION, Vectors

_EMPTY_TEXT = "."


def padded(vectors: Vectors) -> list[list[float]]:
    """Rows of `DIMENSION` floats."""
    rows = np.zeros((vectors.shape[0], DIMENSION))
    rows[:, : vectors.shape[1]] = vectors
    found: list[list[float]] = rows.tolist()
    return found


class LocalEmbedder:
    """`Embedder` and `VectorModel` on wordllama: 256 dimensions, unit length.

    The model (16 MB) is loaded at the first call, once per instance; every call runs in the
    loop's default executor, so the loop is never held up.
    """

    model = "wordllama-256"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: Any = None

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One unit vector of `DIMENSION` floats per text.

        Cancelling: the thread ends its batch, the result is thrown away.
        Raises FileNotFoundError when the installed wheel lacks its weights.
        """
        return padded(await self.vectors(texts)) if texts else []

    async def vectors(self, texts: Sequence[str]) -> Vectors:
        """The same, not padded."""
        return await asyncio.to_thread(self.vectors_now, list(texts))

    def vectors_now(self, texts: Sequence[str]) -> Vectors:
        """The same, blocking: for a process whose only work this is."""
        found = np.asarray(
            self._model().embed([text if text.strip() else _EMPTY_TEXT for text in texts]),
            dtype=np.float32,
        )
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        unit: Vectors = (found / np.where(lengths == 0.0, 1.0, lengths)).astype(np.float32)
        unit[(lengths == 0.0).ravel(), 0] = 1.0  # a text without a known token
        return unit

    def _model(self) -> Any:
        with self._lock:
            if self._loaded is None:
                import wordllama  # slow to import, and only embedding processes need it

                self._loaded = wordllama.WordLlama.load(
                    cache_dir=Path(wordllama.__file__).parent, disable_download=True
                )
            return self._loaded
