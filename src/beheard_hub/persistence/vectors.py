"""Vectors in Postgres: rows are found and given theirs as `beheard_ops`, texts are read as role
``ai`` of each owner (spec 4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from beheard_hub.embeddings.vocabulary import DIMENSION, KINDS, Key, Page, Text, Vectors
from beheard_hub.persistence.database import Database

PAGE_ROWS = 2_000
SHORT_KINDS = frozenset({"UserEvent", "EmotionalReading", "IdentifiedNeed"})
"""Tables that are searched by vessel: they hold the vector without its padding too."""
SHORT_MAX = 448
"""Longer ones would not fit into their row beside the text (migration 0025)."""


class Share(msgspec.Struct, frozen=True):
    """Which part of all rows one of several workers has: their ids decide."""

    number: int = 0
    of: int = 1


class PostgresVectors:
    """Implements `embeddings.vocabulary.VectorStore`."""

    def __init__(self, db: Database, share: Share | None = None) -> None:
        self._db = db
        self._share = share or Share()

    async def lacking(self, passed: Sequence[str], limit: int) -> Sequence[Key]:
        """See the port. Raises StoreUnavailable."""
        share = self._share
        async with self._db.as_ops() as tx:
            rows = await tx.query(
                "embeddings.lacking",
                {"share": share.number, "shares": share.of, "passed": passed, "limit": limit},
            )
        return [_key(row) for row in rows]

    async def outdated(self, after: tuple[str, str] | None, model: str) -> Page:
        """See the port; looks at `PAGE_ROWS` rows at most."""
        kind, place = after or (KINDS[0], "")
        async with self._db.as_ops() as tx:
            rows = await tx.query(
                "embeddings.page",
                {
                    "kind": kind,
                    "after": place,
                    "model": model,
                    "share": self._share.number,
                    "shares": self._share.of,
                    "limit": PAGE_ROWS,
                },
            )
        last: tuple[str, str] | None = None
        if len(rows) == PAGE_ROWS:
            last = (kind, rows[-1]["id"])
        elif kind != KINDS[-1]:
            last = (KINDS[KINDS.index(kind) + 1], "")
        return Page([_key(row) for row in rows if row["other"]], last)

    async def texts(self, keys: Sequence[Key]) -> Sequence[Text]:
        """See the port; one round trip, whoever they belong to."""
        by_id = {key.id: key for key in keys}
        async with self._db.as_nobody() as tx:
            rows = await tx.query("embeddings.texts", {"wanted": list(by_id.values())})
        return [Text(by_id[row["id"]], row["version"], row["text"] or "") for row in rows]

    async def store(self, model: str, texts: Sequence[Text], vectors: Vectors) -> int:
        """See the port; one statement for each table, in one transaction."""
        kinds: dict[str, list[int]] = {}
        for place, text in enumerate(texts):
            kinds.setdefault(text.key.kind, []).append(place)
        stored = 0
        async with self._db.as_ops(writes=True) as tx:
            for kind, places in kinds.items():
                args = {
                    "model": model,
                    "ids": [texts[place].key.id for place in places],
                    "versions": [texts[place].version for place in places],
                    "found": [texts[place].key.model for place in places],
                    "vectors": _written(vectors[places]),
                }
                if kind in SHORT_KINDS:
                    args["short"] = _short(vectors[places])
                rows = await tx.query(f"embeddings.store.{kind}", args)
                stored += len(rows)
        return stored

    async def count(self, model: str) -> int:
        """See the port."""
        async with self._db.as_ops() as tx:
            [row] = await tx.query("embeddings.count", {"model": model})
        return int(row["count"])


def _key(row: Mapping[str, Any]) -> Key:
    return Key(row["kind"], row["id"], row["userId"], row["sessionId"], row["model"])


def _short(vectors: Vectors) -> list[str | None]:
    """Without padding; None where there is none, or it would be long."""
    if vectors.shape[1] > SHORT_MAX:
        return [None] * len(vectors)
    form = "[" + ",".join(["%.9g"] * vectors.shape[1]) + "]"
    empty = ~np.any(vectors, axis=1)
    return [None if empty[n] else form % tuple(row) for n, row in enumerate(vectors.tolist())]


def _written(vectors: Vectors) -> list[str]:
    """As Postgres reads them, padded; nothing for a vector of zeros."""
    form = "[" + ",".join(["%.9g"] * vectors.shape[1])
    form += ",0" * (DIMENSION - vectors.shape[1]) + "]"
    empty = ~np.any(vectors, axis=1)
    return ["" if empty[n] else form % tuple(row) for n, row in enumerate(vectors.tolist())]
