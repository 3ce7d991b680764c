"""Promises of the protocol over all reachable gate states, not over samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from beheard_hub.domain.mediation.pace import can_advance
from beheard_hub.domain.mediation.protocol import GATES, STAGES
from beheard_hub.domain.mediation.state import State
from beheard_hub.domain.mediation.vocabulary import ACTIVE, AGREEMENT, PAUSED, RESOLVED
from tests.unit.domain import promises
from tests.unit.domain.play import Play
from tests.unit.domain.walk import Move, Walk, walk


@pytest.fixture(scope="module")
def walked() -> Walk:
    play = Play()
    play.accept()
    return walk(play.state, _checked)


def _checked(before: State, move: Move, after: State) -> None:
    user, name, data = move
    promises.hold(after)
    promises.keep(before, after)
    if name == "stage.advance":
        _steps_when_allowed(before, user, after, data)


def _steps_when_allowed(before: State, user: str, after: State, data: Mapping[str, Any]) -> None:
    old, new = before.seat(user), after.seat(user)
    assert old is not None
    assert new is not None
    assert (new.stage > old.stage) == can_advance(before, old)


def test_many_states_are_reached(walked: Walk) -> None:
    """A walk that stops early would prove nothing."""
    assert len(walked.states) > 4_000
    stages = {tuple(seat.stage for seat in state.seats) for state in walked.states.values()}
    assert stages == {pair for one, two in promises.APART for pair in ((one, two), (two, one))}


def test_every_gate_is_true_somewhere_and_false_somewhere(walked: Walk) -> None:
    for gate in GATES:
        seen = {
            gate.key in seat.progress[gate.stage].gates
            for state in walked.states.values()
            for seat in state.seats
            if gate.stage in seat.progress
        }
        assert seen == {True, False}, gate.key


def test_every_session_can_still_end_with_an_agreement(walked: Walk) -> None:
    ends = walked.reaching(lambda s: s.status == RESOLVED and s.outcome == AGREEMENT)
    stuck = [
        state
        for key, state in walked.states.items()
        if state.status in (ACTIVE, PAUSED) and key not in ends
    ]
    assert not stuck, f"{len(stuck)} dead ends"


def test_from_every_state_the_last_stage_can_be_reached_by_both(walked: Walk) -> None:
    last = STAGES[-1].number
    ends = walked.reaching(lambda s: all(seat.stage == last for seat in s.seats))
    assert all(key in ends for key, s in walked.states.items() if s.status in (ACTIVE, PAUSED))
