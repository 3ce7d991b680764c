"""The interpreter of the tables: one turn from command to decision.

A turn goes through five steps, always the same:

1. *elapse*: what time has done by itself;
2. *admit*: the command's row says who may, in which status, stage and phase;
3. *handle*: the handler changes facts (ids, flags, times) and writes rows of content;
4. *settle*: gates, statuses and latches of both seats are derived anew from the facts, by the gate
   table; whatever differs from before becomes rows and ``progress.changed``. No handler does this,
   so no path can forget it;
5. *order*: content events first, then progress, then what the partner is told (spec 2.4).

No gate and no stage is named here; a test greps for them. A refusal leaves nothing behind except
what step 1 found, and what the `assert`s guard are mistakes of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from beheard_hub.domain.kernel import (
    Answer,
    Command,
    Decision,
    Ids,
    Json,
    Notice,
    Read,
    Reply,
    Work,
    Worked,
)
from beheard_hub.domain.limits import ACTIVITY_INTERVAL, ACTIVITY_INTERVAL_READS
from beheard_hub.domain.mediation.elapse import elapse
from beheard_hub.domain.mediation.pace import can_advance, can_leave, gates_of, unsatisfied
from beheard_hub.domain.mediation.protocol import (
    COMMANDS,
    GATES_OF,
    INTERNAL,
    LAST_STAGE,
    STAGES,
    Gate,
    Pace,
    Row,
)
from beheard_hub.domain.mediation.state import Progress, Seat, State
from beheard_hub.domain.mediation.turn import Handler, Outcome, Turn, WorkHandler, no
from beheard_hub.domain.mediation.vocabulary import (
    ACTIVE,
    COMPANY,
    COMPLETED,
    FINAL,
    GATE_PENDING,
    IN_PROGRESS,
    PAUSED,
)
from beheard_hub.domain.refusals import Code, Refusal

WORKED = "internal.worked"
STILL = frozenset({PAUSED, *FINAL})
"""Statuses in which no gate turns true."""


class Handlers(msgspec.Struct, frozen=True):
    """What each command does: by its name, and by the kind of work whose result came back."""

    commands: Mapping[str, Handler]
    worked: Mapping[str, WorkHandler]


def decide(
    state: State, command: Command, now: datetime, ids: Ids, handlers: Handlers
) -> Decision[State]:
    """One turn of a session."""
    work: Worked | None = command.data if command.name == WORKED else None
    turn = Turn(state, work.command if work is not None else command, now, ids)
    elapse(turn)
    outcome: Outcome = _admitted(turn)
    if outcome is None:
        mark = len(turn.rows)
        if work is None:
            outcome = handlers.commands[turn.command.name](turn)
        else:
            outcome = handlers.worked[work.work.kind](turn, work.work, work.result)
        assert not isinstance(outcome, Refusal) or len(turn.rows) == mark, "refused, yet changed"
    _note_activity(turn, outcome)
    progress = settle(turn)
    return _decision(turn, outcome, progress)


# ---- admission


def _admitted(turn: Turn) -> Refusal | None:
    """Why the command's row does not allow it now, or None."""
    if turn.command.name in INTERNAL:
        return None
    row = COMMANDS[turn.command.name]
    seat = turn.state.seat(turn.user)
    if seat is None:
        return None if row.anyone else no(Code.NOT_FOUND)
    if seat.erased:
        return no(Code.NOT_FOUND)
    if turn.state.status not in row.statuses:
        return no(Code.SESSION_NOT_ACTIVE, status=turn.state.status)
    return _in_place(row, turn.state, seat)


def _in_place(row: Row, state: State, seat: Seat) -> Refusal | None:
    if row.stages is not None and seat.stage not in row.stages:
        needed = ", ".join(str(stage) for stage in sorted(row.stages))
        return no(Code.INVALID_STAGE, yours=str(seat.stage), needed=needed)
    if row.phases is not None and state.phase not in row.phases:
        return no(Code.CONFLICT, phase=state.phase)
    return None


