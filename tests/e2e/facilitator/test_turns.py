"""One answer at a time: what comes meanwhile, what stops it, and a host that dies in the middle."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping

import pytest

from beheard_hub.client import Hub
from beheard_hub.testing.messages_api import Fault, Hold, Rule
from beheard_hub.testing.messages_api.recording import Ending, Request

from .conftest import SpokenTown
from .room import Room, room

WAIT_SECONDS_MAX = 60
SHARED = "I sat alone with the lighthouse in my head."


async def held(town: SpokenTown, call: str, words: str, say: Awaitable[str]) -> tuple[Hold, Rule]:
    """The answer to these words stands after its second piece."""
    hold = Hold()
    rule = town.api.script(call, Fault(hold=hold, after_pieces=2), containing=words)
    await say
    await asyncio.wait_for(hold.reached.wait(), WAIT_SECONDS_MAX)
    return hold, rule


async def left(request: Request) -> None:
    """The connection of a request was closed by the hub."""
    await asyncio.wait_for(request.ended.wait(), WAIT_SECONDS_MAX)
    assert request.ending is Ending.LEFT


async def test_what_comes_while_an_answer_streams_is_answered_together_after_it(
    town: SpokenTown,
) -> None:
    async with room(town) as here:
        words = "The first of three things."
        hold, rule = await held(town, "stage1", words, here.say(words))
        meanwhile = [await here.say("The second one."), await here.say("And the third.")]
        assert len(rule.requests) == 1
        hold.release()
        await here.answer(2)
        last = await here.say("One more, later.")
        await here.answer(3)
        assert [request.newest() for request in rule.requests] == [
            [words],
            ["The second one.", "And the third."],
            ["One more, later."],
        ]
        rows = await here.stored()
        assert [row["answers"] for row in rows[2:]] == [meanwhile, [last]]
        assert len(rows) == 4, "an opening and three answers"


async def _pause(here: Room) -> None:
    await here.talk.do(here.a, "session.pause")


async def _withdraw(here: Room) -> None:
    await here.talk.do(here.a, "session.withdraw")


async def _erase(here: Room) -> None:
    await here.a.profile.erase()


STOPS: Mapping[str, Callable[[Room], Awaitable[None]]] = {
    "pause": _pause,
    "withdraw": _withdraw,
    "erase": _erase,
}


@pytest.mark.parametrize("name", STOPS)
async def test_what_stops_a_session_stops_the_request(town: SpokenTown, name: str) -> None:
    async with room(town) as here:
        words = f"Before the {name}."
        _, rule = await held(town, "stage1", words, here.say(words))
        await STOPS[name](here)
        await left(rule.requests[0])
        assert len(rule.requests) == 1
        if name != "erase":
            assert len(await here.stored()) == 1, "nothing but the opening"


async def test_what_was_said_before_a_pause_is_answered_once_after_it(town: SpokenTown) -> None:
    async with room(town) as here:
        words = "This waits for tomorrow."
        _, rule = await held(town, "stage1", words, here.say(words))
        await here.talk.do(here.a, "session.pause")
        await left(rule.requests[0])
        await here.talk.do(here.a, "session.resume")
        said = await here.answer(1)
        assert here.ear_a.shown(said["id"]) == said["content"]
        assert len(await here.stored()) == 2


async def test_an_answer_from_what_is_taken_back_is_stopped_and_begun_anew(
    town: SpokenTown,
) -> None:
    async with room(town, stage=2) as here:
        record, _ = await here.talk.share(await here.talk.noted(), SHARED)
        words = "What might it be like over there?"
        _, rule = await held(town, "stage2", words, here.say(words, here.b))
        assert b"lighthouse" in rule.requests[0].raw, "it is shared while the consent stands"
        await here.talk.do(here.a, "consent.revoke", consentRecordId=record)
        await left(rule.requests[0])
        said = await here.answer(1, here.ear_b)
        assert here.ear_b.shown(said["id"]) == said["content"]
        assert all(b"lighthouse" not in request.raw for request in rule.requests[1:])
        await here.say("And now?", here.b)
        await here.answer(2, here.ear_b)
        assert len(rule.requests) == 3
        assert all(b"lighthouse" not in request.raw for request in rule.requests[1:])
        assert len(await here.stored(here.b)) == 3


async def test_a_host_that_dies_in_the_middle_of_an_answer_loses_and_repeats_nothing(
    town: SpokenTown,
) -> None:
    async with room(town) as here:
        words = "Nobody was there when it went dark."
        hold = Hold()
        rule = town.api.script("stage1", Fault(hold=hold, after_pieces=2), containing=words)
        message_id = await here.say(words)
        await asyncio.wait_for(hold.reached.wait(), WAIT_SECONDS_MAX)
        for pid in town.hub.address()["host_pids"]:
            os.kill(pid, signal.SIGKILL)
        await left(rule.requests[0])
        said = await here.answer(1)
        assert said["content"]
        await asks_nothing_more(here, here.a, rule)  # whoever took over may have been asked, too
        rows = await here.stored()
        assert rows[1]["answers"] == [message_id]
        assert [row["id"] for row in rows[1:]] == [m["id"] for m in here.ear_a.answers(1)[1:]]


async def asks_nothing_more(here: Room, hub: Hub, rule: Rule) -> None:
    """The next message is answered alone, so nothing of the earlier ones waited."""
    await here.say("Something else.", hub)
    await here.answer(2)
    assert rule.requests[-1].newest() == ["Something else."]
