"""Practices in a host on a real Postgres: a participant, and staff who invited them."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from beheard_hub.link_messages import EventFrom
from beheard_hub.persistence.database import Database
from tests.conftest import TestDatabase
from tests.integration.consent.house import House, Phone
from tests.integration.practice.voices import ScriptedVoice

_numbers = itertools.count(1)
JSON = {"quota", "usage", "metadata", "properties"}
NOBODY_USED = json.dumps({"inputTokens": 0, "outputTokens": 0, "totalTokens": 0})


class Stage:
    """What a test sets up around one host."""

    def __init__(self, house: Any, owner: asyncpg.Connection) -> None:
        """`house`: a `House`, or the parts of a host as the hub makes them."""
        self.house, self.owner = house, owner

    async def person(self, role: str = "USER") -> Phone:
        """Somebody new."""
        user = f"player-{next(_numbers)}"
        await self.owner.execute(
            'INSERT INTO "User" (id, name, role) VALUES ($1, $1, $2)', user, role
        )
        return Phone(self.house.host, user)

    async def change_role(self, phone: Phone, role: str) -> None:
        """From now on."""
        await self.owner.execute('UPDATE "User" SET role = $2 WHERE id = $1', phone.user_id, role)

    async def scenario(self) -> int:
        """One of those that come with the hub."""
        number: int = await self.owner.fetchval(
            """SELECT id FROM practice."Scenario" WHERE slug = 'family-table'"""
        )
        return number

    async def started(self, phone: Phone, preset: str | None = None) -> str:
        """A session without an invitation."""
        made = await phone.do("practice.start", scenarioId=await self.scenario(), presetName=preset)
        session: str = made["session"]["id"]
        phone.listen(session)
        return session

    async def invited(
        self, phone: Phone, by: Phone, tokens: int = 10_000, observed: bool = True
    ) -> tuple[str, str]:
        """(invitation, session) as a claim leaves them."""
        number, now = next(_numbers), datetime.now(UTC)
        await self.owner.execute(
            """INSERT INTO practice."Invitation" (id, token, observed, quota, usage, "expiresAt",
               "claimedAt", "linkedUserId", "createdById")
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
            f"invitation-{number}", f"{number:064x}", observed, json.dumps({"tokens": tokens}),
            NOBODY_USED, now + timedelta(days=9), now, phone.user_id, by.user_id,
        )  # fmt: skip
        session: int = await self.owner.fetchval(
            """INSERT INTO practice."ConversationSession" ("userId", "invitationId", "scenarioId",
               "startedAt") VALUES ($1, $2, $3, $4) RETURNING id""",
            phone.user_id, f"invitation-{number}", await self.scenario(), now,
        )  # fmt: skip
        phone.listen(str(session))
        return f"invitation-{number}", str(session)

    async def rows(self, table: str, session: str) -> list[Mapping[str, Any]]:
        """Of one session, in the order of their time."""
        column = "id" if table == "ConversationSession" else '"sessionId"'
        order = "timestamp, id" if table in ("Message", "UsageLog") else "id"
        found = await self.owner.fetch(
            f'SELECT * FROM practice."{table}" WHERE {column} = $1 ORDER BY {order}', int(session)
        )
        return [
            {k: json.loads(v) if k in JSON and v is not None else v for k, v in row.items()}
            for row in found
        ]


@asynccontextmanager
async def staged(
    database: TestDatabase, db: Database, owner: asyncpg.Connection, voice: ScriptedVoice
) -> AsyncIterator[Stage]:
    """A host whose partner and coach speak with this voice, as long as the test lasts."""
    house = House(database, db, voice=voice)
    await house.start()
    try:
        yield Stage(house, owner)
    finally:
        await house.stop()


async def told(phone: Phone, name: str, since: int = 0) -> None:
    """Until such an event has come."""
    await phone.hears(lambda m: isinstance(m, EventFrom) and m.name == name, since)
