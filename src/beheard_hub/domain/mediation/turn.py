"""One turn under way: the state that may be changed, and what the turn wants stored and told.

Handlers work on a `Turn`; they change facts and write rows, and leave gates and statuses to the
machine, which settles them once at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

from beheard_hub.domain.kernel import (
    Answer,
    Command,
    Delete,
    Due,
    Ids,
    Insert,
    Json,
    Notice,
    Read,
    Ref,
    Row,
    Update,
    Work,
)
from beheard_hub.domain.mediation.events import EVENTS, To
from beheard_hub.domain.mediation.state import Progress, Seat, State, copied
from beheard_hub.domain.mediation.vocabulary import ACTIVE, AI_TURN
from beheard_hub.domain.refusals import Code, Refusal

Late: TypeAlias = Callable[[], Mapping[str, Json]]
"""A reply that must be made after the gates have settled."""
Outcome: TypeAlias = Mapping[str, Json] | Late | Read | Work | Refusal | None
Handler: TypeAlias = "Callable[[Turn], Outcome]"
WorkHandler: TypeAlias = "Callable[[Turn, Work, Mapping[str, Json]], Outcome]"

__all__ = ["Answer", "Handler", "Late", "Outcome", "Turn", "WorkHandler", "no"]


def no(code: Code, **details: str) -> Refusal:
    """A refusal in short."""
    return Refusal(code, details=details or None)


class Turn:
    """Collects what one command causes. `before` is the state as it was given."""

    def __init__(self, state: State, command: Command, now: datetime, ids: Ids) -> None:
        self.before = state
        self.state = copied(state)
        self.command = command
        self.now = now
        self.ids = ids
        self.rows: list[Row] = []
        self.content: list[Notice] = []
        self.partner_notices: list[Notice] = []
        self.dues: list[Due] = []
        self.done: list[str] = []
        self.fresh: dict[tuple[str, str], Json] = {}
        self.effects: list[str] = []
        self.names: dict[str, str | None] = {}
        self.said: dict[tuple[str, str], bool] = {}
        """(userId, gate) → what a command of this turn said of it."""

    # ---- who

    @property
    def user(self) -> str:
        """Whose command it is."""
        return self.command.user_id

    @property
    def me(self) -> Seat:
        """The caller's seat; the machine has checked that there is one."""
        seat = self.state.seat(self.command.user_id)
        assert seat is not None, "admission lets members in only"
        return seat

    @property
    def partner(self) -> Seat | None:
        """The other seat."""
        return self.state.partner_of(self.command.user_id)

    @property
    def other(self) -> Seat:
        """The other seat where the rule guarantees one: an active session has two."""
        seat = self.partner
        assert seat is not None, "both have joined"
        return seat

    # ---- rows

    def insert(self, table: str, **values: Json) -> None:
        """A new row."""
        self.rows.append(Insert(table, values))

    def update(self, table: str, key: Mapping[str, str | int], **values: Json) -> None:
        """Sets columns of one row."""
        self.rows.append(Update(table, key, values))

    def delete(self, table: str, row_id: str) -> None:
        """Removes one row."""
        self.rows.append(Delete(table, {"id": row_id}))

    def session(self, **values: Json) -> None:
        """Sets columns of the session's row."""
        self.update("Session", {"id": self.state.id}, **values)

    def progress_row(self, seat: Seat, progress: Progress) -> None:
        """The insert of a new stage row."""
        self.insert(
            "StageProgress",
            id=progress.id,
            sessionId=self.state.id,
            userId=seat.user_id,
            stage=progress.stage,
            status=progress.status,
            startedAt=progress.started_at,
            gatesSatisfied={},
            gatesAt={},
        )

    def audit(self, action: str, outcome: str, *, role: str = "user", **target: Json) -> None:
        """An entry of the audit log: ids only. `role` is ``ai`` for what the facilitator did."""
        self.insert(
            "hub.AuditLog",
            id=self.ids.ordered(),
            actorId=self.user,
            actorRole=role,
            action=action,
            sessionId=self.state.id,
            target=target,
            outcome=outcome,
            at=self.now,
        )

    # ---- notices

    def tell(self, name: str, seat: Seat | None = None, **data: Json) -> None:
        """Tells those whom the event's row names. `seat` is the caller where it is not `me`."""
        row = EVENTS[name]
        assert set(data) == set(row.fields), f"fields of {name}"
        if row.to is To.BOTH:
            self.content.extend(Notice(s.user_id, name, data) for s in self.state.seats)
        elif row.to is To.INVITER:
            assert self.state.a is not None
            self.content.append(Notice(self.state.a.user_id, name, data))
        elif row.to is To.OWN:
            self.content.append(Notice((seat or self.me).user_id, name, data))
        else:
            partner = self.state.partner_of(seat.user_id if seat is not None else self.user)
            if partner is not None:
                self.partner_notices.append(Notice(partner.user_id, name, data))

    def tell_one(self, seat: Seat, name: str, **data: Json) -> None:
        """An event whose fields differ between the two, or whose receiver is named."""
        row = EVENTS[name]
        assert set(data) == set(row.fields), f"fields of {name}"
        notices = self.partner_notices if row.to is To.PARTNER else self.content
        notices.append(Notice(seat.user_id, name, data))

    # ---- gates

    def say(self, gate: str, true: bool, seat: Seat | None = None) -> None:
        """A command said that a gate is true or not."""
        self.said[(seat or self.me).user_id, gate] = true

    def mark_dirty(self, *, stage_bound: bool = False) -> None:
        """Synthesis no longer covers everything. Messages and readings (`stage_bound`) count in
        stages 1 and 2 only."""
        me = self.me
        if stage_bound and me.stage not in (1, 2):
            return
        me.changes = me.changes.next()
        if me.dirty:
            return
        me.dirty = True
        if 3 in me.progress:
            self.update("StageProgress", {"id": me.progress[3].id}, isSynthesisDirty=True)

    # ---- the facilitator

    def facilitate(self, seat: Seat) -> None:
        """Lets the facilitator speak in a thread where something waits for it: the opening of the
        stage first, then what the user wrote. One answer at a time per thread."""
        if seat.ai_turn is not None or self.state.status != ACTIVE:
            return
        opening = seat.opened < seat.stage
        if opening or seat.unanswered:
            self.open_thread(seat, opening=opening)

    def open_thread(self, seat: Seat, *, opening: bool) -> None:
        """The reminder by which the facilitator speaks."""
        seat.ai_turn = self.ids.ordered()
        self.dues.append(
            Due(
                id=seat.ai_turn,
                kind=AI_TURN,
                at=self.now,
                user_id=seat.user_id,
                payload={"stage": seat.stage, "opening": opening},
            )
        )

    def hush(self, *, ended: bool) -> None:
        """Stops the facilitator in both threads: a pause, or the end, after which nothing of a
        vessel is written any more."""
        for seat in self.state.seats:
            self.leave_draft(seat)
            if ended:
                self.done.extend(seat.extracting)
                self.effects.extend(f"drop:{key}" for key in seat.extracting)
                seat.extracting = []
            if seat.ai_turn is not None:
                self.done.append(seat.ai_turn)
                self.effects.append(f"cancel:{seat.user_id}")
                seat.ai_turn = None

    def leave_draft(self, seat: Seat) -> None:
        """Nobody looks at that seat's draft as it was any more."""
        if seat.draft_check is not None:
            self.done.append(seat.draft_check)
            self.effects.append(f"drop:{seat.draft_check}")
            seat.draft_check = None

    def remind(self, kind: str, at: datetime, **payload: Json) -> str:
        """Something that must still happen in this session at a time."""
        reminder = Due(id=self.ids.ordered(), kind=kind, at=at, payload=payload)
        self.dues.append(reminder)
        return reminder.id

    def ref(self, kind: str, row_id: str, shape: Json | None = None) -> Ref:
        """A place for a stored shape; `shape` where this turn knows the caller's own words."""
        if shape is not None:
            self.fresh[kind, row_id] = shape
        return Ref(kind, row_id)
