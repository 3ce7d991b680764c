"""Variety: pick a line that this thread has not heard, deterministically."""

from __future__ import annotations

import re
from collections.abc import Sequence
from zlib import crc32

_PLACEHOLDER = re.compile(r"\{\w+\}")


def signature(line: str) -> str:
    """The longest fixed piece of a template: what betrays that it was used before."""
    return max(_PLACEHOLDER.split(line), key=len).strip()


def last_use(line: str, history: Sequence[str]) -> int:
    """Index of the newest earlier answer that used the template; -1 if none did."""
    mark = signature(line)
    return max((i for i, text in enumerate(history) if mark in text), default=-1)


def choose(pool: Sequence[str], history: Sequence[str], key: str, skip: float = 0.0) -> str:
    """A line that was not used yet, else the one that was used longest ago.

    `key` moves the starting point, so that two people do not get the same sequence; `skip` (0-1)
    moves it by a part of the pool, where the earlier history cannot be seen any more.
    """
    start = (crc32(key.encode()) + round(skip * len(pool))) % len(pool)
    turned = [*pool[start:], *pool[:start]]
    return min(turned, key=lambda line: last_use(line, history))


def fresh(pool: Sequence[str], history: Sequence[str], key: str) -> str | None:
    """A line that was never used in this thread, or None: questions are not asked twice."""
    unused = [line for line in pool if last_use(line, history) < 0]
    return choose(unused, history, key) if unused else None
