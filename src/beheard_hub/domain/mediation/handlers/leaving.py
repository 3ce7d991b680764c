"""Leaving the hub (spec 4.5): a user's directory begins and ends it, each session lets its seat go.

The first commit marks the user as leaving; from then on the account is nobody's, and a new sign-in
makes a new user. Reminders bring the rest: every session of the user erases its own seat as a turn
like any other, and when no seat is left the account ends. What the rows delete is in the database
(migration 0023): here only the marks are set, and what the live session knew is forgotten.
docs/decisions/0020-erasure.md says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from beheard_hub.domain.kernel import (
    Command,
    Decision,
    Due,
    Ids,
    Insert,
    Json,
    Reply,
    Row,
    Update,
)
from beheard_hub.domain.mediation.directory_state import Directory
from beheard_hub.domain.mediation.elapse import abandon
from beheard_hub.domain.mediation.internal import EraseAccount, EraseSeat
from beheard_hub.domain.mediation.state import Seat, State
from beheard_hub.domain.mediation.turn import Handler, Outcome, Turn
from beheard_hub.domain.mediation.views import FORMER_PARTNER
from beheard_hub.domain.mediation.vocabulary import FINAL

ROUND = timedelta(seconds=1)
"""From one look at the seats that are left to the next."""

GONE = "gone:{}"
"""Effect: whoever is connected as this user is not, as soon as it is durable."""


# ---- one session


def erase_seat(turn: Turn) -> Outcome:
    """internal.erase_seat: of this the partner learns that the session ended, and no more."""
    data: EraseSeat = turn.command.data
    turn.done.append(data.reminder_id)
    state, seat = turn.state, turn.state.seat(turn.user)
    turn.names[turn.user] = FORMER_PARTNER
    if seat is None:
        if state.status not in FINAL and _is_awaited(state, turn.user):
            abandon(turn)
        return None
    if seat.erased:
        return None
    if state.status not in FINAL:
        abandon(turn)
    for key in [key for key, content in state.contents.items() if content.user_id == turn.user]:
        if state.contents.pop(key).active:
            turn.effects.append(f"revoked:{key}")
    _forget_ideas(state, seat)
    _bury(state, seat)
    turn.update("UserVessel", {"id": seat.vessel_id}, erasedAt=turn.now)
    turn.effects.append(GONE.format(turn.user))
    turn.audit("account.erase", "seat erased", role="system")
    return None


def _is_awaited(state: State, user_id: str) -> bool:
    """Whether the open invitation is meant for this user."""
    return state.invitation is not None and state.invitation.target == user_id


def _forget_ideas(state: State, seat: Seat) -> None:
    """Agreements that were made of an idea stand without it."""
    for key, agreement in state.agreements.items():
        if agreement.strategy_id in seat.ideas:
            state.agreements[key] = msgspec.structs.replace(agreement, strategy_id=None)


def _bury(state: State, seat: Seat) -> None:
    """A tombstone in the seat's place: stages and statuses, which the partner saw, and no more.
    What the partner said of an attempt goes with the attempt."""
    partner = state.partner_of(seat.user_id)
    if partner is not None:
        partner.validations.clear()
    stone = Seat(
        user_id=seat.user_id,
        vessel_id=seat.vessel_id,
        progress={
            stage: msgspec.structs.replace(row, gates={}) for stage, row in seat.progress.items()
        },
        erased=True,
    )
    if state.a is seat:
        state.a = stone
    else:
        state.b = stone


LEAVING: Mapping[str, Handler] = {"internal.erase_seat": erase_seat}


# ---- the account


def begin(directory: Directory, command: Command, now: datetime, ids: Ids) -> Decision[Directory]:
    """account.erase: from its commit on, which its ack waits for, the account is nobody's."""
    return Decision(
        state=msgspec.structs.replace(directory, erased=True),
        answer=Reply({"erased": True}),
        rows=[
            Insert("hub.Erasure", {"userId": directory.user_id, "startedAt": now}),
            _logged(directory, "begun", now, ids),
        ],
        dues=[_next_round(directory, (), now, ids)],
        effects=[GONE.format(directory.user_id)],
    )


def go_on(directory: Directory, command: Command, now: datetime, ids: Ids) -> Decision[Directory]:
    """internal.erase_account: asks the sessions not asked yet; ends when no seat is left."""
    data: EraseAccount = command.data
    if not directory.erased:
        return Decision(directory, None, done=[data.reminder_id])
    if data.sessions:
        asked = tuple(sorted({*data.asked, *data.sessions}))
        return Decision(
            directory,
            None,
            dues=[
                *(_seat_due(directory, one, now, ids) for one in data.sessions
                  if one not in data.asked),
                _next_round(directory, asked, now + ROUND, ids),
            ],
            done=[data.reminder_id],
        )  # fmt: skip
    return Decision(
        directory,
        None,
        rows=[
            Update("hub.Erasure", {"userId": directory.user_id}, {"finishedAt": now}),
            _logged(directory, "done", now, ids),
        ],
        done=[data.reminder_id],
        effects=[GONE.format(directory.user_id)],
    )


def _next_round(directory: Directory, asked: tuple[str, ...], at: datetime, ids: Ids) -> Due:
    """The reminder belongs to nobody, so that it outlives the user's own."""
    payload: dict[str, Json] = {"userId": directory.user_id, "asked": list(asked)}
    return Due(id=ids.ordered(), kind="erase_account", at=at, payload=payload)


def _seat_due(directory: Directory, session_id: str, now: datetime, ids: Ids) -> Due:
    payload = {"userId": directory.user_id}
    return Due(id=ids.ordered(), kind="erase_seat", at=now, payload=payload, session_id=session_id)


def _logged(directory: Directory, outcome: str, now: datetime, ids: Ids) -> Row:
    return Insert(
        "hub.AuditLog",
        {
            "id": ids.ordered(),
            "actorId": directory.user_id,
            "actorRole": "user",
            "action": "account.erase",
            "outcome": outcome,
            "at": now,
        },
    )
