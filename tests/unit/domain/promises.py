"""What must hold in every state and over every step (spec 2.2), in one place for all nets."""

from __future__ import annotations

from beheard_hub.domain.mediation.pace import can_advance, shown_status
from beheard_hub.domain.mediation.protocol import GATES, GATES_OF
from beheard_hub.domain.mediation.state import Seat, State
from beheard_hub.domain.mediation.vocabulary import (
    ACTIVE,
    AGREED,
    COMPLETED,
    NO_SHARED_AGREEMENT,
    PAUSED,
    RESOLVED,
    WAITING,
)

APART = {(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (3, 4), (4, 4)}
"""At most one stage apart, except 0 and 2."""


def hold(state: State) -> None:
    """Promises about one state."""
    if state.b is not None:
        first, second = sorted(seat.stage for seat in state.seats)
        assert (first, second) in APART
    for seat in state.seats:
        _gates_have_causes(state, seat)
        _mirrors_agree(state, seat)
        shown = shown_status(state, seat)
        assert shown == state.status or (shown == WAITING and state.status == ACTIVE)
        if can_advance(state, seat):
            assert shown == ACTIVE, "who may step is not told to wait"
    if state.status == RESOLVED and state.outcome != NO_SHARED_AGREEMENT:
        assert any(a.status == AGREED and a.by_a and a.by_b for a in state.agreements.values())


def _gates_have_causes(state: State, seat: Seat) -> None:
    """A gate that is not latched is true only while its cause is there."""
    row, partner = seat.row, state.partner_of(seat.user_id)
    if row.latched:
        assert {gate.key for gate in GATES_OF[row.stage]} == set(row.gates)
        return
    for gate in GATES_OF[row.stage]:
        if gate.cause is not None and not gate.latches and gate.key in row.gates:
            assert gate.cause(state, seat, partner), gate.key


def _mirrors_agree(state: State, seat: Seat) -> None:
    """What I read of the partner equals what the partner's own row says."""
    partner, row = state.partner_of(seat.user_id), seat.row
    if partner is None or row.latched:
        return
    for gate in GATES_OF[row.stage]:
        if gate.mirrors is None or (state.status == PAUSED and gate.key not in row.gates):
            continue
        assert (gate.key in row.gates) == partner.has_gate(gate.stage, gate.mirrors), gate.key
    if row.stage == 2 and seat.feedback_accepted_at is None and "partnerValidated" in row.gates:
        newest = seat.newest_attempt
        assert newest is not None
        assert partner.validations[newest.id].validated, "nobody judges words that were not shown"


def keep(before: State, after: State) -> None:
    """Promises about one step."""
    for old in before.seats:
        new = after.seat(old.user_id)
        assert new is not None
        assert new.stage in (old.stage, old.stage + 1), "stages never go back or jump"
        for stage, row in old.progress.items():
            later = new.progress[stage]
            if row.status == COMPLETED:
                assert later == row, "a completed stage stays as it was left"
            if row.latched:
                assert later.latched
                assert later.gates == row.gates
            if PAUSED == before.status == after.status:
                assert set(later.gates) <= set(row.gates), "no gate turns true in a pause"
            kept = {g.key for g in GATES if g.latches and g.key in row.gates}
            assert kept <= set(later.gates)
        if old.stage < new.stage:
            _left_by_the_rules(before, old)
    if before.status in ("RESOLVED", "ABANDONED"):
        assert after.status == before.status


def _left_by_the_rules(before: State, seat: Seat) -> None:
    assert before.status == ACTIVE
    everything = {gate.key for gate in GATES_OF[seat.stage]}
    assert set(seat.row.gates) == everything
    partner = before.partner_of(seat.user_id)
    assert partner is not None
    if seat.stage in (0, 2, 3):
        assert set(partner.progress[seat.stage].gates) == everything, "joint stages: both"
