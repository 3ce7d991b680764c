"""A guest is merged while the partner speaks: the exchange ends for the user, charged once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from beheard_hub.facilitation import Delta, Spoken
from beheard_hub.link_messages import DeltaFrom, EventFrom, MergedFrom, Refused, SnapshotFrom
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.register import PostgresRegister
from beheard_hub.practice.scripts import Script
from tests.conftest import TestDatabase
from tests.integration.consent.house import Door
from tests.integration.practice.stage import Stage, staged
from tests.integration.practice.voices import ScriptedVoice

PROVIDER = "https://id.example"


class HeldVoice(ScriptedVoice):
    """Stops after its first word until the door is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.door = Door()

    async def speak(self, script: Script) -> AsyncIterator[Delta | Spoken]:
        async for piece in super().speak(script):
            yield piece
            await self.door.through()


@pytest.fixture
def voice() -> HeldVoice:
    return HeldVoice()


@pytest.fixture
async def stage(
    database: TestDatabase, db: Database, owner: asyncpg.Connection, voice: HeldVoice
) -> AsyncIterator[Stage]:
    async with staged(database, db, owner, voice) as stage:
        yield stage


async def test_the_exchange_goes_on_for_the_user(
    stage: Stage, db: Database, voice: HeldVoice
) -> None:
    guest, user, staff = [await stage.person(role) for role in ("GUEST", "USER", "STAFF")]
    await stage.owner.execute(
        'INSERT INTO "ExternalIdentity" (id, "userId", provider, "externalId")'
        " VALUES ('e', $1, $2, 'ann')", user.user_id, PROVIDER,
    )  # fmt: skip
    _, session = await stage.invited(guest, staff)
    watching = staff.watch(session)
    await staff.hears(lambda m: isinstance(m, SnapshotFrom))
    voice.door.shut()
    await guest.do("practice.send", session, content="You never call.")
    await voice.door.reached()

    linked = await PostgresRegister(db).link(guest.user_id, PROVIDER, "ann", "ann@home.test")
    assert (linked.outcome, linked.sessions) == ("MERGED", [session])
    stage.house.host.merged(guest.user_id, user.user_id, linked.sessions)
    assert any(isinstance(message, MergedFrom) for message in guest.received)
    [anew] = [m for m in staff.received if isinstance(m, Refused)]
    assert (anew.sub, anew.retryable) == (watching, True)
    staff.watch(session, after=len(staff.events()))
    user.listen(session, 0)
    await user.hears(lambda m: isinstance(m, DeltaFrom) and m.reset and m.text == "The ")
    voice.door.open()
    for phone in (user, staff):
        await phone.hears(
            lambda m: isinstance(m, EventFrom) and m.name == "practice.exchange_complete"
        )

    for phone in (user, staff):
        assert [event.seq for event in phone.events()] == [1, 2, 3, 4]
    assert len(voice.scripts["partner"]) == 1, "asked once"
    messages = await stage.rows("Message", session)
    assert [row["role"] for row in messages] == ["user", "partner", "coach"]
    used = await stage.rows("UsageLog", session)
    assert [(row["streamType"], row["userId"]) for row in used] == [
        ("partner", user.user_id),
        ("coach", user.user_id),
    ]
    again = await stage.owner.fetchval(
        """SELECT count(*) FROM hub."Reminder" WHERE "userId" = $1""", guest.user_id
    )
    assert again == 0
