"""The mirror of stages 2 and 3: judgement, attack, sarcasm, dismissal, mind-reading (spec 06)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from beheard_hub.ai.offline.texts import table
from beheard_hub.ai.offline.words import sentences
from beheard_hub.ai.quoting import plain

_PERSONS = r"he|she|they|my (?:husband|wife|partner|brother|sister|friend|girlfriend|boyfriend)"


def trap_in(text: str, partner: str) -> str | None:
    """Which closed door a text holds, by name; None if none, or if it is only wondered about."""
    tentative = _compiled(table("mirror")["tentative"], partner)
    for sentence in sentences(plain(text)):
        if tentative.search(sentence):
            continue
        for trap in table("mirror")["trap"]:
            if _compiled(trap["pattern"], partner).search(sentence):
                return str(trap["name"])
    return None


def curious(text: str, partner: str) -> bool:
    """Whether the text wonders about the other side."""
    return _compiled(table("mirror")["curious"], partner).search(plain(text)) is not None


def in_a_row(said: Sequence[str], partner: str) -> int:
    """How many of the newest messages, counted back from the last, hold a closed door."""
    count = 0
    for text in reversed(said):
        if trap_in(text, partner) is None:
            break
        count += 1
    return count


def lines_for(name: str) -> Mapping[str, Any]:
    """The trap's row: `ack`, `turn`, `reframe`."""
    return next(row for row in table("mirror")["trap"] if row["name"] == name)


def options() -> Sequence[str]:
    """What is offered when redirecting has stopped."""
    lines: Sequence[str] = table("mirror")["third"]["options"]
    return lines


@lru_cache(maxsize=256)
def _compiled(pattern: str, partner: str) -> re.Pattern[str]:
    person = rf"(?:{_PERSONS}|{re.escape(partner)})"
    return re.compile(pattern.replace("{p}", person), re.IGNORECASE)
