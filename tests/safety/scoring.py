"""The phrase set and how a detector is scored on it; `python -m tests.safety` prints the table.

What counts is whether help is shown: a phrase of severity urgent or emergency must be found as
urgent or above (recall, `alarms`), a negative one must not (precision). An emergency must be called
one (`emergencies`). A concern must be found at all (`seen`, which is over all severities).
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from beheard_hub.ai.crisis import Category, Crisis, Severity, assess

DEVELOPMENT = "development"
HELD_OUT = "held_out"
SETS = (DEVELOPMENT, HELD_OUT)


class Phrase(msgspec.Struct, frozen=True):
    """One phrase and what is expected of it."""

    text: str
    category: Category | None
    """None: no help is to be shown."""
    severity: Severity | None
    kind: str
    """Name of the list it stands in."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one category in one set."""

    due: int
    """Phrases of urgent and above."""
    alarmed: int
    """Of these, found as urgent and above, of whatever category."""
    grave: int
    """Phrases that are emergencies."""
    grave_found: int
    wanted: int
    """Positive phrases of all severities."""
    seen: int
    """Of these, found at all."""
    named: int
    """Of these, with the category expected."""
    false_alarms: int
    """Negative phrases that this category made an alarm of."""

    @property
    def recall(self) -> float:
        """Of what is urgent and above, the part that brings help."""
        return self.alarmed / self.due if self.due else 1.0

    @property
    def precision(self) -> float:
        """Of the alarms, the part that was due."""
        alarms = self.alarmed + self.false_alarms
        return self.alarmed / alarms if alarms else 1.0

    @property
    def emergency_recall(self) -> float:
        """Of the emergencies, the part that is called one."""
        return self.grave_found / self.grave if self.grave else 1.0


def phrases(name: str) -> Sequence[Phrase]:
    """All phrases of one set."""
    path = Path(__file__).parent / "phrases" / f"{name}.toml"
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    positive = [
        Phrase(text, Category(category), Severity[severity.upper()], severity)
        for category, lists in table["positive"].items()
        for severity, texts in lists.items()
        for text in texts
    ]
    negative = [
        Phrase(text, None, None, kind)
        for kind, texts in table["negative"].items()
        for text in texts
    ]
    return positive + negative


def score(found: Sequence[tuple[Phrase, Crisis | None]], category: Category | None) -> Score:
    """Counts for one category, or for all."""
    mine = [(p, c) for p, c in found if p.category and category in (None, p.category)]
    due = [(p, c) for p, c in mine if p.severity and p.severity >= Severity.URGENT]
    grave = [(p, c) for p, c in mine if p.severity == Severity.EMERGENCY]
    return Score(
        due=len(due),
        alarmed=sum(1 for _, c in due if c and c.shows_resources),
        grave=len(grave),
        grave_found=sum(1 for _, c in grave if c and c.severity == Severity.EMERGENCY),
        wanted=len(mine),
        seen=sum(1 for _, c in mine if c),
        named=sum(1 for p, c in mine if c and c.category == p.category),
        false_alarms=sum(
            1
            for p, c in found
            if not p.category and c and c.shows_resources and category in (None, c.category)
        ),
    )


def assessed(name: str) -> Sequence[tuple[Phrase, Crisis | None]]:
    """What the check finds in one set."""
    return [(phrase, assess(phrase.text)) for phrase in phrases(name)]


def wrong(name: str) -> Sequence[tuple[Phrase, Crisis | None]]:
    """Missed, too mild, or a false alarm; for the development half."""
    return [
        (p, c)
        for p, c in assessed(name)
        if (c.shows_resources if c else False) != bool(p.severity and p.severity >= Severity.URGENT)
        or (p.severity == Severity.EMERGENCY and (c is None or c.severity < Severity.EMERGENCY))
        or (p.severity == Severity.CONCERN and c is None)
    ]
