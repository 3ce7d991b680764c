"""Journeys as data: all that come with the hub are playable, and what is not is told apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from beheard_hub.client import COMMANDS
from beheard_hub.domain.mediation import protocol
from beheard_hub.domain.refusals import Refusal
from beheard_hub.domain.validation import validate
from beheard_hub.journeys import DEFAULT, SIDES, Act, Journey, Step, load, names, problems
from beheard_hub.journeys.check import MESSAGES_MIN, texts

STAGE_OF: Mapping[str, set[int]] = {
    "compact.sign": {0},
    "feel_heard.confirm": {1},
    "message.send": {1, 2, 3, 4},
    "empathy.save_draft": {2},
    "empathy.consent": {2},
    "empathy.partner": {2},
    "empathy.validate": {2},
    "consent.request": {2, 3, 4},
    "confirm_needs": {3},
    "share_needs": {3},
    "settle_common_ground": {3},
    "strategies.propose": {4},
    "strategies.suggest": {4},
    "strategies.ready": {4},
    "rank": {4},
    "strategies.overlap": {4},
    "agreement.create": {4},
    "agreement.confirm": {4},
    "session.resolve": {4},
}
LIVE_ONLY = frozenset(STAGE_OF) - {"compact.sign"} | {"advance"}


@pytest.fixture(params=names())
def journey(request: pytest.FixtureRequest) -> Journey:
    return load(request.param)


def altered(journey: Journey, number: int, **fields: Any) -> Journey:
    steps = list(journey.steps)
    steps[number] = msgspec.structs.replace(steps[number], **fields)
    return msgspec.structs.replace(journey, steps=steps)


def test_three_journeys_come_with_the_hub() -> None:
    assert names() == ["friendship", "household", "siblings"]
    assert DEFAULT in names()
    assert {load(name).outcome for name in names()} == {"AGREEMENT", "NO_SHARED_AGREEMENT"}


def test_it_has_no_problems_and_both_write_enough(journey: Journey) -> None:
    assert problems(journey) == []
    assert journey.messages >= MESSAGES_MIN
    for side in SIDES:
        assert sum(step.say is not None and side in step.sides for step in journey.steps) >= 15


def test_every_step_is_a_command_or_an_act(journey: Journey) -> None:
    known = {*COMMANDS, *Act}
    assert [step.do for step in journey.steps if step.do not in {*known, None}] == []


def test_the_domain_accepts_the_data_of_every_command(journey: Journey) -> None:
    refused = []
    for number, step in enumerate(journey.steps, 1):
        row = protocol.COMMANDS.get(step.do or "message.send")
        if row is None or step.act is not None:
            continue
        data = {"content": step.say} if step.say is not None else dict(step.data)
        if isinstance(data.get("followUpDate"), str):
            data["followUpDate"] = "2030-01-02T03:04:05+00:00"
        answer = validate(row.data, data)
        if isinstance(answer, Refusal):
            refused.append((number, step.do, answer.details))
    assert refused == []


def test_every_step_is_taken_in_a_stage_that_has_it(journey: Journey) -> None:
    stage = dict.fromkeys(SIDES, 0)
    for number, step in enumerate(journey.steps, 1):
        for side in step.sides:
            name = step.do or "message.send"
            allowed = STAGE_OF.get(name)
            assert allowed is None or stage[side] in allowed, f"step {number} {side} {name}"
            stage[side] += name == Act.ADVANCE
    assert stage == {"a": 4, "b": 4}


def test_nothing_live_happens_in_a_pause(journey: Journey) -> None:
    paused = False
    for number, step in enumerate(journey.steps, 1):
        assert not (paused and (step.do or "message.send") in LIVE_ONLY), f"step {number}"
        paused = step.do == "session.pause" or (paused and step.do != "session.resume")
    assert not paused


def test_readings_keep_to_their_rate(journey: Journey) -> None:
    for side in SIDES:
        readings = [
            step
            for step in journey.steps
            if side in step.sides and (step.intensity or step.do == "emotions.record")
        ]
        assert len(readings) <= 3


def test_nobody_writes_the_same_sentence_twice_or_leaves_a_draft_open(journey: Journey) -> None:
    said = [step.say for step in journey.steps if step.say is not None]
    assert len(said) == len(set(said))
    ready = dict.fromkeys(SIDES, False)
    for step in journey.steps:
        for side in step.sides:
            if step.do == "empathy.save_draft":
                ready[side] = bool(step.data.get("readyToShare"))
            if step.do == "empathy.consent":
                assert ready[side]


def test_what_a_person_keeps_private_is_not_shared_word_by_word(journey: Journey) -> None:
    crossing = {"empathy.save_draft", "empathy.validate", "consent.decide", "strategies.propose"}
    shared = " ".join(
        text
        for step in journey.steps
        for field, text in texts(step)
        if field.rpartition(".")[0] in crossing or "agreement" in field
    )
    for step in journey.steps:
        if step.say is not None:
            sentences = [part for part in re.split(r"(?<=[.!?]) ", step.say) if len(part) > 25]
            assert [part for part in sentences if part in shared] == []


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"say": " "}, "0 characters"),
        ({"say": "x" * 10_001}, "limit 10000"),
        ({"do": "session.get"}, "exactly one of say and do"),
        ({"say": None}, "exactly one of say and do"),
    ],
)
def test_a_message_that_cannot_be_sent_is_found(fields: dict[str, Any], says: str) -> None:
    journey = load(DEFAULT)
    number = next(n for n, step in enumerate(journey.steps) if step.say is not None)
    assert any(says in problem for problem in problems(altered(journey, number, **fields)))


def test_a_reference_to_nothing_is_found() -> None:
    journey = load(DEFAULT)
    number = next(n for n, step in enumerate(journey.steps) if step.do == "empathy.consent")
    broken = altered(journey, number, data={"draftId": "$nowhere.id"})
    assert any("nothing was saved as nowhere.id" in problem for problem in problems(broken))


def test_a_missing_episode_is_found() -> None:
    journey = load("siblings")
    steps = [step for step in journey.steps if step.do != "consent.revoke"]
    without = msgspec.structs.replace(journey, steps=steps)
    assert problems(without) == ["missing: a consent is revoked"]


def test_too_few_messages_are_found() -> None:
    journey = load(DEFAULT)
    short = msgspec.structs.replace(journey, steps=list(journey.steps)[:4])
    assert any("at least 40" in problem for problem in problems(short))


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(LookupError, match="friendship, household, siblings"):
        load("nobody")


def test_a_step_with_a_field_that_nobody_knows_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"who": "a", "say": "Hello.", "loud": True}, Step)
