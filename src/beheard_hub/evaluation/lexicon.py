"""The lexicon of `lexicon.toml`: what is not said, by kind and rule."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from beheard_hub.evaluation.texts import folded, turned, without_quotes_of

_AFTER = re.compile(r"\W+(?:[\w']+\W*){0,2}")
_NOBODY = "the other person"


@cache
def _rules() -> Mapping[str, Mapping[str, str]]:
    text = resources.files(__package__ or "").joinpath("lexicon.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def kinds() -> list[str]:
    """Names of all kinds."""
    return list(_rules())


@cache
def _compiled(kind: str, partner: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    name = re.escape(partner or _NOBODY)
    return tuple(
        (rule, re.compile(pattern.replace("{partner}", name), re.IGNORECASE))
        for rule, pattern in _rules()[kind].items()
    )


def hits(kind: str, text: str, own_words: str = "", partner: str = "") -> list[str]:
    """Rules of a kind that a text breaks, each once.

    `own_words` is what the user wrote: to quote it or to repeat it is not the facilitator's word.
    """
    own = f"{folded(own_words)} | {turned(own_words)}"
    said = without_quotes_of(text, own)
    broken = []
    for rule, pattern in _compiled(kind, partner):
        if any(not _repeats(match, said, own) for match in pattern.finditer(said)):
            broken.append(rule)
    return broken


def _repeats(match: re.Match[str], said: str, own: str) -> bool:
    """Whether the match, with two words after it, is what the user wrote."""
    after = _AFTER.match(said, match.end())
    here = folded(match.group() + (after.group() if after else ""))
    return f" {here} " in f" {own} "
