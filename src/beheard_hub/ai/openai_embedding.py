"""Embeddings of any HTTP endpoint of the common shape: POST ``{url}/embeddings`` with ``model`` and
``input``, answered by ``data[].embedding``.

Failures are of three kinds: those of `AGAIN` are repeated here, with growing pauses or the one that
the server names; those of `REFUSED` are about the texts; all others about the set-up. None holds a
text, the key or what the server said.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence

import httpx
import msgspec
import numpy as np

from beheard_hub.ai.embedding import padded
from beheard_hub.embeddings.vocabulary import DIMENSION, EmbeddingFailed, Vectors
from beheard_hub.ports import Sleep

AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Statuses that may be different next time."""
REFUSED = frozenset({400, 413, 422})
"""Statuses that may be about the texts."""


class ProviderLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much one request holds, and how long it may take."""

    texts_max: int = 128
    bytes_max: int = 256 * 1024
    attempts_max: int = 5
    timeout_seconds: float = 30.0
    connect_seconds: float = 5.0
    pause_seconds_min: float = 0.5
    pause_seconds_max: float = 60.0
    """Also of what a server asks for by ``Retry-After``."""


class _Item(msgspec.Struct):
    embedding: list[float]
    index: int | None = None


class _Answer(msgspec.Struct):
    data: list[_Item]


class _Again(Exception):
    """Worth another attempt, after `pause_seconds` if the server named one."""

    def __init__(self, reason: str, pause_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.pause_seconds = pause_seconds


class OpenAiEmbedder:
    """`Embedder` and `VectorModel` over HTTP; `key` is sent as bearer token where there is one."""

    def __init__(
        self,
        url: str,
        model: str,
        key: str | None = None,
        limits: ProviderLimits | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.model = model
        self._url = f"{url.rstrip('/')}/embeddings"
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._limits = limits or ProviderLimits()
        self._sleep = sleep

    def __repr__(self) -> str:
        return f"OpenAiEmbedder({self.model})"

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One unit vector of `DIMENSION` floats per text. Raises EmbeddingFailed."""
        return padded(await self.vectors(texts)) if texts else []

    async def vectors(self, texts: Sequence[str]) -> Vectors:
        """One unit vector per text, as long as the model makes them.

        Cancelling ends the request under way. Raises EmbeddingFailed.
        """
        limits = self._limits
        timeout = httpx.Timeout(limits.timeout_seconds, connect=limits.connect_seconds)
        async with httpx.AsyncClient(timeout=timeout, headers=self._headers) as client:
            parts = [await self._part(client, part) for part in self._parts(texts)]
        if len({part.shape[1] for part in parts}) > 1:
            raise EmbeddingFailed("vectors of different lengths")
        return np.concatenate(parts)

    def _parts(self, texts: Sequence[str]) -> Iterator[list[str]]:
        """What goes into one request each; a text that is too large alone goes alone."""
        part: list[str] = []
        size = 0
        for text in texts:
            length = len(text.encode())
            full = len(part) == self._limits.texts_max or size + length > self._limits.bytes_max
            if part and full:
                yield part
                part, size = [], 0
            part.append(text if text.strip() else ".")
            size += length
        if part:
            yield part

    async def _part(self, client: httpx.AsyncClient, texts: Sequence[str]) -> Vectors:
        pause = self._limits.pause_seconds_min
        for left in reversed(range(self._limits.attempts_max)):
            try:
                return await self._request(client, texts)
            except _Again as again:
                if not left:
                    raise EmbeddingFailed(again.reason) from None
                wanted = pause * random.uniform(0.5, 1.0)  # noqa: S311
                if again.pause_seconds is not None:
                    wanted = again.pause_seconds
            await self._sleep(min(wanted, self._limits.pause_seconds_max))
            pause *= 2
        raise AssertionError("at least one attempt")

    async def _request(self, client: httpx.AsyncClient, texts: Sequence[str]) -> Vectors:
        try:
            answer = await client.post(self._url, json={"model": self.model, "input": list(texts)})
        except httpx.HTTPError as wrong:
            raise _Again(type(wrong).__name__) from None
        status = answer.status_code
        if status in AGAIN:
            raise _Again(f"HTTP {status}", _retry_after(answer.headers.get("retry-after")))
        if status != httpx.codes.OK:
            raise EmbeddingFailed(f"HTTP {status}", refused=status in REFUSED)
        return _read(answer.content, len(texts))


def _retry_after(value: str | None) -> float | None:
    """Seconds; a date, which hardly any server sends, counts as nothing said."""
    return float(value) if value is not None and value.isdecimal() else None


def _read(content: bytes, count: int) -> Vectors:
    """Unit vectors in the order of the texts. Raises EmbeddingFailed for any other answer."""
    try:
        items = msgspec.json.decode(content, type=_Answer).data
    except msgspec.DecodeError:
        raise EmbeddingFailed("an answer of another shape") from None
    if all(item.index is not None for item in items):
        items.sort(key=lambda item: item.index or 0)
        if [item.index for item in items] != list(range(count)):
            raise EmbeddingFailed("vectors of other texts")
    lengths = {len(item.embedding) for item in items}
    if len(items) != count or len(lengths) != 1:
        raise EmbeddingFailed("too few vectors, or of different lengths")
    if not 1 <= lengths.pop() <= DIMENSION:
        raise EmbeddingFailed(f"vectors of more than {DIMENSION} dimensions")
    found = np.asarray([item.embedding for item in items], dtype=np.float64)
    norms = np.linalg.norm(found, axis=1, keepdims=True)
    if not np.all(np.isfinite(norms)) or not np.all(norms > 0):
        raise EmbeddingFailed("a vector without direction")
    unit: Vectors = (found / norms).astype(np.float32)
    return unit
