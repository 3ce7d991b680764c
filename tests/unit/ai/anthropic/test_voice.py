"""The request of a lane: what is stable is cached, prompt and model are the scenario's."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from beheard_hub.ai.anthropic.models import LARGE, manner_of
from beheard_hub.ai.anthropic.transport import Transport, Whole
from beheard_hub.ai.anthropic.voice import AnthropicVoice
from beheard_hub.ai.anthropic.wording import Request
from beheard_hub.domain.practice.protocol import LANES
from beheard_hub.facilitation import Delta, Spoken, Usage
from beheard_hub.practice.scripts import Line, Script, script

SAID = [
    Line(1, "user", "Hello."), Line(2, "partner", "So you came."), Line(3, "coach", "Ask him."),
    Line(4, "user", "Why are you angry?"), Line(5, "partner", "Am I?"),
]  # fmt: skip
CACHED = {"type": "ephemeral"}


class Sent(Transport):
    """Keeps what it is to send."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    async def stream(self, request: Request) -> AsyncIterator[Delta | Whole]:  # type: ignore[override]
        self.requests.append(request)
        yield Delta("Am ")
        yield Whole("Am I?", Usage(input=3, output=2, cached=9))


def asked(lane: str, model: str | None = None) -> Script:
    said = SAID[:4] if lane == "partner" else SAID
    return script(LANES[lane], "Be the uncle.", model, said)


@pytest.mark.parametrize("lane", LANES)
def test_prompt_and_conversation_are_marked_for_the_cache(lane: str) -> None:
    made = AnthropicVoice(Sent()).request(asked(lane))
    [system] = made.body["system"]
    assert system["text"] == f"Call: practice_{lane} v1\n\nBe the uncle."
    assert system["cache_control"] == CACHED
    *earlier, last = made.body["messages"]
    assert [block["cache_control"] for block in last["content"]] == [CACHED]
    assert all(isinstance(turn["content"], str) for turn in earlier)
    assert (last["role"], last["content"][0]["text"]) == ("user", asked(lane).turns[-1].content)


@pytest.mark.parametrize("lane", LANES)
def test_a_row_says_how_long_and_how_free_an_answer_is(lane: str) -> None:
    row, made = LANES[lane], AnthropicVoice(Sent()).request(asked(lane))
    told = manner_of(LARGE).parameters(row.temperature, row.answer_tokens_max)
    assert told.items() <= made.body.items()


@pytest.mark.parametrize(
    ("wish", "model"), [(None, LARGE), ("claude-haiku-5-5", "claude-haiku-5-5")]
)
async def test_the_model_that_spoke_is_said_with_what_it_cost(wish: str | None, model: str) -> None:
    sent = Sent()
    *pieces, spoken = [one async for one in AnthropicVoice(sent).speak(asked("partner", wish))]
    assert pieces == [Delta("Am ")]
    assert isinstance(spoken, Spoken)
    assert (spoken.text, spoken.model) == ("Am I?", model)
    assert spoken.usage == Usage(input=3, output=2, cached=9)
    assert [request.model for request in sent.requests] == [model]


def test_the_words_of_the_coach_are_in_no_request_of_the_partner() -> None:
    assert "Ask him." not in repr(AnthropicVoice(Sent()).request(asked("partner")).body)
    assert "Ask him." in repr(AnthropicVoice(Sent()).request(asked("coach")).body)
