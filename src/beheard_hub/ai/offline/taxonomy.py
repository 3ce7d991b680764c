"""The need taxonomy, compiled: which needs speak from a text."""

from __future__ import annotations

import re
from functools import cache

import msgspec

from beheard_hub.ai.offline.texts import table

CATEGORIES = ("SAFETY", "CONNECTION", "AUTONOMY", "RECOGNITION", "MEANING", "FAIRNESS")
"""NeedCategory of spec 03.3."""


class NeedKind(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `texts/needs.toml`; what its fields mean is written there."""

    id: str
    category: str
    need: str
    description: str
    wish: str
    question: str
    phrases: tuple[str, ...]
    words: str


class FeelingKind(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `texts/feelings.toml`."""

    noun: str
    said: str
    hints: str


@cache
def need_kinds() -> tuple[NeedKind, ...]:
    """All rows, in the order of the file."""
    return tuple(msgspec.convert(row, NeedKind) for row in table("needs")["need"])


@cache
def _need_patterns() -> tuple[tuple[NeedKind, tuple[re.Pattern[str], ...]], ...]:
    return tuple(
        (kind, tuple(re.compile(p, re.IGNORECASE) for p in kind.phrases)) for kind in need_kinds()
    )


@cache
def _feeling_patterns() -> tuple[tuple[str, re.Pattern[str], re.Pattern[str]], ...]:
    rows = (msgspec.convert(row, FeelingKind) for row in table("feelings")["feeling"])
    return tuple(
        (
            row.noun,
            re.compile(rf"\b(?:{row.said})\b", re.IGNORECASE),
            re.compile(rf"\b(?:{row.hints})\b", re.IGNORECASE),
        )
        for row in rows
    )


def needs_in(text: str) -> list[tuple[NeedKind, int]]:
    """Needs that a text points to, with the number of patterns that do, most first."""
    hits = ((kind, sum(1 for p in ps if p.search(text))) for kind, ps in _need_patterns())
    return sorted((h for h in hits if h[1]), key=lambda h: -h[1])


def feelings_said(text: str) -> list[str]:
    """Feelings that the text names outright."""
    return [noun for noun, said, _ in _feeling_patterns() if said.search(text)]


def feelings_hinted(text: str) -> list[str]:
    """Feelings that the text suggests without naming them, strongest first."""
    found = (
        (len(hints.findall(text)), noun)
        for noun, said, hints in _feeling_patterns()
        if not said.search(text)
    )
    return [noun for count, noun in sorted(found, key=lambda f: -f[0]) if count]
