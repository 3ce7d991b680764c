"""What the lexicon finds, and what it leaves alone: the user's own words, and questions."""

from __future__ import annotations

import pytest

from beheard_hub.evaluation import lexicon

OWN = "I have to do everything. He is unfair and I think he's a narcissist."


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("diagnosis", 'You wrote "I think he\'s a narcissist".'),
        ("side", "As you see it, he is unfair and you think about it."),
        ("pressure", "You have to do everything; that is a lot."),
        ("pressure", "What would you need to know about it?"),
        ("side", "You're right here with it."),
        ("promise", "When you talk about him, you go quiet."),
    ],
)
def test_own_words_and_questions_are_left_alone(kind: str, text: str) -> None:
    assert lexicon.hits(kind, text, OWN) == []


@pytest.mark.parametrize(
    ("kind", "text", "rule"),
    [
        ("diagnosis", "He may be a narcissist of the worst kind.", "label"),
        ("side", "She is unreasonable.", "a_verdict_against"),
        ("pressure", "You have to forgive him.", "must"),
        ("told", "Ben told me that.", "partner_told_me"),
        ("promise", "If you both agree, you will move on.", "once_you"),
        ("accusation", "Ben always does it.", "always_never"),
    ],
)
def test_the_facilitator_s_words_are_found(kind: str, text: str, rule: str) -> None:
    assert lexicon.hits(kind, text, OWN, "Ben") == [rule]


def test_every_rule_compiles_and_every_kind_is_scored() -> None:
    for kind in lexicon.kinds():
        assert lexicon.hits(kind, "Thank you for telling me.", "", "Ben") == []
    assert set(lexicon.kinds()) == {
        "side", "diagnosis", "promise", "pressure", "told", "accusation",
    }  # fmt: skip
