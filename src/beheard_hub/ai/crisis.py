"""The crisis check: by pattern, in code, before any model sees a message (spec 06).

It never blocks and never tells the partner; it decides whether the user is shown where help is,
and whether coaching is off for the turn. It errs on the side of showing help: a missed cry costs
more than a shown number. Patterns and idioms are in `crisis_patterns.toml`, places to turn to in
`crisis_resources.toml`. No text of a message leaves this module.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from enum import IntEnum, StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec


class Severity(IntEnum):
    """How soon help is needed; from URGENT up the user gets `safety.resources`."""

    CONCERN = 1
    URGENT = 2
    EMERGENCY = 3


class Category(StrEnum):
    """What kind of danger."""

    SUICIDE = "suicide"
    SELF_HARM = "self_harm"
    DOMESTIC_VIOLENCE = "domestic_violence"
    IMMINENT_DANGER = "imminent_danger"
    CHILD_ABUSE = "child_abuse"


class Crisis(msgspec.Struct, frozen=True):
    """What the check found: the gravest finding, no text."""

    category: Category
    severity: Severity

    @property
    def shows_resources(self) -> bool:
        """Whether `safety.resources` is due; then mirror and coaching are off for this turn."""
        return self.severity >= Severity.URGENT


class Resource(msgspec.Struct, frozen=True):
    """A place to turn to."""

    name: str
    contact: str
    description: str


class _Rule(msgspec.Struct, frozen=True):
    category: Category
    severity: Severity
    pattern: re.Pattern[str]
    negatable: bool


_NEGATION_WINDOW_CHARS = 42


@cache
def _data(name: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def _rules() -> tuple[_Rule, ...]:
    return tuple(
        _Rule(
            Category(row["category"]),
            Severity[row["severity"].upper()],
            re.compile(row["pattern"], re.IGNORECASE),
            row.get("negatable", True),
        )
        for row in _data("crisis_patterns")["rule"]
    )


@cache
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{p})" for p in _data("crisis_patterns")[name]), re.IGNORECASE)


def assess(text: str) -> Crisis | None:
    """The gravest sign of danger in a message, or None."""
    plain = text.replace("\u2019", "'").replace("\u2018", "'")
    masked = _pattern("idioms").sub(lambda m: " " * len(m.group()), plain)
    found: list[Crisis] = []
    for rule in _rules():
        for match in rule.pattern.finditer(masked):
            if not (rule.negatable and _taken_back(masked, match)):
                found.append(_weighed(rule, masked))
                break
    return max(found, key=lambda c: c.severity, default=None)


def _sentence_around(text: str, match: re.Match[str]) -> tuple[str, str]:
    """What stands before and after a match in its own sentence."""
    start = max(text.rfind(mark, 0, match.start()) for mark in ".!?\n;") + 1
    ends = [i for mark in ".!?\n;" if (i := text.find(mark, match.end())) >= 0]
    return text[start : match.start()], text[match.end() : min(ends, default=len(text))]


def _taken_back(text: str, match: re.Match[str]) -> bool:
    """Negated, told of a story, or of somebody long ago: reasonable grounds not to alarm."""
    before, after = _sentence_around(text, match)
    near = before[-_NEGATION_WINDOW_CHARS:]
    last_turn = max((m.end() for m in _pattern("turns").finditer(near)), default=0)
    negated = _pattern("negations").search(near[last_turn:]) is not None
    return negated or _pattern("fiction").search(before + " " + after) is not None


def _weighed(rule: _Rule, text: str) -> Crisis:
    """Now, or with a plan or a weapon at hand, what is urgent is an emergency."""
    grave = rule.severity == Severity.URGENT and _pattern("imminence").search(text) is not None
    return Crisis(rule.category, Severity.EMERGENCY if grave else rule.severity)


def resources(locale: str) -> Sequence[Resource]:
    """Places to turn to for a locale like ``en-US`` or ``de``; else the default."""
    table: dict[str, list[dict[str, str]]] = _data("crisis_resources")
    tags = locale.replace("_", "-").split("-")
    region = tags[-1].upper() if len(tags) > 1 else ""
    rows = table.get(region) or table.get(tags[0].lower()) or table["default"]
    return [msgspec.convert(row, Resource) for row in rows]
