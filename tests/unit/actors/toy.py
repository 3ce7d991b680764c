"""A session kind small enough to see through: two members count together.

Tables: ``Session`` {id, members}, ``Step`` {id, sessionId, userId, total}. A state holds the number
of steps; facts are counted from the rows, so a cell that comes back shows what was stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from beheard_hub.domain.kernel import (
    Command,
    CommandSpec,
    Decision,
    Due,
    Ids,
    Insert,
    Json,
    Loaded,
    Notice,
    Read,
    Ref,
    Reply,
    Work,
    Worked,
)
from beheard_hub.domain.notifying import notification
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.testing.memory_stores import MemoryDatabase


class State(msgspec.Struct, frozen=True):
    id: str
    members: tuple[str, ...]
    total: int = 0
    hidden: tuple[str, ...] = ()
    paused: bool = False
    told_at: datetime | None = None


class Step(msgspec.Struct, frozen=True):
    amount: int = 1
    text: str = ""


class Nothing(msgspec.Struct, frozen=True):
    pass


class Join(msgspec.Struct, frozen=True, rename="camel"):
    invitation_id: str


class Toy:
    name = "toy"
    at_once = frozenset({"at_once"})
    resumed: str | None = None
    notifies = frozenset({"nudged"})
    commands: Mapping[str, CommandSpec] = {
        spec.name: spec
        for spec in (
            CommandSpec(name="step", data=Step),
            CommandSpec(name="refuse", data=Nothing),
            CommandSpec(name="nudge", data=Nothing),
            CommandSpec(name="hide", data=Nothing),
            CommandSpec(name="pause", data=Nothing),
            CommandSpec(name="resume", data=Nothing),
            CommandSpec(name="total", data=Nothing, reads=True),
            CommandSpec(name="query", data=Nothing, reads=True),
            CommandSpec(name="later", data=Nothing),
            CommandSpec(name="say", data=Step),
            CommandSpec(name="break", data=Nothing),
            CommandSpec(name="poison", data=Nothing),
            CommandSpec(name="remind", data=Step),
            CommandSpec(name="join", data=Join, by_invitation=True, anyone=True, alone=True),
            CommandSpec(name="watch", data=Nothing, reads=True, observes=True),
        )
    }

    def blank(self, session_id: str) -> State:
        return State(session_id, ())

    def load(self, loaded: Loaded) -> State:
        return State(loaded.session_id, tuple(loaded.facts["members"]), loaded.facts["total"])

    def pack(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state)

    def unpack(self, packed: bytes) -> State:
        return msgspec.msgpack.decode(packed, type=State)

    def validate(self, name: str, data: Mapping[str, Json]) -> msgspec.Struct | Refusal:
        try:
            return msgspec.convert(data, self.commands[name].data)
        except msgspec.ValidationError:
            return Refusal(Code.VALIDATION_ERROR, details={"data": "is not as it must be"})

    def decide(self, state: State, command: Command, now: datetime, ids: Ids) -> Decision[State]:
        decide = getattr(self, "_" + command.name.replace(".", "_"))
        decision: Decision[State] = decide(state, command, now, ids)
        return decision

    def _step(self, state: State, command: Command, now: datetime, ids: Ids) -> Decision[State]:
        total = state.total + command.data.amount
        row = {
            "id": ids.ordered(), "sessionId": state.id, "userId": command.user_id,
            "total": total, "amount": command.data.amount, "text": command.data.text,
        }  # fmt: skip
        return Decision(
            msgspec.structs.replace(state, total=total, told_at=now),
            Reply({"total": total}),
            rows=[Insert("Step", row)],
            notices=[Notice(m, "stepped", {"total": total}) for m in state.members],
        )

    def _say(self, state: State, command: Command, now: datetime, ids: Ids) -> Decision[State]:
        """Text in rows and in `fresh`, a `Ref` in the reply and in the events."""
        step = self._step(state, command, now, ids)
        step_id = str(step.rows[0].values["id"])  # type: ignore[union-attr]
        ref = Ref("step", step_id)
        fresh = {("step", step_id): {"id": step_id, "text": command.data.text}}
        notices = [Notice(m, "said", {"step": ref}) for m in state.members]
        return msgspec.structs.replace(
            step, answer=Reply({"step": ref, "me": Ref("me", state.id)}),
            notices=notices, fresh=fresh,
        )  # fmt: skip

    def _nudge(self, state: State, *_: Any) -> Decision[State]:
        return Decision(state, Reply({}), notices=[Notice(m, "nudged") for m in state.members])

    def _internal_undelivered(
        self, state: State, command: Command, now: datetime, ids: Ids
    ) -> Decision[State]:
        made = [
            notification(state.id, command.user_id, name, at, now, ids)
            for name, at in command.data.events
        ]
        rows, dues = [row for row, _ in made], [due for _, due in made]
        return Decision(state, None, rows=rows, dues=dues)

    def _hide(self, state: State, command: Command, *_: Any) -> Decision[State]:
        hidden = (*state.hidden, command.user_id)
        new = msgspec.structs.replace(state, hidden=hidden)
        return Decision(new, Reply({}), effects=["company"])

    def _pause(self, state: State, *_: Any) -> Decision[State]:
        new = msgspec.structs.replace(state, paused=True)
        return Decision(new, Reply({}), effects=["company"])

    def _resume(self, state: State, *_: Any) -> Decision[State]:
        new = msgspec.structs.replace(state, paused=False)
        return Decision(new, Reply({}), effects=["company"])

    def _refuse(self, state: State, *_: Any) -> Decision[State]:
        return Decision(state, Refusal(Code.CONFLICT))

    def _total(self, state: State, *_: Any) -> Decision[State]:
        return Decision(state, Reply({"total": state.total}))

    def _query(self, state: State, *_: Any) -> Decision[State]:
        return Decision(state, Read("steps", {"total": state.total}))

    def _later(self, state: State, *_: Any) -> Decision[State]:
        return Decision(state, Work("amount"))

    def _break(self, state: State, *_: Any) -> Decision[State]:
        raise RuntimeError("a secret that belongs into no log")

    def _poison(self, state: State, command: Command, *_: Any) -> Decision[State]:
        row = {"id": "poison", "sessionId": state.id, "total": -1}
        answer = Reply({"poison": True})
        return Decision(
            msgspec.structs.replace(state, total=state.total + 1_000),
            answer, rows=[Insert("Step", row)], notices=[Notice(command.user_id, "poisoned")],
        )  # fmt: skip

    def _remind(self, state: State, command: Command, now: datetime, ids: Ids) -> Decision[State]:
        due = Due(
            id=ids.ordered(), kind="timer", at=now + timedelta(seconds=command.data.amount),
            user_id=command.user_id,
        )  # fmt: skip
        return Decision(state, Reply({}), dues=[due])

    def _join(self, state: State, command: Command, *_: Any) -> Decision[State]:
        row = Insert("Member", {"sessionId": state.id, "userId": command.user_id})
        members = (*state.members, command.user_id)
        return Decision(msgspec.structs.replace(state, members=members), Reply({}), rows=[row])

    def _watch(self, state: State, command: Command, *_: Any) -> Decision[State]:
        """For staff."""
        if not command.asker:
            return Decision(state, Refusal(Code.NOT_FOUND))
        return Decision(state, Read("steps", {"total": state.total}))

    def _internal_worked(
        self, state: State, command: Command, now: datetime, ids: Ids
    ) -> Decision[State]:
        worked: Worked = command.data
        data = Step(amount=worked.result["amount"])
        return self._step(state, msgspec.structs.replace(command, data=data), now, ids)

    def _internal_timer(self, state: State, command: Command, *_: Any) -> Decision[State]:
        notices = [Notice(member, "timer", {}) for member in state.members]
        return Decision(state, None, notices=notices, done=[command.id])

    def members(self, state: State) -> Sequence[str]:
        return state.members

    def told_at(self, state: State, user_id: str) -> datetime | None:
        return state.told_at

    def company(self, state: State, user_id: str) -> Mapping[str, bool]:
        if state.paused or user_id not in state.members:
            return {}
        return {m: m not in state.hidden for m in state.members if m != user_id}

    def snapshot(
        self, state: State, user_id: str, names: Mapping[str, str | None]
    ) -> Mapping[str, Json]:
        return {"total": state.total, "you": user_id}

    def from_state(self, state: State, ref: Ref, user_id: str, names: Any) -> Json:
        return {"id": user_id, "total": state.total} if ref.kind == "me" else None


class DirectoryState(msgspec.Struct, frozen=True):
    user_id: str
    sessions: int


class ToyDirectory:
    """Commands without a session: ``open`` makes one, ``count`` says how many the user has."""

    name = "directory"
    at_once = frozenset[str]()
    resumed: str | None = None
    notifies: frozenset[str] = frozenset()
    commands: Mapping[str, CommandSpec] = {
        "open": CommandSpec(name="open", data=Nothing, sessionless=True, alone=True),
        "count": CommandSpec(name="count", data=Nothing, sessionless=True, reads=True),
    }

    def blank(self, session_id: str) -> DirectoryState:
        return DirectoryState("", 0)

    def load(self, loaded: Loaded) -> DirectoryState:
        return DirectoryState(loaded.session_id, loaded.facts["sessions"])

    def pack(self, state: DirectoryState) -> bytes:
        return msgspec.msgpack.encode(state)

    def unpack(self, packed: bytes) -> DirectoryState:
        return msgspec.msgpack.decode(packed, type=DirectoryState)

    validate = Toy.validate

    def decide(
        self, state: DirectoryState, command: Command, now: datetime, ids: Ids
    ) -> Decision[DirectoryState]:
        if command.name == "count":
            return Decision(state, Reply({"sessions": state.sessions}))
        session_id = ids.random()
        rows = [
            Insert("Session", {"id": session_id}),
            Insert("Member", {"sessionId": session_id, "userId": command.user_id}),
        ]
        answer = Reply({"session": session_id, "number": state.sessions + 1})
        return Decision(state, answer, rows=rows)

    def members(self, state: DirectoryState) -> Sequence[str]:
        return (state.user_id,)

    def told_at(self, state: DirectoryState, user_id: str) -> datetime | None:
        return None

    def company(self, state: DirectoryState, user_id: str) -> Mapping[str, bool]:
        return {}

    def snapshot(self, state: DirectoryState, user_id: str, names: Any) -> Mapping[str, Json]:
        return {}

    def from_state(self, state: DirectoryState, ref: Ref, user_id: str, names: Any) -> Json:
        return None


def facts(database: MemoryDatabase, session_id: str) -> Loaded | None:
    """What `hub.load_sessions` would answer."""
    from beheard_hub.actors.cell import hash_of

    if not database.rows("Session", id=session_id):
        return None
    members = [row["userId"] for row in database.rows("Member", sessionId=session_id)]
    seqs: dict[str, int] = {}
    for row in database.rows("hub.SessionEvent", sessionId=session_id):
        seqs[row["userId"]] = max(seqs.get(row["userId"], 0), row["seq"])
    receipts: dict[str, list[int]] = {}
    for row in database.rows("hub.CommandReceipt", sessionId=session_id):
        receipts.setdefault(row["userId"], []).append(
            int.from_bytes(hash_of(row["commandId"]), "big", signed=True)
        )
    total = sum(row.get("amount", 0) for row in database.rows("Step", sessionId=session_id))
    names = {member: member.title() for member in members}
    staff = {row["userId"]: {"role": "STAFF"} for row in database.tables.get("Staff", ())}
    return Loaded(
        session_id=session_id,
        facts={"members": members, "total": total, "callers": staff},
        names=names, seqs=seqs, receipts=receipts,
    )  # fmt: skip


def directory_facts(database: MemoryDatabase, user_id: str) -> Loaded:
    """What `load_directory` would answer."""
    return Loaded(
        session_id=user_id, facts={"sessions": len(database.rows("Member", userId=user_id))}
    )
