"""The database's tables as dictionaries, and the facts that `hub.load_sessions` builds of them.

A fake for tests of everything above SQL: rows of decisions are applied as a flush applies them (an
update or delete that finds no row is our mistake and raises), and what a session actor loads is
built from the same rows, by the layout of migration 0010. Nothing is checked that the database
checks: row-level security, limits and foreign keys have suites of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from beheard_hub.domain.kernel import Decision, Delete, Due, Insert, Loaded, Notice, Row, Update
from beheard_hub.domain.sharding import shard_of

Record = dict[str, Any]

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "Session": {"strategyPhase": "COLLECTING", "strategyRound": 1},
    "Invitation": {"resendCount": 0},
    "StageProgress": {"gatesLatched": False, "isSynthesisDirty": True},
    "IdentifiedNeed": {"confirmed": False},
    "CommonGround": {"stale": False, "confirmedByA": False, "confirmedByB": False},
    "Agreement": {"staleInput": False},
    "EmpathyValidation": {"feedbackShared": False},
    "ConsentRecord": {"metadata": {}},
}
"""Column defaults of the schema that facts depend on."""

FINAL = ("RESOLVED", "ABANDONED")


class NoSuchRow(Exception):
    """An update or delete found nothing: the database would raise BH001."""


def rows_where(rows: Iterable[Record], where: Mapping[str, Any]) -> list[Record]:
    """Those whose columns have these values."""
    found = list(rows)
    for column, value in where.items():
        found = [row for row in found if row.get(column) == value]
    return found


class MemoryTables:
    """All tables by name; rows in order of insertion."""

    def __init__(self) -> None:
        self.tables: dict[str, list[Record]] = {}
        self.names: dict[str, str | None] = {}
        """userId → name, as "User" has it."""

    def rows(self, table: str, **where: Any) -> list[Record]:
        """Rows of a table whose columns have these values."""
        return rows_where(self.tables.get(table, ()), where)

    # ---- writing

    def apply(self, rows: Iterable[Row]) -> None:
        """Applies rows in order. Raises NoSuchRow."""
        for row in rows:
            APPLY[type(row)](self, row)

    def insert(self, row: Insert) -> None:
        """A new row with the schema's defaults."""
        record = {**DEFAULTS.get(row.table, {}), **row.values}
        self.tables.setdefault(row.table, []).append(record)

    def update(self, row: Update) -> None:
        """Sets columns."""
        found = self.rows(row.table, **row.key)
        if not found:
            raise NoSuchRow(row.table)
        for record in found:
            record.update(row.values)

    def delete(self, row: Delete) -> None:
        """Removes rows."""
        found = self.rows(row.table, **row.key)
        if not found:
            raise NoSuchRow(row.table)
        self.tables[row.table] = [r for r in self.tables[row.table] if r not in found]

    def commit(self, session_id: str, decision: Decision[Any], now: datetime) -> None:
        """Everything that a flush stores of one turn, the receipt aside."""
        self.apply(decision.rows)
        for due in decision.dues:
            self.remind(due, due.session_id or session_id)
        for reminder_id in decision.done:
            for record in self.rows("hub.Reminder", id=reminder_id):
                record["firedAt"] = now
        for notice in decision.notices:
            self.event(session_id, notice, now)

    def remind(self, due: Due, session_id: str) -> None:
        """One "Reminder" row."""
        values = {
            "id": due.id,
            "sessionId": session_id,
            "userId": due.user_id,
            "shard": shard_of(session_id),
            "kind": due.kind,
            "dueAt": due.at,
            "payload": dict(due.payload),
            "firedAt": None,
        }
        self.insert(Insert("hub.Reminder", values))

    def event(self, session_id: str, notice: Notice, now: datetime) -> None:
        """One "SessionEvent" row with the user's next seq."""
        seq = self.seq(session_id, notice.user_id) + 1
        values = {"sessionId": session_id, "userId": notice.user_id, "seq": seq}
        event = {**values, "name": notice.name, "data": notice.data, "at": now}
        self.insert(Insert("hub.SessionEvent", event))

    # ---- reading

    def seq(self, session_id: str, user_id: str) -> int:
        """The newest event seq, 0 without one."""
        events = self.rows("hub.SessionEvent", sessionId=session_id, userId=user_id)
        return max((event["seq"] for event in events), default=0)

    def session_of_invitation(self, invitation_id: str) -> str | None:
        """Which session an invitation belongs to."""
        found = self.rows("Invitation", id=invitation_id)
        return found[0]["sessionId"] if found else None

    def load(self, session_id: str) -> Loaded | None:
        """Facts, names and seqs of a session."""
        found = self.rows("Session", id=session_id)
        if not found:
            return None
        session = found[0]
        vessels = self.rows("UserVessel", sessionId=session_id)
        vessels.sort(key=lambda vessel: vessel["userId"] != session["createdById"])
        members = [{"userId": v["userId"], "vesselId": v["id"]} for v in vessels]
        shared = self.rows("SharedVessel", sessionId=session_id)[0]["id"]
        facts = {
            "session": {**session, "sharedVesselId": shared},
            "invitation": self._invitation(session),
            "members": members,
            "seats": {v["userId"]: self._seat(session_id, v["userId"], v["id"]) for v in vessels},
            "shared": {
                "contents": self.rows("ConsentedContent", sharedVesselId=shared),
                "commonGround": self.rows("CommonGround", sharedVesselId=shared),
                "strategies": self.rows("StrategyProposal", sessionId=session_id),
                "agreements": self.rows("Agreement", sharedVesselId=shared),
            },
            "reminders": self.rows("hub.Reminder", sessionId=session_id, firedAt=None),
        }
        return Loaded(
            session_id=session_id,
            facts=facts,
            names=self._names(session_id, [v["userId"] for v in vessels]),
            seqs={v["userId"]: self.seq(session_id, v["userId"]) for v in vessels},
        )

    def load_directory(self, user_id: str) -> Loaded:
        """Facts of `load_directory`."""
        known = [
            {
                "id": member["relationshipId"],
                "partnerId": member.get("partnerId"),
                "openSessionId": self._open_session(member["relationshipId"]),
            }
            for member in self.rows("RelationshipMember", userId=user_id)
        ]
        return Loaded(session_id=f"user:{user_id}", facts={"relationships": known})

    def _open_session(self, relationship_id: str) -> str | None:
        for session in self.rows("Session", relationshipId=relationship_id):
            if session["status"] not in FINAL:
                return str(session["id"])
        return None

    def _names(self, session_id: str, members: Sequence[str]) -> dict[str, str | None]:
        typed = [row.get("name") for row in self.rows("Invitation", sessionId=session_id)]
        names = {user_id: self.names.get(user_id) for user_id in members}
        return {"": typed[-1] if typed else None, **names}

    def _invitation(self, session: Record) -> Record | None:
        found = self.rows("Invitation", sessionId=session["id"])
        if not found:
            return None
        owner, relationship = session["createdById"], session["relationshipId"]
        member = self.rows("RelationshipMember", relationshipId=relationship, userId=owner)
        return {**found[-1], "targetUserId": member[0].get("partnerId") if member else None}

    def _seat(self, session_id: str, user_id: str, vessel_id: str) -> Record:
        own = {"sessionId": session_id, "userId": user_id}
        draft = self.rows("EmpathyDraft", **own)
        author = {"sessionId": session_id, "sourceUserId": user_id}
        ideas = {"sessionId": session_id, "createdByUserId": user_id}
        nudges = [row["at"] for row in self.rows("hub.Nudge", **own)]
        events = [row["at"] for row in self.rows("hub.SessionEvent", **own)]
        turns = self.rows("hub.Reminder", **own, kind="ai_turn", firedAt=None)
        said = self.rows("Message", sessionId=session_id, forUserId=user_id, role="AI")
        return {
            "progress": self.rows("StageProgress", **own),
            "draft": draft[0] if draft else None,
            "attempts": self.rows("EmpathyAttempt", **author),
            "validations": self.rows("EmpathyValidation", **own),
            "needs": self.rows("IdentifiedNeed", vesselId=vessel_id),
            "clarifications": self.rows("NeedClarification", vesselId=vessel_id),
            "events": [row["id"] for row in self.rows("UserEvent", vesselId=vessel_id)],
            "boundaries": [row["id"] for row in self.rows("Boundary", vesselId=vessel_id)],
            "documents": [row["id"] for row in self.rows("UserDocument", vesselId=vessel_id)],
            "consents": self.rows("ConsentRecord", **own),
            "rankings": self.rows("StrategyRanking", **own),
            "strategies": self.rows("StrategyProposal", **ideas),
            "readings": self.rows("EmotionalReading", vesselId=vessel_id)[::-1],
            "unanswered": self._unanswered(session_id, user_id, said),
            "aiTurn": turns[0]["id"] if turns else None,
            "nudgedAt": max(nudges, default=None),
            "hasPrivate": bool(self.rows("SessionPrivate", **own)),
            "lastEventAt": max(events, default=None),
            "openedStage": max((message["stage"] for message in said), default=None),
        }

    def _unanswered(self, session_id: str, user_id: str, said: Sequence[Record]) -> list[str]:
        """Own messages that no answer names; an answer does not cover what came while it grew."""
        answered = {key for message in said for key in message["bundle"]["answers"]}
        wrote = self.rows("Message", sessionId=session_id, forUserId=user_id, role="USER")
        return [row["id"] for row in wrote if row["id"] not in answered]


APPLY: Mapping[type, Callable[[MemoryTables, Any], None]] = {
    Insert: MemoryTables.insert,
    Update: MemoryTables.update,
    Delete: MemoryTables.delete,
}
