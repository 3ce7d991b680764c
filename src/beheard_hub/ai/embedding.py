"""Local embeddings: a small model that ships in a wheel, so that nothing leaves the machine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

DIMENSION = 1536
"""Length of every stored vector (spec 03.7)."""

_OWN_DIMENSION = 256
_EMPTY_TEXT = "."


class LocalEmbedder:
    """`Embedder` on wordllama: 256 dimensions, zero-padded to `DIMENSION`, unit length.

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
        if not texts:
            return []
        return await asyncio.to_thread(self.embed_now, list(texts))

    def embed_now(self, texts: Sequence[str]) -> list[list[float]]:
        """The same, blocking: for a process whose only work this is."""
        vectors = np.asarray(
            self._model().embed([text if text.strip() else _EMPTY_TEXT for text in texts]),
            dtype=np.float64,
        )
        padded = np.zeros((len(texts), DIMENSION))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        padded[:, :_OWN_DIMENSION] = vectors / np.where(lengths == 0.0, 1.0, lengths)
        padded[(lengths == 0.0).ravel(), 0] = 1.0  # a text without a known token
        rows: list[list[float]] = padded.tolist()
        return rows

    def _model(self) -> Any:
        with self._lock:
            if self._loaded is None:
                import wordllama  # slow to import, and only embedding processes need it

                self._loaded = wordllama.WordLlama.load(
                    cache_dir=Path(wordllama.__file__).parent, disable_download=True
                )
            return self._loaded
