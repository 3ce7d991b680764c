"""Ids that come in the same order every time, so that two sessions can be laid side by side."""

from __future__ import annotations

import hashlib
import uuid
from itertools import count


class FixedIds:
    """Implements `kernel.Ids`."""

    def __init__(self) -> None:
        self._ordered = count(1)
        self._random = count(1)

    def ordered(self) -> str:
        """Sorts after all before it."""
        return str(uuid.UUID(int=0x0190_0000_0000_7000_8000_0000_0000_0000 + next(self._ordered)))

    def random(self) -> str:
        """Looks like any other."""
        digest = hashlib.sha256(b"%d" % next(self._random)).digest()
        return str(uuid.UUID(bytes=digest[:16], version=4))
