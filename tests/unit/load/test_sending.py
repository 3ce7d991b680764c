"""Commands at a rate and by turns, against pairs that answer as they are told."""

from __future__ import annotations

import asyncio
from typing import cast

import msgspec
import pytest

from beheard_hub.load.pairs import Frame, How, Pair, Then
from beheard_hub.load.phases import Overloaded
from beheard_hub.load.sending import (
    FILL_SECONDS,
    FILL_SHARE_MAX,
    LOST,
    Answer,
    Phase,
    at_rate,
    by_turns,
    joined,
)

ACK, REFUSED = Frame("ack"), Frame("error", code="RATE_LIMITED", retry_after_ms=10)


class Obedient:
    """A pair that answers with `answers` in turn, after a turn of the loop."""

    def __init__(self, *answers: Frame | None) -> None:
        self.answers, self.asked = answers, 0

    def send(self, how: How, then: Then) -> None:
        answer = self.answers[self.asked % len(self.answers)]
        self.asked += 1
        asyncio.get_running_loop().call_soon(then, answer)


class Everybody:
    """Senders; whoever was cut off is back at once."""

    def __init__(self, *pairs: Obedient) -> None:
        self.pairs = [cast("Pair", pair) for pair in pairs]
        self.brought_back: list[int] = []

    def mended(self, number: int) -> asyncio.Task[None]:
        self.brought_back.append(number)
        return asyncio.create_task(asyncio.sleep(0))


async def test_a_rate_is_spread_over_the_pairs_and_every_answer_counted() -> None:
    pairs = [Obedient(ACK), Obedient(ACK, REFUSED), Obedient(ACK, None)]
    everybody = Everybody(*pairs)
    phase = await at_rate(everybody, "a rate", 3_000, 0.1)
    assert [pair.asked for pair in pairs] == [100, 100, 100]
    assert len(phase.answers) == 200
    assert phase.failures == {"RATE_LIMITED": 50, LOST: 50}
    assert set(everybody.brought_back) == {2}


async def test_a_pair_sends_as_many_together_as_it_is_told() -> None:
    pairs = [Obedient(ACK), Obedient(ACK)]
    phase = await at_rate(Everybody(*pairs), "in eights", 1_000, 0.04, together=8)
    assert [pair.asked for pair in pairs] == [24, 16]
    assert len(phase.answers) == 40


async def test_by_turns_each_lane_waits_for_its_answer_and_goes_on_after_a_loss() -> None:
    pairs = [Obedient(ACK), Obedient(None, ACK), Obedient(REFUSED, ACK)]
    phase = await by_turns(Everybody(*pairs), "by turns", 1.0, think_seconds=0.01, lanes=2)
    assert len(phase.answers) + sum(phase.failures.values()) == sum(pair.asked for pair in pairs)
    assert all(pair.asked > 2 for pair in pairs)
    assert set(phase.failures) == {"RATE_LIMITED", LOST}


async def test_by_turns_some_pairs_may_be_left_out() -> None:
    pairs = [Obedient(ACK), Obedient(ACK)]
    await by_turns(Everybody(*pairs), "some", 0.3, think_seconds=0.005, among=1)
    assert pairs[0].asked
    assert not pairs[1].asked


def test_goodput_is_what_was_counted_and_the_rate_where_nothing_was() -> None:
    answers = [Answer(at, 0.5) for at in (1.0, 2.0, 3.0, 4.0, 5.0)]
    phase = Phase(
        name="p", seconds=5.0, answers=answers, offered=2.0, sent_seconds=4.0, counted=2,
        counted_seconds=1.0, failures={LOST: 2},
    )  # fmt: skip
    assert (phase.rate, phase.goodput) == (1.0, 2.0)
    both = joined([phase, phase])
    assert (both.seconds, both.sent_seconds, both.offered, both.goodput) == (10.0, 8.0, 2.0, 2.0)
    assert (both.answers[5].at, both.failures) == (6.0, {LOST: 4})
    plain = msgspec.structs.replace(phase, counted=0, counted_seconds=0.0)
    assert plain.goodput == plain.rate


async def test_what_is_answered_in_the_beginning_or_when_no_more_is_sent_does_not_count() -> None:
    phase = await at_rate(Everybody(Obedient(ACK)), "p", 200, 1.0)
    filled = min(FILL_SECONDS, phase.sent_seconds * FILL_SHARE_MAX)
    after = [a.at for a in phase.answers if a.at > filled]
    assert phase.counted == sum(at <= phase.sent_seconds for at in after)
    assert 0 < phase.counted < len(phase.answers)
    assert phase.counted_seconds == pytest.approx(phase.sent_seconds - filled)


def test_a_round_beyond_the_peak_is_compared_with_the_peaks_around_it() -> None:
    def phase(rate: int) -> Phase:
        return Phase(name="p", seconds=1.0, answers=[Answer(0.5, 0.1)] * rate)

    found = Overloaded([phase(8), phase(12), phase(20)], [phase(9), phase(8)])
    assert found.goodput == pytest.approx(0.7)
    assert Overloaded([phase(0), phase(0)], [phase(1)]).goodput == 0.0
