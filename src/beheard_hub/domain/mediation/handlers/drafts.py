"""A look at an empathy draft: informs its author, gates nothing, and nobody else hears of it.

It begins with a reminder in the commit of the draft, due when the draft has rested; each version
takes the place of the one before. Showing the draft, leaving the stage, a pause and an end settle
it (`Turn.leave_draft`), and what comes back later is not said.
"""

from __future__ import annotations

from collections.abc import Mapping

from beheard_hub.domain.kernel import Due
from beheard_hub.domain.limits import DRAFT_REST
from beheard_hub.domain.mediation import internal as i
from beheard_hub.domain.mediation.handlers.record import record
from beheard_hub.domain.mediation.handlers.thread import speak
from beheard_hub.domain.mediation.turn import Handler, Outcome, Turn
from beheard_hub.domain.mediation.vocabulary import DRAFT_CHECK


def look_later(turn: Turn) -> None:
    """Asks for a look at the caller's draft as it is now, instead of as it was."""
    me = turn.me
    assert me.draft is not None, "it was just saved"
    turn.leave_draft(me)
    due = Due(
        id=turn.ids.ordered(),
        kind=DRAFT_CHECK,
        at=turn.now + DRAFT_REST,
        user_id=turn.user,
        payload={"draftId": me.draft.id, "version": me.draft.version},
    )
    me.draft_check = due.id
    turn.dues.append(due)


def draft_checked(turn: Turn) -> Outcome:
    """internal.draft_checked: the hint, if it is still about the draft as it stands."""
    data: i.DraftChecked = turn.command.data
    record(turn, data.audit, data.used)
    seat = turn.state.seat(turn.user)
    if seat is None or seat.draft_check != data.reminder_id:
        return None  # rewritten, shown or left meanwhile
    turn.done.append(data.reminder_id)
    seat.draft_check = None
    stands = seat.draft is not None and seat.draft.version == data.version
    greeted = seat.opened >= seat.stage  # nothing is said in a stage before its opening
    if data.hint and stands and greeted:
        speak(turn, data.hint, data.prompt_version, data.items)
    return None


DRAFTS: Mapping[str, Handler] = {"internal.draft_checked": draft_checked}
