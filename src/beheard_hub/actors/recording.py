"""From a decision to the entry of the write-behind buffer: one pure mapping.

The decision's own rows, then what every turn leaves behind: the receipt (spec 03.6
"CommandReceipt"), one "SessionEvent" per notice, one "Reminder" per due, `firedAt` of settled ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from beheard_hub.actors.cell import DIRECTORY, Cell, Turn
from beheard_hub.domain.kernel import Decision, Due, Ids, Insert, Json, Reply, Row, Update
from beheard_hub.domain.notifying import notification
from beheard_hub.domain.sharding import NOBODY, shard_of
from beheard_hub.persistence.batch import Part, pack_row

SESSIONS = frozenset({"Session", "practice.ConversationSession"})
"""Tables of which a new row is a new session."""


class Event(msgspec.Struct, frozen=True):
    """A notice with its seq, before it is rendered for its user."""

    user_id: str
    seq: int
    name: str
    data: Mapping[str, Json]
    at: str
    """ISO 8601 in UTC."""


def iso(at: datetime) -> str:
    """ISO 8601 in UTC, as all times in frames."""
    return at.isoformat().replace("+00:00", "Z")


class Router(Protocol):
    """Tells who can be reached."""

    ids: Ids

    def listens(self, session_id: str, user_id: str) -> bool:
        """Whether a device of the user does."""


class Entry:
    """One turn in the buffer, with all that may leave after its commit."""

    __slots__ = (
        "after", "alone", "awaited", "cell", "decision", "dues", "events", "part", "receipted",
        "seqs", "session_id", "size_bytes", "turn",
    )  # fmt: skip

    def __init__(
        self, cell: Cell, turn: Turn, decision: Decision[Any], now: datetime,
        router: Router | None = None,
    ) -> None:  # fmt: skip
        self.cell = cell
        self.turn = turn
        self.decision = decision
        self.alone = turn.spec is not None and turn.spec.alone
        self.session_id = _session_of(turn, decision)
        self.receipted = _is_receipted(turn, decision)
        self.seqs: dict[str, int] = {}
        """Newest seq of each notified user after this turn."""
        self.events = self._number(now)
        self.awaited: list[Event] = []
        """Events that a device must say it received."""
        rows, pushes = self._route(router, now) if router is not None else ([], [])
        dues = (*decision.dues, *pushes)
        self.dues: list[Due] = [due for due in dues if due.at <= now]
        self.after: list[Callable[[bool], None]] = []
        """Answers that saw this turn: called with whether it was committed."""
        rows = [*decision.rows, *rows, *self._own_rows(dues, now)]
        packed = [pack_row(row) for row in rows]
        self.part = Part(cell.key, self._writing(), packed, turn.span)
        self.size_bytes = sum(row.size_bytes for row in packed)

    def _number(self, now: datetime) -> list[Event]:
        """Gives every notice its user's next seq; the cell takes them over with the entry."""
        events = []
        at = iso(now) if self.decision.notices else ""
        for notice in self.decision.notices:
            user = notice.user_id
            seq = self.seqs.get(user, self.cell.seqs.get(user, 0)) + 1
            self.seqs[user] = seq
            events.append(Event(user, seq, notice.name, notice.data, at))
        return events

    def _route(self, router: Router, now: datetime) -> tuple[list[Row], list[Due]]:
        """Notifications for those who are told of something by others and do not listen."""
        rows: list[Row] = []
        pushes: list[Due] = []
        for event in self.events:
            if event.name not in self.cell.kind.notifies or event.user_id == self.turn.user_id:
                continue
            if router.listens(self.session_id, event.user_id):
                self.awaited.append(event)
                continue
            row, due = notification(
                self.session_id, event.user_id, event.name, event.at, now, router.ids
            )
            rows.append(row)
            pushes.append(due)
        return rows, pushes

    def _writing(self) -> Mapping[str, Sequence[str]]:
        """The session is named even where nobody asked (a timer), and ``''`` where there is none:
        its rows need it as a key. So do those of dues for other sessions of the same user."""
        users = [self.turn.user_id] if self.turn.user_id else []
        homes = {due.session_id for due in self.decision.dues if due.session_id}
        others = {home for home in homes if not home.startswith(DIRECTORY)}
        return dict.fromkeys((self.session_id, *sorted(others)), users)

    def _own_rows(self, dues: Sequence[Due], now: datetime) -> list[Row]:
        rows: list[Row] = [_event_row(self.session_id, event) for event in self.events]
        rows += [_reminder_row(self.session_id, self.cell.shard, d) for d in dues]
        rows += [Update("hub.Reminder", {"id": i}, {"firedAt": now}) for i in self.decision.done]
        answer = self.decision.answer
        if self.receipted and isinstance(answer, Reply):
            rows.append(_receipt_row(self.turn, answer, now))
        return rows


def needs_entry(turn: Turn, decision: Decision[Any]) -> bool:
    """Whether a turn leaves anything to be stored."""
    if decision.rows or decision.notices or decision.dues or decision.done:
        return True
    return _is_receipted(turn, decision)


def _is_receipted(turn: Turn, decision: Decision[Any]) -> bool:
    """Whether the reply is kept for a repeat of the command. Nobody in particular is another one
    with every request, and repeats nothing."""
    spec = turn.spec
    return (
        turn.internal is None
        and spec is not None
        and not spec.reads
        and isinstance(decision.answer, Reply)
        and not turn.user_id.startswith(NOBODY)
    )


def _session_of(turn: Turn, decision: Decision[Any]) -> str:
    """The session that a turn writes: the command's, or the one that it creates."""
    if turn.session_id:
        return turn.session_id
    for row in decision.rows:
        if isinstance(row, Insert) and row.table in SESSIONS:
            return str(row.values["id"])
    return ""


def _event_row(session_id: str, event: Event) -> Insert:
    return Insert(
        "hub.SessionEvent",
        {
            "sessionId": session_id,
            "userId": event.user_id,
            "seq": event.seq,
            "name": event.name,
            "data": event.data,
            "at": event.at,
        },
    )


def _receipt_row(turn: Turn, reply: Reply, now: datetime) -> Insert:
    return Insert(
        "hub.CommandReceipt",
        {
            "sessionId": turn.receipt_session,
            "userId": turn.user_id,
            "commandId": turn.id,
            "name": turn.name,
            "digest": turn.digest,
            "reply": reply.data,
            "at": now,
        },
    )


def _reminder_row(session_id: str, shard: int, due: Due) -> Insert:
    home = due.session_id or session_id
    return Insert(
        "hub.Reminder",
        {
            "id": due.id,
            "sessionId": None if home.startswith(DIRECTORY) else home or None,
            "userId": due.user_id,
            "shard": shard_of(home) if home else shard,
            "kind": due.kind,
            "dueAt": due.at,
            "payload": due.payload,
        },
    )
