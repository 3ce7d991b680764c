"""What a practice session writes is accepted by Postgres, and loads as the same state."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from beheard_hub.domain.kernel import Command, Due, Insert, Loaded, Row, Update
from beheard_hub.domain.practice.state import State
from beheard_hub.persistence import sql
from beheard_hub.persistence.batch import Part, encode_batch, pack_row
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.flush_store import PostgresFlushStore
from beheard_hub.persistence.stores import PostgresLeaseStore
from tests.conftest import TestDatabase
from tests.unit.domain.practice.rehearsal import ANNA, DAY, INVITATION, RITA, Rehearsal


class Turned(msgspec.Struct):
    """One turn: its rows, and the state after it."""

    rows: list[Row]
    state: State


class Recorded(Rehearsal):
    """Keeps every turn for a later flush."""

    def __init__(self, *, invited: bool) -> None:
        super().__init__(invited=invited, expires_in=36_500 * DAY)
        self.turns: list[Turned] = []
        opening: list[Row] = [
            Insert(table, {k: v for k, v in row.items() if v is not None})
            for table in ("practice.ConversationSession", "practice.TelemetryEvent")
            for row in self.tables.rows(table)
        ]
        opening += [self._reminder(due) for due in self.opening]
        if invited:
            claimed = {"claimedAt": self.now, "linkedUserId": ANNA}
            opening.append(Update("practice.Invitation", {"id": INVITATION}, claimed))
        self.turns.append(Turned(opening, self.state))

    def decide(self, command: Command) -> Any:
        answer = super().decide(command)
        rows: list[Row] = [*self.last.rows, *(self._reminder(due) for due in self.last.dues)]
        rows += [Update("hub.Reminder", {"id": i}, {"firedAt": self.now}) for i in self.last.done]
        self.turns.append(Turned(rows, self.state))
        return answer

    def _reminder(self, due: Due) -> Insert:
        return Insert(
            "hub.Reminder",
            {
                "id": due.id,
                "sessionId": self.state.id,
                "userId": due.user_id,
                "shard": 1,
                "kind": due.kind,
                "dueAt": due.at,
                "payload": due.payload,
            },
        )


@pytest.fixture
async def people(owner: asyncpg.Connection) -> None:
    """A participant and the researcher who invited."""
    await owner.execute('INSERT INTO "User" (id, role) VALUES ($1, $2)', ANNA, "USER")
    await owner.execute('INSERT INTO "User" (id, role) VALUES ($1, $2)', RITA, "STAFF")
    await owner.execute(
        'INSERT INTO practice."Invitation" (id, token, quota, "expiresAt", "createdById")'
        " VALUES ($1, $2, '{\"tokens\": 1000}', '2126-02-05 12:00:00+00', $3)",
        INVITATION, "0" * 64, RITA,
    )  # fmt: skip


def played(*, invited: bool) -> Recorded:
    """Exchanges, one of them with both kinds of failure, until the participant ends it."""
    game = Recorded(invited=invited)
    game.exchange()
    game.send("again")
    game.fail()
    game.do("practice.retry")
    game.reply()
    game.fail()
    game.do("practice.retry")
    game.reply()
    game.do("practice.complete")
    return game


@pytest.mark.parametrize("invited", [True, False])
async def test_every_turn_is_stored_and_loads_as_the_same_state(
    database: TestDatabase, db: Database, owner: asyncpg.Connection, people: None, invited: bool
) -> None:
    game = played(invited=invited)
    lease = await PostgresLeaseStore(db).open(str(uuid4()), "nowhere")
    store = PostgresFlushStore(database.runtime_url)
    try:
        for number, turn in enumerate(game.turns, 1):
            part = Part("x", {game.state.id: [ANNA]}, [pack_row(row) for row in turn.rows])
            await store.flush(lease, number, encode_batch([part]))
            async with db.as_nobody() as tx:
                [row] = await tx.fetch(sql.text("practice.load"), [game.state.id], {})
            loaded = game.kind.load(
                Loaded(session_id=row["sessionId"], facts=row["facts"], names=row["names"])
            )
            assert loaded == turn.state, number
    finally:
        await store.close()
        for table in ("UsageLog", "Message", "TelemetryEvent", "ConversationSession", "Invitation"):
            await owner.execute(f'DELETE FROM practice."{table}"')
        await owner.execute('DELETE FROM hub."Reminder"')
        await owner.execute('DELETE FROM "User"')
