"""What a session writes in a whole journey is accepted by Postgres, and loads as the same state.

The journey is decided first, in memory; then every turn is flushed as its own batch, as the host
would, and after every turn the facts that the database gives are compared with the live state.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from beheard_hub.domain.kernel import Command, Due, Insert, Notice, Row, Update
from beheard_hub.domain.mediation.kind import MEDIATION
from beheard_hub.domain.mediation.state import Seat, State
from beheard_hub.domain.sharding import shard_of
from beheard_hub.persistence.batch import Part, encode_batch, pack_row
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.flush_store import PostgresFlushStore
from beheard_hub.persistence.stores import PostgresLeaseStore, PostgresSessionStore
from tests.conftest import TestDatabase
from tests.unit.domain.play import A, B, Play


class Turned(msgspec.Struct):
    """One turn: who wrote what, and the state after it."""

    name: str
    user: str
    rows: list[Row]
    state: State


class Recorded(Play):
    """Keeps every turn for a later flush."""

    def __init__(self, **create: Any) -> None:
        self.turns: list[Turned] = []
        self.seqs: dict[str, int] = {}
        super().__init__(**create)
        self.turns.insert(0, Turned("session.create", A, self._first(), self.state))

    def _first(self) -> list[Row]:
        order = ("Relationship", "RelationshipMember", "Session", "SharedVessel", "UserVessel",
                 "StageProgress", "Invitation", "SessionPrivate", "hub.Reminder")  # fmt: skip
        return [Insert(t, dict(r)) for t in order for r in self.tables.rows(t)]

    def decide(self, command: Command) -> Any:
        answer = super().decide(command)
        last = self.last
        rows = [*last.rows, *(self._event(n) for n in last.notices)]
        rows += [self._reminder(due) for due in last.dues]
        rows += [Update("hub.Reminder", {"id": i}, {"firedAt": self.now}) for i in last.done]
        self.turns.append(Turned(command.name, command.user_id, rows, self.state))
        return answer

    def _event(self, notice: Notice) -> Row:
        user = notice.user_id
        self.seqs[user] = self.seqs.get(user, 0) + 1
        of = {"sessionId": self.session_id, "userId": user, "seq": self.seqs[user]}
        return Insert("hub.SessionEvent", {**of, "name": notice.name, "data": {}, "at": self.now})

    def _reminder(self, due: Due) -> Row:
        values = {"id": due.id, "sessionId": self.session_id, "userId": due.user_id}
        shard = shard_of(self.session_id)
        more = {"shard": shard, "kind": due.kind, "dueAt": due.at, "payload": dict(due.payload)}
        return Insert("hub.Reminder", {**values, **more})


def journey() -> Recorded:
    """Through all stages, with everything that can be written on the way."""
    play = Recorded(inviteName="Bobby", context="money")
    play.do(A, "compact.sign", agreed=True)
    play.accept()
    play.do(B, "compact.sign", agreed=True)
    play.advance(B, A)
    play.do(A, "message.send", content="I am tired", emotionalIntensity=8)
    play.answer(A)
    play.do(A, "event.add", description="the dinner", attributedTo="OTHER", emotions=["sad"])
    play.do(A, "boundary.add", description="no shouting", nonNegotiable=True)
    play.do(A, "document.add", title="letter", content="dear", type="note")
    play.do(A, "exercises.complete", exerciseType="GROUNDING", completed=True)
    play.do(A, "session.pause", reason="air")
    play.do(B, "session.resume")
    play.do(B, "partner.nudge")
    play.to_stage(2)
    play.attempt(A)
    play.attempt(B)
    told = {"validated": False, "feedback": "not quite", "consentToShareFeedback": True}
    play.do(B, "empathy.validate", **told)
    play.attempt(A)
    for user in (A, B):
        play.do(user, "empathy.validate", validated=True)
    asked = {"contentType": "EVENT_SUMMARY", "originalContentId": events_of(play)[0]}
    key = play.do(A, "consent.request", **asked)["consentRequest"].id
    play.do(A, "consent.decide", consentRequestId=key, decision="GRANTED")
    play.do(A, "consent.revoke", consentRecordId=key)
    play.advance(A, B)
    play.do(A, "needs.list")
    play.agree_on_ground()
    shared = next(k for k, c in seat(play, A).consents.items() if c.content_type[:2] == "ID")
    play.do(A, "consent.revoke", consentRecordId=shared)
    need = next(k for k, n in seat(play, A).needs.items() if n.source == "USER")
    play.do(A, "needs.consent", needIds=[need])
    play.do(A, "needs.consent", needIds=[play.add_need(A)])
    if play.state.analysis is not None:
        play.analyse()
    ground = play.common_ground()
    for user in (A, B):
        answer = [{"commonGroundId": ground, "confirmed": True}]
        play.do(user, "common_ground.confirm", confirmations=answer)
    play.advance(A, B)
    play.do(A, "strategies.suggest", count=1)
    play.open_pool()
    play.rank(same=False)
    play.open_pool()
    play.rank()
    play.agreement()
    play.do(A, "session.resolve")
    return play


def seat(play: Play, user: str) -> Seat:
    found = play.state.seat(user)
    assert found is not None
    return found


def events_of(play: Play) -> list[str]:
    return seat(play, A).events


@pytest.fixture
async def flushes(database: TestDatabase) -> AsyncIterator[PostgresFlushStore]:
    store = PostgresFlushStore(database.runtime_url)
    yield store
    await store.close()


async def test_a_journey_is_stored_and_loads_as_it_was_lived(
    db: Database, flushes: PostgresFlushStore, owner: asyncpg.Connection
) -> None:
    for user in (A, B):
        statement = 'INSERT INTO "User" (id, name, role) VALUES ($1, $1, $2)'
        await owner.execute(statement, user, "USER")
    lease = await PostgresLeaseStore(db).open(uuid4().hex, "unix:/none")
    sessions = PostgresSessionStore(db)
    play = journey()
    for number, turn in enumerate(play.turns, 1):
        users = [turn.user] if turn.user else []
        rows = [pack_row(row) for row in turn.rows]
        part = Part(play.session_id, {play.session_id: users}, rows)
        await flushes.flush(lease, number, encode_batch([part]))
        [loaded] = await sessions.load([(play.session_id, [])])
        assert loaded is not None
        found = comparable(MEDIATION.load(loaded))
        assert found == comparable(turn.state), (number, turn.name)


def comparable(state: State) -> dict[str, Any]:
    """A state as plain data, so that a difference is shown field by field."""
    plain = {name: getattr(state, name) for name in State.__struct_fields__}
    for letter in ("a", "b"):
        if plain[letter] is not None:
            plain[letter] = {f: getattr(plain[letter], f) for f in Seat.__struct_fields__}
    return plain
