"""Heat in a text that somebody is about to share: named by kind and place, never quoted."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from beheard_hub.ai.offline.texts import table
from beheard_hub.ai.offline.words import sentences
from beheard_hub.ai.quoting import plain


def alternatives(kind: str) -> str:
    """The words of one kind of heat as alternatives of a pattern."""
    return "|".join(table("heat")[kind]["words"])


class HeatKind(msgspec.Struct, frozen=True):
    """One kind of heated wording, and the sentence that names it."""

    name: str
    pattern: re.Pattern[str]
    warning: str


HEAT_KINDS: tuple[HeatKind, ...] = tuple(
    HeatKind(name, re.compile(rf"\b(?:{alternatives(name)})\b", re.IGNORECASE), row["warning"])
    for name, row in table("heat").items()
)


def heat_kinds(text: str) -> list[tuple[str, int]]:
    """Kinds of heat with the number of the first sentence (from 1) that holds each."""
    parts = [plain(s) for s in sentences(text)]
    first = (
        (kind.name, next((n for n, s in enumerate(parts, 1) if kind.pattern.search(s)), 0))
        for kind in HEAT_KINDS
    )
    return [(name, place) for name, place in first if place]


def heat(text: str) -> Sequence[str]:
    """One warning per kind of heat; empty if the text is calm. Nothing of the text is in them."""
    found = dict(heat_kinds(text))
    return [
        kind.warning.format(place=f"Sentence {found[kind.name]}")
        for kind in HEAT_KINDS
        if kind.name in found
    ]
