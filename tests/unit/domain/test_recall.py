"""recall.search: the kinds that the contract opens in the stage, and nothing in a storm."""

from __future__ import annotations

from datetime import timedelta

import pytest

from beheard_hub.domain.limits import INTENSITY_RISE_WINDOW
from beheard_hub.domain.refusals import Code
from tests.unit.domain.play import A, Play

KINDS = {
    0: [],
    1: ["user_event", "emotional_reading"],
    2: ["user_event", "emotional_reading", "need"],
    3: ["need"],
    4: [],
}
"""Spec 4.3, the rows of the own vessel that vectors may find."""


def kinds(play: Play) -> list[str]:
    read = play.ask(A, "recall.search", query="a quiet evening", limit=4)
    assert (read.query, read.args["query"], read.args["limit"]) == (
        "recall.search", "a quiet evening", 4,
    )  # fmt: skip
    found: list[str] = read.args["kinds"]
    return found


@pytest.mark.parametrize("stage", KINDS)
def test_each_stage_searches_its_own_kinds(stage: int) -> None:
    assert kinds(Play().to_stage(stage)) == KINDS[stage]


@pytest.mark.parametrize(("intensity", "recalls"), [(7, True), (8, False), (10, False)])
def test_right_after_a_strong_reading_nothing_is_recalled(intensity: int, recalls: bool) -> None:
    play = Play().to_stage(2)
    play.do(A, "emotions.record", intensity=intensity)
    assert (kinds(play) == KINDS[2]) is recalls
    assert recalls or kinds(play) == []


def test_a_while_later_or_after_a_calmer_reading_it_is() -> None:
    play = Play().to_stage(2)
    play.do(A, "emotions.record", intensity=9)
    play.now += INTENSITY_RISE_WINDOW + timedelta(seconds=1)
    assert kinds(play) == KINDS[2]
    play.do(A, "emotions.record", intensity=9)
    play.do(A, "emotions.record", intensity=4)
    assert kinds(play) == KINDS[2]


@pytest.mark.parametrize("limit", [0, 11, "4"])
def test_ten_moments_at_most(limit: object) -> None:
    play = Play().to_stage(1)
    assert play.refused(A, "recall.search", query="x", limit=limit) is Code.VALIDATION_ERROR
