"""The stand-in of the Messages API, as the official SDK sees it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx2
import msgspec
import pytest
from anthropic import AsyncAnthropic

from beheard_hub.testing.messages_api import FAULTS, Break, Fault, Hold, MessagesApi, served
from beheard_hub.testing.messages_api.recording import Ending

MODEL = "claude-sonnet-5"
WAIT_SECONDS_MAX = 30
SYSTEM: list[Any] = [
    {
        "type": "text",
        "text": "Call: stage1 v3\nYou listen. " + "And listen. " * 20,
        "cache_control": {"type": "ephemeral"},
    }
]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "needs": {"type": "array", "items": {"$ref": "#/$defs/Need"}},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "mood": {"enum": ["calm", "tense"]},
    },
    "required": ["needs", "note", "mood"],
    "$defs": {
        "Need": {
            "type": "object",
            "properties": {
                "need": {"type": "string"},
                "evidence": {"type": "array", "items": {"type": "string"}},
                "confidence": {"type": "number"},
            },
        }
    },
}

PREFILLED = [{"role": "user", "content": "Go on."}, {"role": "assistant", "content": "I"}]

pytestmark = pytest.mark.asyncio


class Desk:
    """The stand-in, and an SDK's client that asks it."""

    def __init__(self, api: MessagesApi, client: AsyncAnthropic) -> None:
        self.api, self.client = api, client
        self.shown: list[str] = []
        """Pieces of the last answer."""

    def asked(self, *words: str, **more: Any) -> dict[str, Any]:
        """Arguments of a request with these words of the user."""
        texts = [f'<data kind="words">{json.dumps({"text": word})}</data>' for word in words]
        return {
            "model": MODEL,
            "max_tokens": 500,
            "system": SYSTEM,
            "messages": [{"role": "user", "content": "\n".join(texts) or "-"}],
            **more,
        }

    async def heard(self, **asked: Any) -> Any:
        """Streams an answer; the message that the SDK makes of its pieces."""
        self.shown.clear()
        async with self.client.messages.stream(**asked) as stream:
            async for piece in stream.text_stream:
                self.shown.append(piece)
            return await stream.get_final_message()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    api = MessagesApi()
    async with (
        served(api) as url,
        AsyncAnthropic(api_key="k", base_url=url, max_retries=0) as client,
    ):
        yield Desk(api, client)


async def test_a_streamed_answer_comes_in_pieces_and_is_whole(desk: Desk) -> None:
    message = await desk.heard(**desk.asked("I miss the long evenings."))
    assert len(desk.shown) > 3
    assert "".join(desk.shown) == message.content[0].text
    assert "I miss the long evenings." in message.content[0].text
    assert (message.stop_reason, message.model) == ("end_turn", MODEL)
    assert message.usage.output_tokens > 1


async def test_the_events_come_in_the_order_of_the_real_api(desk: Desk) -> None:
    stream = await desk.client.messages.create(**desk.asked("Hello."), stream=True)
    names = [event.type async for event in stream]
    assert names[:2] == ["message_start", "content_block_start"]
    assert set(names[2:-3]) == {"content_block_delta"}
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]


async def test_the_same_question_without_a_stream_is_answered_alike(desk: Desk) -> None:
    message = await desk.client.messages.create(**desk.asked("Hello."))
    streamed = await desk.heard(**desk.asked("Hello."))
    assert message.content[0].text == streamed.content[0].text


async def test_the_stable_prefix_is_cached_the_second_time(desk: Desk) -> None:
    first = (await desk.heard(**desk.asked("One."))).usage
    second = (await desk.heard(**desk.asked("Two."))).usage
    assert first.cache_creation_input_tokens == second.cache_read_input_tokens > 0
    assert first.cache_read_input_tokens == second.cache_creation_input_tokens == 0


async def test_tokens_are_counted(desk: Desk) -> None:
    asked = desk.asked("One.")
    del asked["max_tokens"]
    few = await desk.client.messages.count_tokens(**asked)
    asked["messages"][0]["content"] *= 9
    assert (await desk.client.messages.count_tokens(**asked)).input_tokens > few.input_tokens > 0
    assert not desk.api.requests


async def test_a_request_is_recorded_as_it_came(desk: Desk) -> None:
    await desk.heard(**desk.asked("I said <stop> & \u201cgo\u201d."))
    [request] = desk.api.requests
    await asyncio.wait_for(request.ended.wait(), WAIT_SECONDS_MAX)
    assert json.loads(request.raw) == request.body
    assert request.call == "stage1"
    assert request.newest() == ["I said <stop> & \u201cgo\u201d."]
    assert request.ending is Ending.ANSWERED
    assert request.pieces > 3


