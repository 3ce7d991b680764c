"""What a vector is made of and what makes it (spec 3.7): words and ports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

DIMENSION = 1536
"""Length of every stored vector; what a model gives is padded with zeros, which leaves every cosine
as it was."""

Vectors: TypeAlias = NDArray[np.float32]
"""One row for each text, of unit length, `DIMENSION` columns at most."""

KINDS = (
    "Message", "UserEvent", "EmotionalReading", "IdentifiedNeed", "ConsentedContent",
    "GlobalLibraryItem",
)  # fmt: skip
"""Tables whose rows have a text and a vector of it; which text is in migration 0025. "UserVessel"
has a vector in the documented schema but no text of its own: it stays without one."""


class EmbeddingFailed(Exception):
    """No vectors could be had. Neither text nor key is in `reason`.

    `refused`: whoever makes vectors does not take these texts, and would not take them again.
    """

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.refused = refused


class VectorModel(Protocol):
    """What makes vectors."""

    model: str
    """Stored beside each vector; vectors of different models are never compared."""

    async def vectors(self, texts: Sequence[str]) -> Vectors:
        """Raises EmbeddingFailed. Cancelling throws the result away."""


class Key(msgspec.Struct, frozen=True, rename="camel"):
    """A row that can have a vector."""

    kind: str
    """One of `KINDS`."""
    id: str
    user_id: str | None
    """Whose it is; None for what belongs to nobody."""
    session_id: str | None
    model: str | None = None
    """Whose vector it had when it was found; None: it had none."""


class Text(msgspec.Struct, frozen=True):
    """One version of a row's text."""

    key: Key
    version: object
    """The database's; the vector is stored only while the row still has it, and the vector that
    its key tells of."""
    text: str

    def __repr__(self) -> str:
        return f"Text({self.key.kind} {self.key.id}, {len(self.text)} characters)"


class Page(msgspec.Struct, frozen=True):
    """A part of the walk over all rows."""

    keys: Sequence[Key]
    """Rows of it whose vector is another model's."""
    last: tuple[str, str] | None
    """Kind and id to go on after; None at the end."""


class VectorStore(Protocol):
    """Rows that can have a vector. Each may raise StoreUnavailable."""

    async def lacking(self, passed: Sequence[str], limit: int) -> Sequence[Key]:
        """Rows of this worker's share without a vector, but not those whose id is in `passed`."""

    async def outdated(self, after: tuple[str, str] | None, model: str) -> Page:
        """The next page of rows of this worker's share that have another model's vector."""

    async def texts(self, keys: Sequence[Key]) -> Sequence[Text]:
        """Their texts, each read as its owner's facilitator; what that one may not see is not
        there."""

    async def store(self, model: str, texts: Sequence[Text], vectors: Vectors) -> int:
        """Puts vectors to the rows that still are what `texts` says and have got none meanwhile;
        returns how many. A vector of zeros marks a row of which none can be made."""

    async def count(self, model: str) -> int:
        """How many rows of all shares lack a vector of this model."""
