"""What a reaction leaves on record: the audit log's entries, and what its model calls cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from beheard_hub.domain.mediation import internal as i
from beheard_hub.domain.mediation.turn import Handler, Outcome, Turn


def audited(turn: Turn) -> Outcome:
    """internal.audited: what the facilitator was given, what was kept from it, what was tried on
    it and what it cost: no text."""
    data: i.Audited = turn.command.data
    record(turn, data.entries, data.used)
    return None


def record(
    turn: Turn, entries: Sequence[tuple[str, str, Any]], used: Sequence[i.ModelCall]
) -> None:
    """Entries of the audit log, and a row for each call. Who has left is charged nothing."""
    for action, outcome, target in entries:
        turn.audit(action, outcome, role="ai", **target)
    seat = turn.state.seat(turn.user)
    if seat is None or seat.erased:
        return
    for call in used:
        turn.insert(
            "hub.AiUsage",
            id=turn.ids.ordered(),
            userId=turn.user,
            sessionId=turn.state.id,
            call=call.call,
            model=call.model,
            input=call.input,
            output=call.output,
            cached=call.cached,
            at=turn.now,
        )


RECORD: Mapping[str, Handler] = {"internal.audited": audited}
