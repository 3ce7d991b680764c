"""What is believed of a structured answer, and what is asked for again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from beheard_hub.ai.anthropic import answers, verification
from beheard_hub.ai.anthropic.verification import Unfit
from beheard_hub.facilitation import FacilitatorFailed, SharedNeed
from beheard_hub.testing.messages_api import FAULTS, Fault
from tests.unit.ai.anthropic.conftest import Desk
from tests.unit.ai.bundles_for_tests import bundle, item, said

WORDS = ["I don\u2019t sleep since March.", "I want to know what comes next."]


def need(**more: Any) -> dict[str, Any]:
    given = {
        "need": "To rest", "category": "SAFETY", "description": "You lie awake.",
        "evidence": ["I don't sleep since March."], "confidence": 0.8,
    }  # fmt: skip
    return {**given, **more}


def synthesised(*needs: dict[str, Any], asked: frozenset[str] = frozenset(), **more: Any) -> Any:
    found = msgspec.convert(
        {"needs": list(needs), "clarifications": [], **more}, answers.SaidSynthesis
    )
    return verification.synthesis(found, WORDS, asked)


def test_a_quote_is_given_back_as_the_user_wrote_it() -> None:
    [found] = synthesised(need()).needs
    assert found.evidence == ["I don\u2019t sleep since March."]


@pytest.mark.parametrize("quote", ["I do not sleep since March.", "", " ", "You lie awake."])
def test_a_need_without_a_literal_quote_is_dropped(quote: str) -> None:
    assert len(synthesised(need(), need(need="Else", evidence=[quote])).needs) == 1
    with pytest.raises(Unfit):
        synthesised(need(evidence=[quote]))


def test_quotes_that_are_none_are_left_out_and_the_need_stays() -> None:
    [found] = synthesised(need(evidence=[WORDS[1], "Never said."])).needs
    assert found.evidence == [WORDS[1]]


@pytest.mark.parametrize(
    ("confidence", "presented", "questions"),
    [(0.95, 1, 0), (0.7, 1, 0), (0.69, 1, 1), (0.5, 1, 1), (0.49, 0, 1), (0.0, 0, 1)],
)
def test_what_is_doubtful_comes_with_a_question_and_what_is_more_so_only_as_one(
    confidence: float, presented: int, questions: int
) -> None:
    found = synthesised(need(confidence=confidence))
    assert (len(found.needs), len(found.clarifications)) == (presented, questions)


def test_no_question_is_asked_twice() -> None:
    found = synthesised(need(confidence=0.6), asked=frozenset({"to rest"}))
    assert len(found.needs) == 1
    assert not found.clarifications


def test_at_most_five_needs_and_three_questions_the_surest_first() -> None:
    many = [need(need=f"Need {n}", confidence=0.5 + n / 100) for n in range(9)]
    found = synthesised(*many)
    assert [one.need for one in found.needs] == [f"Need {n}" for n in (8, 7, 6, 5, 4)]
    assert len(found.clarifications) == 3


def transformed(text: str, original: str, **more: Any) -> Any:
    given = {"canTransform": True, "clarifications": [], "text": text, **more}
    found = msgspec.convert(given, answers.SaidTransformation)
    return verification.transformation(found, original, ["Sam"])


@pytest.mark.parametrize(
    "text",
    [
        "You were late.",
        "",
        "I waited. I was cold. I went. I cried.",
        "I waited for 40 minutes.",
        "I waited with Maria at the door.",
        "I " + "waited " * 200,
    ],
)
def test_a_text_for_sharing_that_invents_or_accuses_is_unfit(text: str) -> None:
    with pytest.raises(Unfit):
        transformed(text, "He was late again and I stood there.")


def test_a_text_for_sharing_may_use_what_is_there() -> None:
    made = transformed("I waited for 40 minutes, Sam.", "40 minutes he let me wait!")
    assert made.text == "I waited for 40 minutes, Sam."


def test_what_cannot_be_said_becomes_a_question() -> None:
    made = transformed("", "x", canTransform=False, clarifications=["What happened?"])
    assert (made.can_transform, made.text, list(made.clarifications)) == (
        False, "", ["What happened?"],
    )  # fmt: skip
    with pytest.raises(Unfit):
        transformed("", "x", canTransform=False)


NEEDS = [
    SharedNeed(content_id="c1", mine=True, text="To rest", category="SAFETY"),
    SharedNeed(content_id="c2", mine=False, text="To rest", category="SAFETY"),
]


@pytest.mark.parametrize("ids", [["c1"], ["c2"], [], ["c1", "c9"], ["c1", "c2", "c9"]])
def test_common_ground_that_does_not_stand_on_both_is_none(ids: list[str]) -> None:
    item_ = {"need": "n", "category": "SAFETY", "description": "d", "sourceContentIds": ids}
    with pytest.raises(Unfit):
        verification.common_ground(
            msgspec.convert({"items": [item_]}, answers.SaidCommonGround), NEEDS
        )


def test_no_overlap_is_an_answer() -> None:
    nothing = msgspec.convert({"items": []}, answers.SaidCommonGround)
    assert verification.common_ground(nothing, NEEDS) == []


def test_suggestions_serve_common_ground_only_and_say_how_long_and_how_one_can_tell() -> None:
    idea = {
        "description": "Ten minutes each.", "needsAddressed": ["To rest", "To win"],
        "duration": "one week", "measureOfSuccess": "both would do it again",
    }  # fmt: skip
    several = [idea, {**idea, "duration": " "}, {**idea, "measureOfSuccess": ""}, idea, idea]
    found = msgspec.convert({"suggestions": several}, answers.SaidSuggestions)
    fitting = verification.suggestions(found, ["To rest"], 2)
    assert [one.needs_addressed for one in fitting] == [["To rest"]] * 2
    with pytest.raises(Unfit):
        verification.suggestions(answers.SaidSuggestions(suggestions=[]), [], 1)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["none"], (None, 0)),
        (["attack", "none"], (None, 0)),
        (["none", "attack"], ("attack", 1)),
        (["sarcasm", "none", "attack"], ("attack", 1)),
        (["judgement", "judgement", "dismissal"], ("dismissal", 3)),
    ],
)
def test_closed_doors_are_counted_back_from_the_newest(
    kinds: list[str], expected: tuple[str | None, int]
) -> None:
    each = [{"number": n, "kind": kind} for n, kind in enumerate(kinds, 1)]
    found = msgspec.convert({"messages": each}, answers.SaidTraps)
    assert verification.traps_in_a_row(found, len(kinds)) == expected
    with pytest.raises(Unfit):
        verification.traps_in_a_row(found, len(kinds) + 1)


@pytest.mark.parametrize("name", ["no_json", "wrong_shape"])
async def test_an_answer_of_another_shape_is_asked_for_once_more(desk: Desk, name: str) -> None:
    rule = desk.api.script("draft_check", FAULTS[name])
    assert (await desk.facilitator.check_draft("Maybe you were afraid?")).curious
    assert len(rule.requests) == 2


async def test_an_answer_that_is_unfit_twice_counts_as_missing(desk: Desk) -> None:
    invented = '{"needs": [{"need": "n", "category": "SAFETY", "description": "d", "evidence":'
    lie = Fault(text=invented + ' ["Never said."], "confidence": 1.0}], "clarifications": []}')
    rule = desk.api.script("synthesis", lie, forever=True)
    with pytest.raises(FacilitatorFailed) as failed:
        await desk.facilitator.synthesise_needs(bundle(said("I am tired.", stage=2), 2))
    assert failed.value.retryable
    assert len(rule.requests) == 2


async def test_questions_that_were_asked_are_known_from_the_bundle(desk: Desk) -> None:
    asked = item(9, "Which?", type="clarification", fields={"potentialNeed": "To Rest Easy"})
    words = said("I want to rest.", stage=2)
    before = await desk.facilitator.synthesise_needs(bundle(words, 2))
    after = await desk.facilitator.synthesise_needs(bundle([*words, asked], 2))
    assert [one.potential_need for one in before.clarifications] == ["To rest easy"]
    assert not after.clarifications
