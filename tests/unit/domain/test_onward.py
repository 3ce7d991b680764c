"""The time of a turn: a thread reads in the order in which it was told."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from beheard_hub.domain.kernel import TICK, onward
from beheard_hub.domain.limits import CLOCKS_APART_MAX
from beheard_hub.domain.mediation.kind import MEDIATION
from tests.unit.domain.play import START, A, B, Play
from tests.unit.domain.practice.rehearsal import ANNA, Rehearsal

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("told_at", "turn_at"),
    [
        (None, START),
        (START - HOUR, START),
        (START, START + TICK),
        (START + HOUR, START + HOUR + TICK),
        (START + CLOCKS_APART_MAX, START + CLOCKS_APART_MAX + TICK),
        (START + CLOCKS_APART_MAX + TICK, START),
    ],
    ids=["nothing", "earlier", "at once", "later", "as late as may be", "far too late"],
)
def test_a_turn_is_later_than_what_was_told_before(
    told_at: datetime | None, turn_at: datetime
) -> None:
    assert onward(START, told_at) == turn_at


def test_each_user_has_a_time_of_their_own() -> None:
    play = Play().to_stage(1)
    heard = MEDIATION.told_at(play.state, B)
    play.now += HOUR
    play.do(A, "message.send", content="it hurts")
    assert MEDIATION.told_at(play.state, A) == play.now
    assert MEDIATION.told_at(play.state, B) == heard, "it says nothing of the partner's thread"
    assert MEDIATION.told_at(play.state, "eve") is None


def test_what_one_is_told_by_a_turn_of_the_partner_takes_nothing_back() -> None:
    play = Play().to_stage(1)
    play.now += HOUR
    play.do(A, "message.send", content="it hurts")
    said_at, play.now = play.now, play.now - HOUR
    play.do(B, "session.pause")
    assert play.names(A) == ["session.paused"]
    assert MEDIATION.told_at(play.state, A) == said_at
    assert MEDIATION.told_at(play.loaded(), A) == said_at, "nor does a load"


def test_a_practice_goes_on_from_its_newest_message() -> None:
    play = Rehearsal()
    play.send("hello")
    assert play.kind.told_at(play.state, ANNA) == play.now
