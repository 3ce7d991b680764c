"""Deltas: in pieces of at most one per 40 ms, whole in the end, thrown away only when shown."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beheard_hub.facilitation import Delta, FacilitatorFailed, Spoken
from beheard_hub.reactions.streaming import (
    DELTAS_PER_SECOND_MAX,
    SECONDS_MIN,
    TEXT_CHARS_MAX,
    Rhythm,
    speak,
)
from tests.unit.reactions.fakes import FakeClock

Script = Sequence[tuple[float, Delta | Spoken]]
Sent = list[tuple[float, int, str, bool]]


async def run(pieces: Script) -> tuple[Spoken, Sent]:
    """Plays pieces with a wait in seconds before each, and records what left when. What comes
    without a wait comes in one with what was before it."""
    clock = FakeClock()
    sent: Sent = []

    async def stream() -> AsyncIterator[Delta | Spoken]:
        for wait, piece in pieces:
            if wait:
                await asyncio.sleep(0)
            clock.seconds += wait
            yield piece

    def emit(index: int, text: str, reset: bool) -> None:
        sent.append((clock.mono(), index, text, reset))

    return await speak(stream(), emit, clock, clock.sleep, 20.0, Rhythm()), sent


def done(text: str = "text") -> Spoken:
    return Spoken(text=text, prompt_version="v")


async def test_pieces_that_come_in_one_leave_in_one() -> None:
    _, sent = await run([(0, Delta("a")), (0, Delta("b")), (1, Delta("c")), (0, done("abc"))])
    assert [(index, text) for _, index, text, _ in sent] == [(0, "ab"), (1, "c")]


async def test_pieces_that_follow_soon_leave_together() -> None:
    soon = 0.01
    pieces: Script = [(0, Delta("a")), (soon, Delta("b")), (soon, Delta("c")), (0, done("abc"))]
    spoken, sent = await run(pieces)
    assert spoken.text == "abc"
    assert [(index, text) for _, index, text, _ in sent] == [(0, "a"), (1, "bc")]
    assert sent[1][0] - sent[0][0] == pytest.approx(0.04)


async def test_slow_pieces_leave_as_they_come() -> None:
    _, sent = await run([(1, Delta("a")), (1, Delta("b")), (1, done("ab"))])
    assert [text for _, _, text, _ in sent] == ["a", "b"]


async def test_a_reset_throws_away_what_was_shown_and_what_waits() -> None:
    _, sent = await run(
        [(0, Delta("a")), (0.01, Delta("lost")), (0.01, Delta("b", reset=True)), (1, done("b"))]
    )
    assert [(index, text, reset) for _, index, text, reset in sent] == [
        (0, "a", False),
        (0, "", True),
        (1, "b", False),
    ]


async def test_a_reset_of_nothing_is_not_passed_on() -> None:
    _, sent = await run([(0, Delta("b", reset=True)), (0, done("b"))])
    assert [(index, text, reset) for _, index, text, reset in sent] == [(0, "b", False)]


@given(st.lists(st.tuples(st.floats(0, 0.2), st.text(max_size=5), st.booleans()), max_size=30))
async def test_paced_and_whole_for_any_stream(parts: list[tuple[float, str, bool]]) -> None:
    whole = ""
    for _, text, reset in parts:
        whole = text if reset else whole + text
    script: list[tuple[float, Delta | Spoken]] = [(w, Delta(t, reset=r)) for w, t, r in parts]
    _, sent = await run([*script, (0.0, done())])
    shown = ""
    for _, _, text, reset in sent:
        shown = text if reset else shown + text
    assert shown == whole
    texts = [when for when, _, text, _ in sent if text]
    assert all(b - a >= 0.04 - 1e-9 for a, b in itertools.pairwise(texts))
    assert all(text or reset for _, _, text, reset in sent)


@pytest.mark.parametrize("text", ["", "  \n", "x" * (TEXT_CHARS_MAX + 1), "a\0b"])
async def test_what_cannot_be_stored_is_a_failure(text: str) -> None:
    with pytest.raises(FacilitatorFailed):
        await run([(0, done(text))])


async def test_a_stream_without_an_end_is_a_failure() -> None:
    with pytest.raises(FacilitatorFailed):
        await run([(0, Delta("half a sen"))])


class RunningClock(FakeClock):
    """Time goes by."""

    def mono(self) -> float:
        return time.monotonic()


class Patient:
    """A stream that says `first`, then nothing until the end of time."""

    def __init__(self, *first: Delta) -> None:
        self.first = list(first)
        self.closed = False
        self.asked = asyncio.Event()

    def __aiter__(self) -> Patient:
        return self

    async def __anext__(self) -> Delta | Spoken:
        await asyncio.sleep(0)
        if self.first:
            return self.first.pop(0)
        self.asked.set()
        await asyncio.Event().wait()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed = True


async def test_the_first_word_is_not_waited_for_for_ever() -> None:
    clock, stream = FakeClock(), Patient()
    with pytest.raises(TimeoutError):
        await speak(stream, lambda *_: None, clock, clock.sleep, 0.001, Rhythm())
    assert stream.closed


async def test_after_the_first_word_only_the_caller_ends_it() -> None:
    clock, stream = FakeClock(), Patient(Delta("a"))
    task = asyncio.create_task(speak(stream, lambda *_: None, clock, clock.sleep, 0.001, Rhythm()))
    await stream.asked.wait()
    done_early, _ = await asyncio.wait({task}, timeout=0.02)
    assert not done_early
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stream.closed


async def test_an_answer_that_grows_too_long_is_not_listened_to_any_more() -> None:
    clock, stream = FakeClock(), Patient(Delta("x" * TEXT_CHARS_MAX), Delta("x"))
    with pytest.raises(FacilitatorFailed):
        await speak(stream, lambda *_: None, clock, clock.sleep, 20.0, Rhythm())
    assert stream.closed
    again = [(0, Delta("x" * TEXT_CHARS_MAX, reset=True)) for _ in range(3)]
    assert (await run([*again, (0, done())]))[0].text == "text"


async def test_a_piece_does_not_wait_for_the_next_one() -> None:
    """The model may think for seconds after a word that came too soon to be sent."""
    clock, stream = RunningClock(), Patient(Delta("a"), Delta("b"))
    sent: list[str] = []
    both = asyncio.Event()

    def emit(_index: int, text: str, _reset: bool) -> None:
        sent.append(text)
        if len(sent) == 2:
            both.set()

    task = asyncio.create_task(speak(stream, emit, clock, asyncio.sleep, 20.0, Rhythm()))
    async with asyncio.timeout(10):
        await both.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert sent == ["a", "b"]


def test_many_answers_in_one_host_take_longer_strides() -> None:
    rhythm = Rhythm()
    with contextlib.ExitStack() as answers:
        assert rhythm.seconds == SECONDS_MIN
        for _ in range(DELTAS_PER_SECOND_MAX):
            answers.enter_context(rhythm.running())
        assert rhythm.seconds == 1.0
    assert rhythm.seconds == SECONDS_MIN
