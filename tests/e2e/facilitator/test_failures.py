"""Every way in which the provider can fail: what the user sees, and what is stored."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from beheard_hub.testing.messages_api import FAULTS
from beheard_hub.testing.messages_api.answers import answer
from beheard_hub.testing.messages_api.faults import Fault, Rule
from tests.e2e.rest_phone import Refusal

from .conftest import SpokenTown
from .room import Room, room

CALL = "stage1"
ATTEMPTS = 3
STRUCTURED = ("no_json", "wrong_shape", "half_json")
"""Of calls with a schema: in prose they are a text like any other."""
DECLINED = ("refusal", "refusal_during_text")
"""The same would be declined again: not tried again by itself."""
PASSING = sorted(FAULTS.keys() - {*STRUCTURED, *DECLINED})


async def assert_answered_once(here: Room, message_id: str, rule: Rule) -> None:
    """One answer beside the opening: whole, as the last request was answered, and as shown."""
    said = await here.answer(1)
    opening, stored = await here.stored()
    assert stored["answers"] == [message_id]
    assert stored["content"] == said["content"] == answer(rule.requests[-1])
    assert here.ear_a.shown(said["id"]) == said["content"]
    assert [m["id"] for m in here.ear_a.answers(1)] == [opening["id"], stored["id"]]


def may_show_text(fault: Fault) -> bool:
    """Whether text can reach the user before it is noticed that it is no answer; what came in one
    read with its end does not."""
    broken_at_once = fault.breaks is not None and fault.after_pieces == 0
    return fault.status == 200 and fault.text != "" and not broken_at_once


def said_before(name: str) -> str:
    """Words that are in no other test."""
    return f"This happened with {name.replace('_', ' ')} at home."


@pytest.mark.parametrize("name", PASSING)
async def test_a_fault_that_passes_is_mended_unseen(town: SpokenTown, name: str) -> None:
    async with room(town) as here:
        words = said_before(name)
        rule = town.api.script(CALL, FAULTS[name], containing=words)
        message_id = await here.say(words)
        await assert_answered_once(here, message_id, rule)
        assert len(rule.requests) == 2
        assert here.ear_a.events("message.failed") == []
        said = here.ear_a.answers(1)[1]["id"]
        resets = [delta for delta in here.ear_a.deltas(said) if delta.reset]
        assert len(resets) <= may_show_text(FAULTS[name])


@pytest.mark.parametrize("name", PASSING)
async def test_a_fault_that_stays_is_told_and_the_user_may_ask_again(
    town: SpokenTown, name: str
) -> None:
    async with room(town) as here:
        words = said_before(name)
        rule = town.api.script(CALL, FAULTS[name], containing=words, forever=True)
        message_id = await here.say(words)
        await assert_told(here, {"retryable": True})
        assert 1 < len(rule.requests) <= ATTEMPTS
        rule.stop()
        await here.talk.do(here.a, "message.retry")
        await assert_answered_once(here, message_id, rule)


@pytest.mark.parametrize("name", DECLINED)
async def test_what_is_declined_is_not_asked_again_by_itself(town: SpokenTown, name: str) -> None:
    async with room(town) as here:
        words = said_before(name)
        rule = town.api.script(CALL, FAULTS[name], containing=words)
        message_id = await here.say(words)
        await assert_told(here, {"retryable": False})
        assert len(rule.requests) == 1
        await here.talk.do(here.a, "message.retry")
        await assert_answered_once(here, message_id, rule)


async def assert_told(here: Room, failed: Mapping[str, object]) -> None:
    """The failure is an event, and nothing of an answer is shown as said, or stored."""
    [event] = await here.ear_a.until("message.failed", lambda: here.ear_a.events("message.failed"))
    assert event.data == failed
    assert len(here.ear_a.answers(1)) == len(await here.stored()) == 1


# ---- calls with a schema


@pytest.mark.parametrize("name", STRUCTURED)
async def test_a_structured_answer_that_fits_the_second_time(town: SpokenTown, name: str) -> None:
    async with room(town, stage=3) as here:
        rule = town.api.script("synthesis", FAULTS[name], containing="that dinner")
        needs = (await here.talk.do(here.a, "needs.list"))["needs"]
        assert len(needs) > 1
        assert len(rule.requests) == 2
        quotes = [quote for need in needs for quote in need["evidence"]]
        said = " ".join(words["text"] for words in rule.requests[0].data("words"))
        assert quotes
        assert all(quote in said for quote in quotes)


@pytest.mark.parametrize("name", ["no_json", "wrong_shape", "overloaded", "cut_during_text"])
async def test_a_synthesis_that_fails_is_refused_and_works_later(
    town: SpokenTown, name: str
) -> None:
    async with room(town, stage=3) as here:
        rule = town.api.script("synthesis", FAULTS[name], containing="that dinner", forever=True)
        assert_may_be_tried_again(await here.refused("needs.list"))
        assert 1 < len(rule.requests) <= ATTEMPTS
        rule.stop()
        assert len((await here.talk.do(here.a, "needs.list"))["needs"]) > 1
        told = await here.ear_a.until(
            "needs.synthesized", lambda: here.ear_a.events("needs.synthesized")
        )
        assert len(told) == 1


async def test_a_preview_that_fails_is_refused_and_nothing_is_asked(town: SpokenTown) -> None:
    async with room(town, stage=2) as here:
        event_id = await here.talk.noted()
        asked = {"contentType": "EVENT_SUMMARY", "originalContentId": event_id}
        rule = town.api.script("transform", FAULTS["server_error"], forever=True)
        try:
            assert_may_be_tried_again(await here.refused("consent.request", **asked))
        finally:
            rule.stop()
        assert (await here.talk.do(here.a, "consent.pending"))["pendingRequests"] == []
        request = (await here.talk.do(here.a, "consent.request", **asked))["consentRequest"]
        assert request["transformedPreview"].startswith("I sat alone")


def assert_may_be_tried_again(refusal: Refusal) -> None:
    """The code that asks for the same command again."""
    assert refusal.error["code"] == "SERVICE_UNAVAILABLE"
    assert refusal.status == 503
