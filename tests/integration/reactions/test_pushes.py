"""Pushes of a real host on a real Postgres, by the real SDK, to the stand-in of Ably."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from beheard_hub.actors import looking_back
from beheard_hub.domain.sharding import shard_of
from beheard_hub.persistence.database import Database
from beheard_hub.push.ably import AblyCourier
from beheard_hub.settings import Push
from beheard_hub.testing.ably_api import FAULTS, AblyApi, served
from tests.conftest import TestDatabase
from tests.integration.consent.house import CANARY, House, Pair, Phone
from tests.integration.reactions.moved import MovedClock

KEY = "app.key:of-the-tests"
SECONDS_MAX = 60


class Post:
    """The stand-in, and what makes hosts that send to it."""

    def __init__(self, database: TestDatabase, db: Database, api: AblyApi, port: int) -> None:
        self.api = api
        self.clock = MovedClock()
        self._database = database
        self._db = db
        self._port = port

    @asynccontextmanager
    async def house(self) -> AsyncIterator[House]:
        push = Push(ably_api_key=KEY, rest_host="127.0.0.1", port=self._port, tls=False)
        courier = AblyCourier(KEY, push)
        house = House(self._database, self._db, self.clock, courier=courier)
        await house.start()
        try:
            yield house
        finally:
            await house.stop()
            await courier.close()


@pytest.fixture
async def post(
    database: TestDatabase, db: Database, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Post]:
    """Its houses do not look back at what others of this database left unsaid."""
    monkeypatch.setattr(looking_back, "GRACE_SECONDS", 3600.0)
    api = AblyApi(KEY)
    async with served(api) as url:
        yield Post(database, db, api, int(url.rpartition(":")[2]))


async def notify(owner: asyncpg.Connection, session_id: str, user_id: str) -> str:
    """What the flush leaves for somebody who is away; the notification's id."""
    key = str(uuid4())
    await owner.execute(
        """INSERT INTO hub."Notification" (id, "userId", "sessionId", type)
           VALUES ($1, $2, $3, 'partner.content_shared')""",
        key, user_id, session_id,
    )  # fmt: skip
    await owner.execute(
        """INSERT INTO hub."Reminder" (id, "sessionId", "userId", shard, kind, "dueAt", payload)
           VALUES ($1, $2, $3, $4, 'push', now(),
                   jsonb_build_object('notificationId', $5::text))""",
        f"r-{key}", session_id, user_id, shard_of(session_id), key,
    )  # fmt: skip
    return key


async def put_off(owner: asyncpg.Connection, key: str) -> None:
    """Until a failure has moved the reminder's time."""
    async with asyncio.timeout(SECONDS_MAX):
        while not await owner.fetchval(
            """SELECT "dueAt" > "createdAt" + interval '3 seconds' FROM hub."Reminder"
               WHERE id = 'r-' || $1""",
            key,
        ):
            pass


async def done(owner: asyncpg.Connection, key: str) -> str | None:
    """Until the reminder is settled; how it was delivered."""
    async with asyncio.timeout(SECONDS_MAX):
        while True:
            row = await owner.fetchrow(
                """SELECT r."firedAt", n."deliveredVia" FROM hub."Reminder" r
                   JOIN hub."Notification" n ON n.id = $1 WHERE r.id = 'r-' || $1""",
                key,
            )
            if row["firedAt"] is not None:
                via: str | None = row["deliveredVia"]
                return via


async def shared(house: House) -> Pair:
    """Two people, one of whom has said the canary."""
    pair = await (await house.pair()).to_stage(2)
    await pair.shared_event()
    await pair.do(pair.b, "message.send", content=CANARY)
    await pair.settled(pair.b)
    await pair.b.do("push_token.set", token="phone-of-b", platform="android")
    return pair


async def test_who_is_away_gets_ids_and_a_text_and_no_word_more(
    post: Post, owner: asyncpg.Connection
) -> None:
    async with post.house() as house:
        pair = await shared(house)
        key = await notify(owner, pair.id, pair.b.user_id)
        assert await done(owner, key) == "push"
    [message], [push] = post.api.published, post.api.pushed
    assert message.channel == f"beheard:user:{pair.b.user_id}"
    assert message.data == {
        "notificationId": key, "type": "partner.content_shared", "sessionId": pair.id,
    }  # fmt: skip
    assert push.body == {
        "recipient": {"transportType": "fcm", "registrationToken": "phone-of-b"},
        "notification": {
            "title": "BeHeard",
            "body": "Your partner took a step. Have a look when you are ready.",
            "collapseKey": pair.id,
        },
        "data": {"notificationId": key, "sessionId": pair.id},
    }
    for request in post.api.requests:
        assert CANARY.encode() not in request.raw
        assert pair.a.user_id.encode() not in request.raw, "who it was is not said"


async def test_whoever_came_meanwhile_gets_none(post: Post, owner: asyncpg.Connection) -> None:
    rule = post.api.script("channel", FAULTS["unavailable"], forever=True)
    async with post.house() as house:
        pair = await shared(house)
        key = await notify(owner, pair.id, pair.b.user_id)
        await put_off(owner, key)
        pair.b.listen(pair.id)
        post.clock.ahead += timedelta(minutes=1)
        rule.stop()
        assert await done(owner, key) == "ws"
    assert (post.api.published, post.api.pushed) == ([], [])


async def test_what_could_not_be_sent_is_sent_by_the_next_host(
    post: Post, owner: asyncpg.Connection
) -> None:
    rule = post.api.script("push", FAULTS["server_error"], forever=True)
    async with post.house() as house:
        pair = await shared(house)
        key = await notify(owner, pair.id, pair.b.user_id)
        await put_off(owner, key)
    assert post.api.pushed == []
    rule.stop()
    post.clock.ahead += timedelta(minutes=20)
    async with post.house():
        assert await done(owner, key) == "push"
    assert len(post.api.published) == 1, "the channel had it already"
    assert len(post.api.pushed) == 1


async def test_a_device_that_is_gone_is_forgotten(post: Post, owner: asyncpg.Connection) -> None:
    post.api.script("push", FAULTS["registration_expired"])
    async with post.house() as house:
        pair = await shared(house)
        first = await notify(owner, pair.id, pair.b.user_id)
        assert await done(owner, first) == "ably"
        async with asyncio.timeout(SECONDS_MAX):
            while await token_of(owner, pair.b):
                pass
        second = await notify(owner, pair.id, pair.b.user_id)
        assert await done(owner, second) == "ably"
        shown = await pair.b.do("profile.get")
    assert not shown["user"]["pushNotificationsEnabled"]
    assert post.api.pushed == []
    payloads = await owner.fetch('SELECT payload::text FROM hub."Reminder"')
    assert not any("phone-of-b" in row["payload"] for row in payloads)


async def token_of(owner: asyncpg.Connection, phone: Phone) -> str | None:
    token: str | None = await owner.fetchval(
        'SELECT "pushToken" FROM "User" WHERE id = $1', phone.user_id
    )
    return token
