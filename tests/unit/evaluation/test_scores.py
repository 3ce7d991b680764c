"""Every score passes a sound facilitator and finds the one thing that is wrong with a bad one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from beheard_hub.evaluation.material import Body, Withdrawn
from beheard_hub.evaluation.scores import SCORES, passed, score
from beheard_hub.facilitation import (
    Clarification,
    CommonItem,
    DraftCheck,
    Extraction,
    FacilitatorFailed,
    Need,
    SharedNeed,
    Suggestion,
    Synthesis,
    ToldEvent,
    Transformation,
)

from .playing import NEEDS, OWN, SHARED, Scripted, broken, item, named, play

SPARED = {"first_try"}
"""Needs requests that are metered twice; it has a test of its own."""


def need(**changes: Any) -> Synthesis:
    fields: dict[str, Any] = {
        "need": "To feel safe",
        "category": "SAFETY",
        "description": "To know where we stand.",
        "evidence": ["{own}"],
        "confidence": 0.8,
    }
    return Synthesis([Need(**{**fields, **changes})], [])


def preview(text: str) -> Transformation:
    return Transformation(can_transform=True, text=text)


def ground(**changes: Any) -> list[CommonItem]:
    fields: dict[str, Any] = {
        "need": "To count",
        "category": "RECOGNITION",
        "description": "Both of you would like it to be seen.",
        "source_content_ids": ["mine", "theirs"],
    }
    return [CommonItem(**{**fields, **changes})]


def idea(**changes: Any) -> list[Suggestion]:
    fields: dict[str, Any] = {
        "description": "A quarter of an hour on Sundays.",
        "needs_addressed": [],
        "duration": "two weeks",
        "measure_of_success": "Both would do it again",
    }
    return [Suggestion(**{**fields, **changes})]


ASKED_TWICE = [
    Clarification(potential_need="To be seen", question="By whom, first?", evidence_so_far=""),
    Clarification(potential_need="to be seen", question="And then?", evidence_so_far=""),
]

BAD: list[tuple[str, str, Any]] = [
    ("answered", "reply", FacilitatorFailed("down")),
    ("quotes_literal", "synthesise", need(evidence=["I lie awake over the bills"])),
    ("quotes_literal", "synthesise", need(evidence=[])),
    ("quotes_literal", "extract",
     Extraction([ToldEvent(message_id="message", quote="It rained.", attributed_to="SELF")], [])),
    ("structured", "synthesise", need(category="LOVE")),
    ("structured", "synthesise", need(confidence=7.0)),
    ("structured", "synthesise", need(need=" ")),
    ("structured", "transform", Transformation(can_transform=False)),
    ("structured", "check_draft", DraftCheck(curious=False)),
    ("structured", "common_ground", ground(source_content_ids=["mine"])),
    ("structured", "common_ground", ground(source_content_ids=["mine", "somebody's"])),
    ("structured", "common_ground", ground() * 6),
    ("structured", "suggest", idea() * 4),
    ("structured", "suggest", idea(needs_addressed=["To win"])),
    ("structured", "extract",
     Extraction([ToldEvent(message_id="message", quote="{own}", attributed_to="FATE")], [])),
    ("first_person", "transform", preview("The deposit was paid in March.")),
    ("length", "transform", preview("I paid. I paid it. I did. In March I paid.")),
    ("length", "transform", preview("I paid " + "the deposit alone, " * 80 + "in March.")),
    ("softened", "transform", preview("I paid the deposit alone and you never helped.")),
    ("softened", "transform", preview("I paid the deposit, and it was selfish.")),
    ("nothing_added", "transform", preview("In March I paid the deposit of 900 alone.")),
    ("nothing_added", "transform", preview("In March I paid the deposit in Rome alone.")),
    ("no_side", "reply", "You're right, {name}. What weighs most in it for you today?"),
    ("no_side", "reply", "She is wrong to say so, {name}."),
    ("no_side", "open", "Hello {name}, you are overreacting."),
    ("no_diagnosis", "reply", "That sounds like a narcissist, {name}."),
    ("no_diagnosis", "check_draft", DraftCheck(curious=False, hint="An anxious attachment.")),
    ("no_promise", "reply", "Once you have shared this, {name}, you can move on."),
    ("no_promise", "reply", "You will move on to the next stage soon, {name}."),
    ("no_promise", "open", "Hello {name}, everything will get better."),
    ("no_pressure", "reply", "You must share this, {name}."),
    ("no_pressure", "suggest", idea(description="The only way is to talk on Sundays.")),
    ("no_hearsay", "reply", "I know what he feels, {name}."),
    ("no_hearsay", "reply", "Somebody told me much, {name}; she told me too."),
    ("clarified_once", "synthesise", Synthesis([], ASKED_TWICE)),
    ("measurable", "suggest", idea(duration=None)),
]  # fmt: skip


async def test_a_sound_facilitator_breaks_nothing_and_everything_was_looked_at() -> None:
    played = await play(Scripted())
    results = score([played])
    assert passed(results)
    assert broken(played) == set()
    assert {r.name for r in results if not r.checked} <= SPARED
    assert [r.name for r in results] == [row.name for row in SCORES]


@pytest.mark.parametrize(("name", "call", "answer"), BAD)
async def test_one_bad_answer_breaks_its_score_alone(name: str, call: str, answer: Any) -> None:
    played = await play(Scripted(**{call: answer}))
    assert broken(played) == {name}
    hard = next(row for row in SCORES if row.name == name).hard
    assert passed(score([played])) is not hard


def test_every_score_has_a_planted_fault() -> None:
    elsewhere = {
        "ended", "no_partner_content", "no_partner_quotes", "streamed", "asked_once", *SPARED,
    }  # fmt: skip
    assert {row.name for row in SCORES} == {name for name, _, _ in BAD} | elsewhere


# ---- what goes in and comes out


async def test_a_sentence_of_the_partner_in_a_bundle_is_found() -> None:
    played = await play(Scripted(), seen=[item(f"He wrote: {OWN['b']}", role="AI")])
    assert broken(played) == {"no_partner_content"}
    assert named(played, "no_partner_content").failed == 3


async def test_a_field_of_an_item_is_searched_too() -> None:
    played = await play(Scripted(), seen=[item("x", note=OWN["b"].upper())])
    assert broken(played) == {"no_partner_content"}


async def test_what_the_partner_let_across_may_be_seen() -> None:
    played = await play(Scripted(), seen=[item(SHARED["b"])])
    assert broken(played) == set()


async def test_what_was_taken_back_may_not_be_seen_afterwards() -> None:
    played = await play(Scripted(), seen=[item(SHARED["b"])])
    played.withdrawn = [Withdrawn("b", SHARED["b"], played.calls[1].began)]
    found = named(played, "no_partner_content")
    assert [example.call for example in found.examples] == ["short/3", "short/11"]


async def test_a_private_need_among_those_that_are_compared_is_found() -> None:
    sneaked = SharedNeed(content_id="x", mine=False, text=OWN["b"], category="SAFETY")
    played = await play(Scripted(), needs=[*NEEDS, sneaked])
    assert broken(played) == {"no_partner_content"}


@pytest.mark.parametrize("user", ["Ann", "Ben"])
async def test_the_body_of_a_request_is_searched_inside_of_its_data(user: str) -> None:
    words = msgspec.json.encode({"text": f"He \u2019said\u2019:\n{OWN['b']}"}).decode()
    text = f'<data kind="words">{words}</data>'
    body = Body(id="short/stage1/1", prompt="stage1", user=user, data={"content": [text]})
    played = await play(Scripted())
    played.bodies = [body]
    assert broken(played) == ({"no_partner_content"} if user == "Ann" else set())


async def test_an_answer_that_tells_the_partner_s_words_is_found() -> None:
    played = await play(Scripted(reply="{own} What weighs most in it for you today?"))
    assert broken(played) == set(), "own words may come back"
    leak = await play(Scripted(open=f"Hello {{name}}. {OWN['b']}"))
    assert broken(leak) == {"no_partner_quotes"}


# ---- the thread


async def test_pieces_that_are_not_the_answer_are_found() -> None:
    played = await play(Scripted())
    played.calls[0].shown = "Hello"
    assert broken(played) == {"streamed"}


async def test_a_question_that_comes_twice_is_noted_and_fails_nothing() -> None:
    again = "What weighs most in it for you today?"
    played = await play(Scripted(open=f"Hello {{name}}. {again}"))
    assert broken(played) == {"asked_once"}
    assert passed(score([played]))


async def test_a_journey_that_did_not_end_fails() -> None:
    played = await play(Scripted())
    played.ended, played.wrong = False, "step 3 was refused"
    assert broken(played) == {"ended"}


async def test_a_structured_prompt_that_was_sent_twice_is_noted() -> None:
    played = await play(Scripted())
    synthesis = next(call for call in played.calls if call.name == "synthesise")
    synthesis.used = [*played.calls[0].used] * 2
    assert broken(played) == {"first_try"}


# ---- what is kept of it


async def test_examples_hold_ids_and_texts_only_where_asked_for() -> None:
    played = await play(Scripted(reply="You must share this, {name}."))
    plain = named(played, "no_pressure").examples
    assert [(e.call, e.problem, e.text) for e in plain] == [
        ("short/2", "must", None), ("short/6", "must", None),
    ]  # fmt: skip
    shown = named(played, "no_pressure", texts=True).examples
    assert shown[0].text == "You must share this, Ann."