def _note_activity(turn: Turn, outcome: Outcome) -> None:
    """lastActivityAt, at most once a minute; a read counts too, at most once a day."""
    row = COMMANDS.get(turn.command.name)
    state = turn.state
    if row is None or isinstance(outcome, Refusal) or state.status in FINAL:
        return
    if state.seat(turn.user) is None or state.active_at is None:
        return
    interval = ACTIVITY_INTERVAL_READS if row.reads else ACTIVITY_INTERVAL
    if turn.now >= state.active_at + interval:
        state.active_at = turn.now
        turn.session(lastActivityAt=turn.now)


# ---- gates, statuses, latches


def settle(turn: Turn) -> list[Notice]:
    """Derives both seats' gates and statuses from the facts; the difference is stored and told."""
    seats = turn.state.seats
    for own in (True, False):  # partner gates mirror own ones: those first
        for seat in seats:
            _derive_gates(turn, seat, own)
    for seat in seats:
        _derive_status(turn.state, seat)
    return [notice for seat in seats for notice in _difference(turn, seat)]


def _derive_gates(turn: Turn, seat: Seat, own: bool) -> None:
    row = seat.row
    if row.status == COMPLETED or row.latched:
        return
    rising = turn.state.status not in STILL
    gates = row.gates
    for gate in GATES_OF[row.stage]:
        if gate.own is not own:
            continue
        true, was = _holds(turn, seat, gate), gate.key in gates
        if true and not was and rising:
            gates = {**gates, gate.key: turn.now}
        elif was and not true and not gate.latches:
            gates = {key: at for key, at in gates.items() if key != gate.key}
    if gates is not row.gates:
        seat.progress[row.stage] = msgspec.structs.replace(row, gates=gates)


def _holds(turn: Turn, seat: Seat, gate: Gate) -> bool:
    """Whether the cause of a gate is there, by the gate's row."""
    partner = turn.state.partner_of(seat.user_id)
    if gate.said:
        before = seat.has_gate(gate.stage, gate.key)
        return turn.said.get((seat.user_id, gate.key), before)
    if gate.mirrors is not None:
        return partner is not None and partner.has_gate(gate.stage, gate.mirrors)
    assert gate.cause is not None, "a gate has a cause, mirrors or is said"
    return gate.cause(turn.state, seat, partner)


def _derive_status(state: State, seat: Seat) -> None:
    row = seat.row
    if unsatisfied(seat, own=True):
        status = IN_PROGRESS
    elif state.status in STILL or can_leave(state, seat):
        status = row.status
    else:
        status = GATE_PENDING
    if status != row.status:
        seat.progress[row.stage] = msgspec.structs.replace(row, status=status)


def _difference(turn: Turn, seat: Seat) -> list[Notice]:
    """Rows for every stage row that changed; a notice if what the user sees of it changed."""
    old = turn.before.seat(seat.user_id)
    for stage, row in seat.progress.items():
        was = old.progress.get(stage) if old is not None else None
        if row is not was and (changes := _changes(was, row)):
            turn.update("StageProgress", {"id": row.id}, **changes)
    if old is not None and _same_basis(turn, seat, old):
        return []
    shown = _shown(turn.state, seat)
    if old is not None and shown == _shown(turn.before, old):
        return []
    return [Notice(seat.user_id, "progress.changed", shown)]


def _same_basis(turn: Turn, seat: Seat, old: Seat) -> bool:
    """Nothing that `_shown` looks at was touched: rows are replaced when they change."""
    partner, earlier = turn.state.partner_of(seat.user_id), turn.before.partner_of(seat.user_id)
    return (
        turn.state.status == turn.before.status
        and seat.row is old.row
        and partner is not None
        and earlier is not None
        and partner.row is earlier.row
    )


def _changes(was: Progress | None, row: Progress) -> dict[str, Json]:
    """Columns that differ; a row that was not there before was inserted blank by its handler."""
    changes: dict[str, Json] = {}
    if was is not None and was.status != row.status:
        changes["status"] = row.status
    if was is not None and was.completed_at != row.completed_at:
        changes["completedAt"] = row.completed_at
    if was is None and row.status != IN_PROGRESS:
        changes["status"] = row.status
    if row.gates != (was.gates if was is not None else {}):
        changes["gatesSatisfied"] = dict.fromkeys(row.gates, True)
        changes["gatesAt"] = dict(row.gates)
    if row.latched != (was.latched if was is not None else False):
        changes["gatesLatched"] = row.latched
    return changes


