"""Retries, resets, the breaker, time-outs: what becomes of a request in a bad minute."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

import pytest

from beheard_hub import metering
from beheard_hub.ai.anthropic.models import LARGE
from beheard_hub.ai.anthropic.prompts import prompt
from beheard_hub.ai.anthropic.transport import Whole
from beheard_hub.ai.anthropic.wording import Request, conversation, request
from beheard_hub.ai.breaker import FAILURES_MAX, REST_SECONDS, Breaker
from beheard_hub.facilitation import Delta, FacilitatorFailed
from beheard_hub.testing.messages_api import FAULTS, Fault, Hold
from beheard_hub.testing.messages_api.recording import Ending
from tests.unit.ai.anthropic.conftest import HASTY, PATIENT, Desk
from tests.unit.ai.bundles_for_tests import bundle, said

AGAIN = [
    "rate_limited", "server_error", "overloaded", "error_before_text", "error_during_text",
    "error_after_text", "cut_before_text", "cut_during_text", "cut_after_text",
    "stall_before_text", "stall_during_text", "stall_after_text", "broken_json_before_text",
    "broken_json_during_text", "empty", "blank", "max_tokens",
]  # fmt: skip
SHOWN = {name for name in AGAIN if "during" in name or "after" in name} | {"blank", "max_tokens"}
"""Faults that come when something was shown already."""


def asking(words: str = "I am tired of it.") -> Request:
    turns = conversation(bundle(said(words)), {"do": "answer"})
    return request(prompt("stage1"), LARGE, turns)


async def heard(desk: Desk) -> tuple[str, Sequence[Delta | Whole]]:
    """What a person sees in the end, and all pieces."""
    text, pieces = "", [piece async for piece in desk.transport.stream(asking())]
    for piece in pieces:
        if isinstance(piece, Delta):
            text = piece.text if piece.reset else text + piece.text
    return text, pieces


@pytest.mark.parametrize(
    ("name", "desk"),
    [(name, HASTY if name.startswith("stall") else PATIENT) for name in AGAIN],
    indirect=["desk"],
    ids=AGAIN,
)
async def test_a_failed_attempt_is_made_again_and_what_was_shown_is_called_back(
    desk: Desk, name: str
) -> None:
    rule = desk.api.script("stage1", FAULTS[name])
    text, pieces = await heard(desk)
    whole = pieces[-1]
    assert isinstance(whole, Whole)
    assert text == whole.text
    assert len(rule.requests) == 2
    resets = [piece for piece in pieces if isinstance(piece, Delta) and piece.reset]
    assert len(resets) == (name in SHOWN)
    assert len(desk.pauses) == 1


async def test_at_last_there_is_no_answer_rather_than_half_of_one(desk: Desk) -> None:
    rule = desk.api.script("stage1", FAULTS["cut_during_text"], forever=True)
    with pytest.raises(FacilitatorFailed) as failed:
        await heard(desk)
    assert failed.value.retryable
    assert len(rule.requests) == 3
    assert desk.pauses == [0.5, 1.0], "the jitter of this test is at its highest"


@pytest.mark.parametrize(
    ("fault", "retryable"),
    [
        (Fault(status=400), False),
        (Fault(status=413), False),
        (Fault(status=401), True),
        (Fault(status=404), True),
        (FAULTS["refusal"], False),
        (FAULTS["refusal_during_text"], False),
    ],
)
async def test_what_would_be_refused_again_is_not_asked_again(
    desk: Desk, fault: Fault, retryable: bool
) -> None:
    rule = desk.api.script("stage1", fault)
    with pytest.raises(FacilitatorFailed) as failed:
        await heard(desk)
    assert failed.value.retryable is retryable
    assert len(rule.requests) == 1


async def test_the_provider_says_when_to_come_back(desk: Desk) -> None:
    desk.api.script("stage1", Fault(status=429, retry_after_seconds=7))
    await heard(desk)
    assert desk.pauses == [7.0]


async def test_nobody_waits_for_longer_than_an_answer_may_take(desk: Desk) -> None:
    desk.api.script("stage1", Fault(status=429, retry_after_seconds=3600))
    with pytest.raises(FacilitatorFailed):
        await heard(desk)
    assert desk.pauses == []


async def test_after_five_failures_the_provider_is_left_in_peace(desk: Desk) -> None:
    rule = desk.api.script("stage1", FAULTS["overloaded"], forever=True)
    for _ in range(2):
        with pytest.raises(FacilitatorFailed):
            await heard(desk)
    assert len(rule.requests) == FAILURES_MAX
    desk.api.script("stage1")
    with pytest.raises(FacilitatorFailed):
        await heard(desk)
    desk.now += REST_SECONDS
    text, _ = await heard(desk)
    assert text


async def test_answers_that_are_too_long_say_nothing_against_the_provider(desk: Desk) -> None:
    rule = desk.api.script("stage1", FAULTS["max_tokens"], forever=True)
    for _ in range(2):
        with pytest.raises(FacilitatorFailed):
            await heard(desk)
    assert len(rule.requests) == 6


async def test_every_attempt_that_cost_something_stands_on_the_bill(desk: Desk) -> None:
    desk.api.script("stage1", FAULTS["error_during_text"], FAULTS["overloaded"])
    with metering.charged_to("u1", "s1") as bill:
        _, pieces = await heard(desk)
    assert [(one.call, one.model) for one in bill.entries] == [("stage1", LARGE)] * 2
    whole = pieces[-1]
    assert isinstance(whole, Whole)
    assert bill.entries[-1].usage == whole.usage
    assert whole.usage.cached > 0, "the stable prefix was in the cache by then"


async def test_whoever_goes_ends_the_request(desk: Desk) -> None:
    hold = Hold()
    rule = desk.api.script("stage1", Fault(hold=hold, after_pieces=1))
    async with aclosing(desk.transport.stream(asking())) as pieces:
        assert isinstance(await anext(pieces), Delta)
    [request] = rule.requests
    await request.ended.wait()
    assert request.ending is Ending.LEFT
    text, _ = await heard(desk)
    assert text


async def test_no_text_is_in_what_is_said_of_a_failure(desk: Desk) -> None:
    desk.api.script("stage1", Fault(status=400))
    with pytest.raises(FacilitatorFailed) as failed:
        async for _ in desk.transport.stream(asking("a very private word")):
            pass
    assert str(failed.value) == "HTTP 400"
    assert failed.value.__cause__ is None
    assert "private" not in repr(failed.value)


def test_after_its_rest_one_attempt_is_on_trial() -> None:
    now = 0.0
    breaker = Breaker(lambda: now)
    for _ in range(FAILURES_MAX):
        assert breaker.admits()
        breaker.failed()
    assert not breaker.admits()
    now = REST_SECONDS
    assert breaker.admits()
    assert not breaker.admits(), "one at a time"
    breaker.left()
    assert breaker.admits(), "who left has told nothing"
    breaker.failed()
    assert not breaker.admits(), "and it rests again"
    now = 2 * REST_SECONDS
    assert breaker.admits()
    breaker.succeeded()
    assert breaker.admits()
    assert breaker.admits()
