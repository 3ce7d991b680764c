"""The interpreter of the tables: one turn from command to decision.

Always the same steps: *elapse* (what time has ended), *admit* (the command's row), *handle*, then
*store*: whatever differs of the session's own columns, and of its invitation's usage, becomes rows
in one place. A refusal leaves nothing behind except what the first step found.
"""

from __future__ import annotations

from collections.abc import Mapping

from beheard_hub.domain.kernel import Decision, Json, Reply, Row, Update
from beheard_hub.domain.practice.elapse import elapse, invitation_is_over
from beheard_hub.domain.practice.protocol import COMMANDS, INTERNAL
from beheard_hub.domain.practice.state import Asker, Quota, State
from beheard_hub.domain.practice.turn import Handler, Turn
from beheard_hub.domain.practice.vocabulary import ADMIN, STAFF, reaches
from beheard_hub.domain.refusals import Code, Refusal


def decide(turn: Turn, handlers: Mapping[str, Handler]) -> Decision[State]:
    """One turn of a session."""
    elapse(turn)
    refusal = _admitted(turn)
    mark = len(turn.rows)
    outcome = refusal or handlers[turn.command.name](turn)
    assert not isinstance(outcome, Refusal) or len(turn.rows) == mark, "refused, yet changed"
    return Decision(
        state=turn.state,
        answer=Reply(outcome) if isinstance(outcome, Mapping) else outcome,
        rows=[*turn.rows, *_differences(turn.before, turn.state)],
        notices=turn.notices,
        dues=turn.dues,
        done=turn.done,
        fresh=turn.fresh,
        effects=turn.effects,
    )


def _admitted(turn: Turn) -> Refusal | None:
    """Why the command's row does not allow it now, or None."""
    if turn.command.name in INTERNAL:
        return None
    row, state = COMMANDS[turn.command.name], turn.state
    if turn.command.user_id != state.user_id:
        if not may_read(state, turn.asker):
            return Refusal(Code.NOT_FOUND)
        if row.others is None or not reaches(turn.asker.role, row.others):
            return Refusal(Code.FORBIDDEN)
    if not reaches(turn.asker.role, row.role):
        return Refusal(Code.FORBIDDEN)
    if row.observes and not state.observed:
        return Refusal(Code.FORBIDDEN)  # the participant was not told
    if not row.reads and invitation_is_over(state, turn.now):
        return Refusal(Code.INVITATION_EXPIRED)
    if state.status not in row.statuses:
        return Refusal(Code.SESSION_NOT_ACTIVE, details={"status": state.status})
    return None


def may_read(state: State, asker: Asker) -> bool:
    """Whether somebody who is not the participant may read the session: it is one of an invitation,
    which staff made themselves; administrators read all of these."""
    least = STAFF if asker.invited else ADMIN
    return state.invitation_id is not None and reaches(asker.role, least)


def _differences(before: State, after: State) -> list[Row]:
    """Columns that differ, as rows: the session's, and its invitation's where there is one."""
    session = _changes(_columns(before), _columns(after))
    usage = _changes({"usage": _usage(before.quota)}, {"usage": _usage(after.quota)})
    rows: list[Row] = []
    if after.invitation_id is None:
        session |= usage
    elif usage:
        rows.append(Update("practice.Invitation", {"id": after.invitation_id}, usage))
    if session:
        rows.append(Update("practice.ConversationSession", after.key, session))
    return rows


def _changes(was: Mapping[str, Json], now: Mapping[str, Json]) -> dict[str, Json]:
    return {column: value for column, value in now.items() if was[column] != value}


def _columns(state: State) -> Mapping[str, Json]:
    return {
        "status": state.status,
        "endedAt": state.ended_at,
        "durationSeconds": state.duration_seconds,
        "totalMessages": state.total_messages,
    }


def _usage(quota: Quota) -> Mapping[str, Json]:
    return {
        "inputTokens": quota.input,
        "outputTokens": quota.output,
        "totalTokens": quota.used,
    }