def _shown(state: State, seat: Seat) -> dict[str, Json]:
    row = seat.row
    return {
        "stage": row.stage,
        "status": row.status,
        "gates": gates_of(seat, row.stage),
        "canAdvance": can_advance(state, seat),
    }


# ---- stepping on


def blocked(turn: Turn, from_stage: int, to_stage: int) -> tuple[str, Sequence[str]] | None:
    """Why the caller may not step, and the gates that are missing; None if they may."""
    state, seat = turn.state, turn.me
    if state.status != ACTIVE:
        return "SESSION_NOT_ACTIVE", unsatisfied(seat)
    if from_stage != seat.stage or to_stage != from_stage + 1 or to_stage > LAST_STAGE:
        return "INVALID_STAGE_TRANSITION", unsatisfied(seat)
    if unsatisfied(seat, own=True):
        return "GATES_NOT_SATISFIED", unsatisfied(seat)
    if not can_leave(state, seat):
        return "PARTNER_NOT_READY", unsatisfied(seat)
    return None


def step(turn: Turn, to_stage: int) -> None:
    """Leaves the caller's stage for the next. The first step out of a joint stage latches it."""
    seat, left = turn.me, turn.me.row
    latched = STAGES[left.stage].pace is Pace.TOGETHER
    if latched and turn.partner is not None and turn.partner.stage == left.stage:
        theirs = turn.partner.row
        turn.partner.progress[left.stage] = msgspec.structs.replace(theirs, latched=True)
    seat.progress[left.stage] = msgspec.structs.replace(
        left, status=COMPLETED, completed_at=turn.now, latched=latched
    )
    enter(turn, seat, to_stage)
    turn.leave_draft(seat)
    turn.tell("partner.stage_completed", stage=left.stage, completedAt=turn.now)
    turn.tell("partner.advanced", toStage=to_stage)


def enter(turn: Turn, seat: Seat, stage: int) -> None:
    """A new row for the stage, and the facilitator's opening of it."""
    found = seat.progress.get(stage)  # a NOT_STARTED row may be there
    row_id = found.id if found is not None else turn.ids.ordered()
    entered = Progress(row_id, stage, IN_PROGRESS, turn.now)
    if found is None:
        turn.progress_row(seat, entered)
    else:
        turn.update("StageProgress", {"id": row_id}, startedAt=turn.now)
    seat.progress[stage] = entered
    turn.facilitate(seat)


# ---- who may be told that whom is there


def company(state: State, user_id: str) -> Mapping[str, bool]:
    """`SessionKind.company`: each the other, unless it rests (spec 5.2: nothing while PAUSED) or is
    over."""
    partner = state.partner_of(user_id)
    if state.status != ACTIVE or partner is None or partner.erased:
        return {}
    return {partner.user_id: partner.shows_presence}


def _company_changed(turn: Turn) -> bool:
    before, after = turn.before, turn.state
    return before.status != after.status or [s.shows_presence for s in before.seats] != [
        s.shows_presence for s in after.seats
    ]


# ---- the decision


def _decision(turn: Turn, outcome: Outcome, progress: Sequence[Notice]) -> Decision[State]:
    gone = {seat.user_id for seat in turn.state.seats if seat.erased}
    everything = (*turn.content, *progress, *turn.partner_notices)
    notices = [notice for notice in everything if notice.user_id not in gone]
    told = {notice.user_id for notice in notices}
    for seat in turn.state.seats:
        if seat.user_id in told:
            seat.event_at = max(turn.now, seat.event_at or turn.now)
    if _company_changed(turn):
        turn.effects.append(COMPANY)
    answer: Answer
    if outcome is None or isinstance(outcome, Refusal | Work | Read):
        answer = outcome
    else:
        answer = Reply(outcome if isinstance(outcome, Mapping) else outcome())
    return Decision(
        state=turn.state,
        answer=answer,
        rows=turn.rows,
        notices=notices,
        dues=turn.dues,
        done=turn.done,
        fresh=turn.fresh,
        effects=turn.effects,
        names=turn.names,
    )
