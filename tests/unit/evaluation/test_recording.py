"""What is kept of a call: also of one whose reader leaves as soon as the answer is whole."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from beheard_hub.evaluation.recording import Recorder
from beheard_hub.facilitation import Spoken
from beheard_hub.metering import charged_to

from .playing import Scripted, bundle


async def test_what_an_answer_cost_is_known_though_nobody_reads_beyond_it() -> None:
    recorder = Recorder(Scripted())
    with charged_to("user", "session"):
        answer = recorder.reply(bundle("a", 1))
        assert isinstance(answer, AsyncGenerator)
        async with aclosing(answer) as pieces:
            async for piece in pieces:
                if isinstance(piece, Spoken):
                    break
    [call] = recorder.calls
    assert [entry.call for entry in call.used] == ["reply"]
