"""Which call answers a turn: danger, overwhelm, the mirror, the stage."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from beheard_hub.facilitation import Item, Spoken
from beheard_hub.testing.messages_api import FAULTS
from tests.unit.ai.anthropic.conftest import Desk
from tests.unit.ai.bundles_for_tests import ask, bundle, item, said

CALM = "I keep thinking about that evening."
HARSH = "She is so lazy."
DANGER = "I want to kill myself."
WORRY = "I am afraid of him. He is so lazy."


async def answered(desk: Desk, items: Sequence[Item], stage: int) -> tuple[Spoken, list[str]]:
    """The answer and the calls that it took."""
    spoken = await ask(desk.facilitator, bundle(items, stage))
    return spoken, desk.calls


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
async def test_danger_ends_all_coaching(desk: Desk, stage: int) -> None:
    spoken, calls = await answered(desk, said(HARSH, DANGER, stage=stage), stage)
    assert calls == ["crisis"]
    assert not spoken.offer_feel_heard
    [task] = desk.api.requests[0].data("task")
    assert task["concern"] == "suicide"


async def test_a_concern_is_named_to_the_prompt_and_nobody_is_coached(desk: Desk) -> None:
    _, calls = await answered(desk, said(WORRY, stage=2), 2)
    assert calls == ["stage2"], "no mirror, though there is a closed door"
    [task] = desk.api.requests[0].data("task")
    assert task == {"do": "answer", "concern": "domestic_violence", "severity": "concern"}


@pytest.mark.parametrize(("stage", "calls"), [(1, 1), (2, 2), (3, 2), (4, 1)])
async def test_the_mirror_is_of_stages_2_and_3(desk: Desk, stage: int, calls: int) -> None:
    _, made = await answered(desk, said(CALM, stage=stage), stage)
    assert made == ["mirror_check", f"stage{stage}"][-calls:]


@pytest.mark.parametrize(
    ("texts", "do", "row"),
    [
        ([HARSH], "redirect", 1),
        ([CALM, HARSH], "redirect", 1),
        ([HARSH, HARSH], "redirect", 2),
        ([HARSH, HARSH, HARSH], "offer_options", 3),
        ([HARSH, CALM, HARSH, HARSH], "redirect", 2),
    ],
)
async def test_the_third_closed_door_in_a_row_gets_options(
    desk: Desk, texts: list[str], do: str, row: int
) -> None:
    _, made = await answered(desk, said(*texts, stage=2), 2)
    assert made == ["mirror_check", "mirror"]
    [task] = desk.api.requests[-1].data("task")
    assert task == {"do": do, "kind": "judgement", "inARow": row}


@pytest.mark.parametrize("fault", ["refusal", "wrong_shape", "overloaded"])
async def test_a_check_that_fails_holds_up_nothing(desk: Desk, fault: str) -> None:
    desk.api.script("mirror_check", FAULTS[fault], forever=True)
    _, made = await answered(desk, said(HARSH, stage=2), 2)
    assert made[-1] == "stage2"


@pytest.mark.parametrize("stage", [2, 3])
async def test_a_strong_moment_comes_before_the_mirror(desk: Desk, stage: int) -> None:
    strong = item(1, "", type="emotional_reading", stage=stage, fields={"intensity": 8})
    spoken, made = await answered(desk, [*said(HARSH, stage=stage), strong], stage)
    assert made == ["support"]
    assert spoken.offer_support == "BREATHING_EXERCISE"


async def test_a_sharp_rise_is_a_strong_moment(desk: Desk) -> None:
    readings = [
        item(n, "", id=f"r{n}", type="emotional_reading", fields={"intensity": value})
        for n, value in ((1, 3), (3, 6))
    ]
    spoken, made = await answered(desk, [item(3, CALM), *readings], 1)
    assert made == ["support"]
    assert spoken.offer_support == "GROUNDING"


async def test_nothing_new_is_a_question_what_is_missing(desk: Desk) -> None:
    thread = [*said(CALM), item(2, "I see.", fields={"role": "AI"})]
    _, made = await answered(desk, thread, 1)
    assert made == ["stage1"]
    assert desk.api.requests[0].data("task") == [{"do": "ask_what_is_missing"}]


async def test_the_question_is_offered_when_enough_was_said_and_never_after_the_answer(
    desk: Desk,
) -> None:
    four = said(CALM, CALM, CALM, CALM)
    assert not (await ask(desk.facilitator, bundle(four[:3]))).offer_feel_heard
    assert (await ask(desk.facilitator, bundle(four))).offer_feel_heard
    confirmed = bundle(four, gates={"feelHeardConfirmed": True})
    assert not (await ask(desk.facilitator, confirmed)).offer_feel_heard


async def test_who_says_that_they_feel_heard_is_offered_the_question_at_once(desk: Desk) -> None:
    assert (await ask(desk.facilitator, bundle(said("Exactly. I feel heard.")))).offer_feel_heard
    elsewhere = bundle(said("Exactly. I feel heard.", stage=4), 4)
    assert not (await ask(desk.facilitator, elsewhere)).offer_feel_heard


NOTE = item(
    1,
    "I paid the bill alone in March.",
    type="user_event",
    fields={"attributedTo": "OTHER", "emotions": []},
)
WISH = "I wish she knew that I paid that bill alone."


async def test_what_they_want_to_be_known_is_asked_for_by_rule(desk: Desk) -> None:
    spoken, calls = await answered(desk, [NOTE, item(2, WISH, stage=2)], 2)
    assert spoken.ask_to_share == ("EVENT_SUMMARY", NOTE.id)
    assert calls == ["mirror_check", "stage2"], "no model is asked about it"


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        ("I paid that bill alone.", 2),
        (WISH, 1),
        (f"{WISH} And last night she hit me.", 2),
        (f"{WISH} I am afraid of her.", 2),
    ],
    ids=["no wish", "another stage", "danger", "a concern"],
)
async def test_otherwise_nobody_is_asked_to_share(desk: Desk, text: str, stage: int) -> None:
    spoken, _ = await answered(desk, [NOTE, item(2, text, stage=stage)], stage)
    assert spoken.ask_to_share is None
