"""Somebody leaves, after any turn of a whole journey: the partner's session is the same in memory
and in the database, nobody is told but the partner, and nothing of who left is known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg

from beheard_hub.domain.kernel import Command, Decision, Insert, Loaded, Row, Update
from beheard_hub.domain.mediation.internal import EraseSeat
from beheard_hub.domain.mediation.kind import MEDIATION
from beheard_hub.domain.mediation.state import State
from beheard_hub.domain.mediation.vocabulary import FINAL
from beheard_hub.persistence.batch import Part, encode_batch, pack_row
from tests.conftest import TestDatabase
from tests.integration.domain.test_replay import comparable, journey
from tests.unit.domain.play import A, B, CountingIds

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FLUSH = "SELECT hub.flush($1, $2, $3, $4::text::jsonb)"
REMINDER = "leaving"


class LateIds(CountingIds):
    """Ids that no turn of the journey has."""

    def ordered(self) -> str:
        return f"late{next(self._next):04}"


class Database:
    """One connection: a turn is committed, an erasure is tried and taken back."""

    def __init__(self, sql: asyncpg.Connection, session_id: str) -> None:
        self.sql = sql
        self.session_id = session_id
        self.host = uuid4().hex
        self.number = 0
        self.epoch = 0

    async def flush(self, user: str, rows: Sequence[Row], session_id: str = "") -> None:
        self.number += 1
        session_id = session_id or self.session_id
        part = Part(session_id, {session_id: [user] if user else []}, [pack_row(r) for r in rows])
        batch = encode_batch([part]).decode()
        said = await self.sql.fetchval(FLUSH, self.host, self.epoch, self.number, batch)
        assert said == "ok"

    async def load(self) -> State:
        row = await self.sql.fetchrow(
            "SELECT * FROM hub.load_sessions(ARRAY[$1], '{}')", self.session_id
        )
        await self.sql.execute("RESET ROLE")
        values = {key: json.loads(row[key]) for key in ("facts", "names", "seqs", "receipts")}
        return MEDIATION.load(Loaded(session_id=self.session_id, **values))


def leave(state: State, user: str) -> Decision[State]:
    """The seat's turn."""
    data = EraseSeat(reminder_id=REMINDER)
    command = Command(id=REMINDER, name="internal.erase_seat", user_id=user, data=data)
    return MEDIATION.decide(state, command, NOW, LateIds())


def check(before: State, decision: Decision[State], user: str) -> None:
    """What holds of the decision alone."""
    after = decision.state
    assert after.status in FINAL
    if before.status in FINAL:
        assert after.status == before.status
    told = [notice.name for notice in decision.notices]
    assert {notice.user_id for notice in decision.notices} <= {A, B} - {user}
    both = before.b is not None
    assert ("session.abandoned" in told) == (both and before.status not in FINAL)
    assert set(told) <= {"session.abandoned", "progress.changed"}
    assert user not in MEDIATION.members(after)
    stone = after.seat(user)
    assert stone is not None
    left = [stone.needs, stone.consents, stone.ideas, stone.events, stone.readings, stone.draft]
    assert not any(left)
    assert not any(content.user_id == user for content in after.contents.values())
    assert list(after.agreements) == list(before.agreements)
    assert list(after.common_ground) == list(before.common_ground)
    assert MEDIATION.decide(after, again(user), NOW, LateIds()).state == after


def again(user: str) -> Command:
    """The same once more, as after a crash between commit and reminder."""
    data = EraseSeat(reminder_id=REMINDER)
    return Command(id=REMINDER, name="internal.erase_seat", user_id=user, data=data)


async def try_to_leave(database: Database, state: State, user: str) -> None:
    """Erases the seat, compares, and takes it back."""
    transaction = database.sql.transaction()
    await transaction.start()
    number = database.number
    decision = leave(state, user)
    check(state, decision, user)
    mark = Insert("hub.Erasure", {"userId": user, "startedAt": NOW})
    await database.flush(user, [mark], "none")
    reminder: dict[str, Any] = {"id": REMINDER, "sessionId": database.session_id, "shard": 1}
    await database.flush(user, [Insert("hub.Reminder", {**reminder, "kind": "x", "dueAt": NOW})])
    done = [Update("hub.Reminder", {"id": one}, {"firedAt": NOW}) for one in decision.done]
    await database.flush(user, [*decision.rows, *done])
    await database.sql.execute("RESET ROLE")
    expected = decision.state
    partner = expected.partner_of(user)
    if partner is not None:  # the time of the newest event: no events are written here
        partner.event_at = getattr(state.partner_of(user), "event_at", None)
    assert comparable(await database.load()) == comparable(expected)
    await transaction.rollback()
    database.number = number


async def test_after_any_turn_the_partner_has_the_same_session(database: TestDatabase) -> None:
    sql = await asyncpg.connect(database.owner_url)
    try:
        for user in (A, B):
            statement = """INSERT INTO "User" (id, name, role) VALUES ($1, $1, 'USER')"""
            await sql.execute(statement, user)
        play = journey()
        stored = Database(sql, play.session_id)
        stored.epoch = await sql.fetchval("SELECT hub.lease_open($1, 'none')", stored.host)
        for turn in play.turns:
            await stored.flush(turn.user, turn.rows)
            for user in (A, B):
                if turn.state.seat(user) is not None:
                    await try_to_leave(stored, turn.state, user)
    finally:
        await sql.close()
