"""What the tables say about one seat now: which gates are true, and whether it may step on."""

from __future__ import annotations

from collections.abc import Sequence

from beheard_hub.domain.mediation.protocol import GATES_OF, LAST_STAGE, STAGES, Pace
from beheard_hub.domain.mediation.state import Progress, Seat, State
from beheard_hub.domain.mediation.vocabulary import ACTIVE, GATE_PENDING, WAITING


def gates_of(seat: Seat, stage: int) -> dict[str, bool]:
    """Every gate of the stage in the order of the table, as the user sees it."""
    row = seat.progress.get(stage)
    true = row.gates if row is not None else {}
    return {gate.key: gate.key in true for gate in GATES_OF[stage]}


def unsatisfied(seat: Seat, *, own: bool | None = None) -> Sequence[str]:
    """Keys of the current stage's gates that are not true; `own` picks own or partner gates."""
    row = seat.row
    true = row.gates
    return [
        gate.key for gate in GATES_OF[row.stage] if gate.key not in true and own in (None, gate.own)
    ]


def can_leave(state: State, seat: Seat) -> bool:
    """Whether the current stage may be left now: by advancing, or by resolving from the last."""
    return state.status == ACTIVE and _may_leave(state, seat, seat.row)


def _may_leave(state: State, seat: Seat, row: Progress) -> bool:
    if not _satisfied(row):
        return False
    if STAGES[row.stage].pace is not Pace.TOGETHER or row.latched:
        return True
    partner = state.partner_of(seat.user_id)
    theirs = partner.row if partner is not None else None
    return theirs is not None and theirs.stage == row.stage and _satisfied(theirs)


def _satisfied(row: Progress) -> bool:
    true = row.gates
    return all(gate.key in true for gate in GATES_OF[row.stage])


def can_advance(state: State, seat: Seat) -> bool:
    """Whether stage.advance to the next stage would succeed now."""
    if state.status != ACTIVE:
        return False
    row = seat.row
    return row.stage < LAST_STAGE and _may_leave(state, seat, row)


def shown_status(state: State, seat: Seat | None) -> str:
    """The session's status as this user sees it: WAITING is derived (spec 2.1)."""
    if seat is None or state.status != ACTIVE:
        return state.status
    waits = seat.row.status == GATE_PENDING and not can_leave(state, seat)
    return WAITING if waits else ACTIVE


def is_my_turn(state: State, seat: Seat) -> bool:
    """Something is in this user's hands: an own gate, or the next step (spec 2.4)."""
    if state.status != ACTIVE:
        return False
    return bool(unsatisfied(seat, own=True)) or can_leave(state, seat)


def waits_for_partner(state: State, seat: Seat) -> bool:
    """The own part of the stage is done (spec 2.4)."""
    return state.status == ACTIVE and seat.row.status == GATE_PENDING
