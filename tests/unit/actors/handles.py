"""Handles of Ray actors, without Ray."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Method:
    """`remote` of one method of an actor."""

    def __init__(self, does: Callable[..., Any]) -> None:
        self._does = does

    async def remote(self, *args: Any) -> Any:
        return self._does(*args)
