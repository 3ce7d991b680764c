"""The crisis check on the phrase set: floors that a regression would break.

The numbers of today are in docs/safety.md. The held-out half has lower floors, because nobody may
mend a pattern for one of its phrases; where it falls, the development half lacks a kind of phrase.
"""

from __future__ import annotations

from random import Random

import pytest

from beheard_hub.ai import crisis
from beheard_hub.ai.crisis import Category
from tests.safety.matching import matching
from tests.safety.scoring import DEVELOPMENT, HELD_OUT, SETS, assessed, phrases, score, wrong

_PHRASES_MIN = 150
_EXAMPLES = 10

_FLOORS = {DEVELOPMENT: (0.99, 0.98, 1.0), HELD_OUT: (0.93, 0.95, 0.88)}
"""Set → least recall of urgent and above, least precision of alarms, least recall of emergencies:
in the held-out half one or two phrases below what is found today."""


@pytest.mark.parametrize("name", SETS)
def test_recall_and_precision(name: str) -> None:
    recall, precision, emergencies = _FLOORS[name]
    found = score(assessed(name), None)
    faults = [p.text for p, _ in wrong(name)] if name == DEVELOPMENT else "not listed on purpose"
    assert found.recall >= recall, faults
    assert found.precision >= precision, faults
    assert found.emergency_recall >= emergencies, faults


@pytest.mark.parametrize("category", Category)
@pytest.mark.parametrize("name", SETS)
def test_no_category_is_left_behind(name: str, category: Category) -> None:
    found = score(assessed(name), category)
    assert found.wanted >= 15
    assert found.recall >= 0.85
    assert found.precision >= 0.85
    assert found.named / found.seen >= 0.85


def test_the_sets_are_large_enough_and_apart() -> None:
    rows = [row for name in SETS for row in phrases(name)]
    assert sum(1 for row in rows if row.category) >= _PHRASES_MIN
    assert sum(1 for row in rows if not row.category) >= _PHRASES_MIN
    assert len({row.text.casefold() for row in rows}) == len(rows)


def test_case_and_apostrophes_change_no_alarm() -> None:
    due = [p for name in SETS for p, c in assessed(name) if c and c.shows_resources and p.category]
    for phrase in due:
        typed = phrase.text.replace("'", "\u2019")
        found = crisis.assess(typed)
        assert found, typed
        assert found.shows_resources, typed


def test_every_pattern_finds_only_what_its_rule_is_about() -> None:
    """`about` is a short cut: a text that a pattern finds must hold one of its words, also where it
    stands in the middle of a longer word."""
    for row, rule in zip(crisis._data("crisis_patterns")["rule"], crisis._rules(), strict=True):
        for pattern in row["patterns"]:
            compiled = crisis._any_of([pattern])
            texts = matching(compiled, Random(pattern), _EXAMPLES)
            assert len(texts) == _EXAMPLES, pattern[:80]
            glued = [text for text in (f"x{one}x" for one in texts) if compiled.search(text)]
            assert [text for text in (*texts, *glued) if not rule.about.search(text)] == []