async def test_an_answer_with_a_schema_fits_it(desk: Desk) -> None:
    system = "Call: synthesis v1\nFind needs."
    quote = "I need to be close to somebody."
    output = {"format": {"type": "json_schema", "schema": SCHEMA}}
    message = await desk.client.messages.create(
        **desk.asked(f"It rained. {quote}", system=system, output_config=output)
    )
    found = json.loads(message.content[0].text)
    assert [need["evidence"] for need in found["needs"]] == [[quote]]
    assert set(found["needs"][0]) == {"need", "evidence", "confidence"}
    assert (found["note"], found["mood"]) == (None, "calm")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"messages": [{"role": "assistant", "content": "x"}]}, anthropic.BadRequestError),
        ({"messages": [{"role": "user", "content": " "}]}, anthropic.BadRequestError),
        ({"messages": PREFILLED}, anthropic.BadRequestError),
        ({"extra_headers": {"Authorization": anthropic.Omit()}}, anthropic.AuthenticationError),
    ],
)
async def test_a_wrong_request_is_refused(
    desk: Desk, change: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await desk.client.messages.create(**desk.asked("Hello.", **change))
    assert not desk.api.requests


async def test_another_path_is_not_there(desk: Desk) -> None:
    with pytest.raises(anthropic.NotFoundError):
        await desk.client.models.list()


# ---- faults

STATUS = {
    "rate_limited": anthropic.RateLimitError,
    "server_error": anthropic.InternalServerError,
    "overloaded": anthropic.InternalServerError,
}


@pytest.mark.parametrize(("name", "error"), STATUS.items())
async def test_an_error_instead_of_an_answer(
    desk: Desk, name: str, error: type[anthropic.APIStatusError]
) -> None:
    desk.api.script("*", FAULTS[name])
    with pytest.raises(error) as failure:
        await desk.heard(**desk.asked("Hello."))
    assert failure.value.status_code == FAULTS[name].status
    assert failure.value.request_id
    assert (failure.value.response.headers.get("retry-after") is not None) is (
        name == "rate_limited"
    )


@pytest.mark.parametrize(("name", "shown"), [("before", 0), ("during", 2), ("after", None)])
async def test_an_error_event_in_the_stream(desk: Desk, name: str, shown: int | None) -> None:
    desk.api.script("stage1", FAULTS[f"error_{name}_text"])
    with pytest.raises(anthropic.APIStatusError) as failure:
        await desk.heard(**desk.asked("Hello."))
    assert failure.value.body["error"]["type"] == "overloaded_error"  # type: ignore[index]
    assert len(desk.shown) == (shown if shown is not None else desk.api.requests[0].pieces)
    await asyncio.wait_for(desk.api.requests[0].ended.wait(), WAIT_SECONDS_MAX)
    assert desk.api.requests[0].ending is Ending.BROKEN


@pytest.mark.parametrize(("name", "shown"), [("before", 0), ("during", 2)])
async def test_a_connection_that_is_cut(desk: Desk, name: str, shown: int) -> None:
    desk.api.script("stage1", FAULTS[f"cut_{name}_text"])
    with pytest.raises(httpx2.RemoteProtocolError):
        await desk.heard(**desk.asked("Hello."))
    assert len(desk.shown) == shown


async def test_an_event_whose_data_is_no_json(desk: Desk) -> None:
    desk.api.script("stage1", FAULTS["broken_json_during_text"])
    with pytest.raises(ValueError, match="line 1 column"):
        await desk.heard(**desk.asked("Hello."))


@pytest.mark.parametrize("name", ["stall_before_text", "stall_during_text", "stall_after_text"])
async def test_a_stall_ends_when_the_asker_leaves(desk: Desk, name: str) -> None:
    hold = Hold()
    desk.api.script("stage1", msgspec.structs.replace(FAULTS[name], hold=hold))
    hearing = asyncio.create_task(desk.heard(**desk.asked("Hello.")))
    await asyncio.wait_for(hold.reached.wait(), WAIT_SECONDS_MAX)
    hold.release()
    hearing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hearing
    await asyncio.wait_for(desk.api.requests[0].ended.wait(), WAIT_SECONDS_MAX)
    assert desk.api.requests[0].ending is Ending.LEFT


@pytest.mark.parametrize("name", ["empty", "blank", "refusal", "max_tokens", "wrong_shape"])
async def test_an_answer_that_is_told(desk: Desk, name: str) -> None:
    fault = FAULTS[name]
    desk.api.script("stage1", fault)
    message = await desk.heard(**desk.asked("Hello."))
    text = "".join(block.text for block in message.content)
    assert message.stop_reason == fault.stop_reason
    assert fault.text is None or text == fault.text


async def test_a_cut_body_of_an_answer_at_once(desk: Desk) -> None:
    desk.api.script("stage1", Fault(breaks=Break.CUT))
    with pytest.raises(anthropic.APIConnectionError):
        await desk.client.messages.create(**desk.asked("Hello."))


async def test_a_rule_means_its_call_and_its_words_and_goes_attempt_by_attempt(desk: Desk) -> None:
    rule = desk.api.script("stage*", None, FAULTS["overloaded"], containing="mine")
    await desk.heard(**desk.asked("other words"))
    await desk.heard(**desk.asked("words of mine"))
    with pytest.raises(anthropic.InternalServerError):
        await desk.heard(**desk.asked("words of mine"))
    await desk.heard(**desk.asked("words of mine"))
    assert len(rule.requests) == 3


async def test_an_answer_is_held_until_it_is_released(desk: Desk) -> None:
    hold = Hold()
    desk.api.script("stage1", Fault(hold=hold, after_pieces=2))
    hearing = asyncio.create_task(desk.heard(**desk.asked("Hello.")))
    await asyncio.wait_for(hold.reached.wait(), WAIT_SECONDS_MAX)
    assert desk.api.requests[0].pieces == 2
    assert desk.api.requests[0].ending is None
    hold.release()
    await asyncio.wait_for(hearing, WAIT_SECONDS_MAX)
    await asyncio.wait_for(desk.api.requests[0].ended.wait(), WAIT_SECONDS_MAX)
    assert desk.api.requests[0].ending is Ending.ANSWERED
