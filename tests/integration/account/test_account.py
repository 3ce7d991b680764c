"""The own account through the whole hub: sockets, host, database; only Ray is missing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from beheard_hub.client import Hub, Refused
from beheard_hub.gateway.auth import LocalKey, TokenIdentities
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.stores import PostgresAccounts
from beheard_hub.reactions import inbox
from beheard_hub.runtime import SystemClock
from tests.conftest import TestDatabase
from tests.integration.persistence.scene import at, insert
from tests.privacy.house import House, house_on
from tests.snapshots import partners_name

HEARD_SECONDS_MAX = 60
FIRST_SIGHTS = 50
PROFILE = {"id", "name", "avatarUrl", "role", "createdAt", "email", "activeSessions"} | {
    "pushNotificationsEnabled"
}


@pytest.fixture(scope="module")
async def house(
    database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    async with house_on(database, tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest.fixture
async def ada(house: House) -> AsyncIterator[Hub]:
    async with house.connect(house.person("Ada")) as hub:
        yield hub


@pytest.fixture
async def ben(house: House) -> AsyncIterator[Hub]:
    async with house.connect(house.person("Ben")) as hub:
        yield hub


async def own_id(hub: Hub) -> str:
    return (await hub.profile.get()).user.id


async def together(ada: Hub, ben: Hub) -> str:
    """A session of the two."""
    made = await ada.sessions.create(invite_name="somebody")
    await ben.invitations.accept(made.invitation_id)
    return made.session.id


# ---- profile


async def test_the_own_profile_has_its_fields_and_no_other(ada: Hub) -> None:
    user = (await ada.command("profile.get")).data["user"]
    assert set(user) == PROFILE
    assert (user["name"], user["role"], user["email"]) == ("Ada", "USER", None)
    assert (user["activeSessions"], user["pushNotificationsEnabled"]) == (0, False)
    await ada.sessions.create(invite_name="somebody")
    assert (await ada.profile.get()).user.active_sessions == 1


async def test_a_new_name_is_what_the_partner_reads_next(ada: Hub, ben: Hub) -> None:
    session_id = await together(ada, ben)
    assert await partners_name(ben, session_id) == "Ada"
    renamed = await ada.profile.update(name="  Adelheid ", avatar_url="https://p.example/a.png")
    assert (renamed.user.name, renamed.user.avatar_url) == ("Adelheid", "https://p.example/a.png")
    shown = (await ben.session(session_id).get()).session.partner
    [listed] = (await ben.sessions.list()).sessions
    assert [who and who.name for who in (shown, listed.partner)] == ["Adelheid", "Adelheid"]
    async with asyncio.timeout(HEARD_SECONDS_MAX):  # until the live session has heard of it
        while await partners_name(ben, session_id) != "Adelheid":
            pass


async def test_a_picture_can_be_taken_away_and_nothing_else_with_it(ada: Hub) -> None:
    await ada.profile.update(avatar_url="https://p.example/a.png")
    assert (await ada.profile.update(name="Adele")).user.avatar_url is not None
    cleared = (await ada.profile.clear_avatar()).user
    assert (cleared.name, cleared.avatar_url) == ("Adele", None)


async def test_the_reminders_of_a_new_name_are_settled(
    ada: Hub, ben: Hub, owner: asyncpg.Connection
) -> None:
    session_id = await together(ada, ben)
    await ada.profile.update(name="Adelheid")
    waiting = """SELECT count(*) FROM hub."Reminder"
                 WHERE kind = 'renamed' AND "sessionId" = $1 AND "firedAt" IS NULL"""
    stored = """SELECT count(*) FROM hub."Reminder"
                WHERE kind = 'renamed' AND "sessionId" = $1 AND payload = '{}'"""
    assert await owner.fetchval(stored, session_id) == 1
    async with asyncio.timeout(HEARD_SECONDS_MAX):
        while await owner.fetchval(waiting, session_id):
            pass


async def test_a_repeated_change_has_one_effect(ada: Hub, owner: asyncpg.Connection) -> None:
    data = {"name": "Adelheid"}
    first = await ada.command("profile.update", data, id="change-1")
    await ada.profile.update(name="Adele")
    again = await ada.command("profile.update", data, id="change-1")
    assert not first.duplicate
    assert again.duplicate
    assert again.data["user"]["name"] == "Adele", "a repeated reply is rendered afresh"
    with pytest.raises(Refused) as other:
        await ada.command("profile.update", {"name": "Eve"}, id="change-1")
    assert other.value.code == "CONFLICT"
    logged = await owner.fetch(
        'SELECT reply::text AS reply FROM hub."CommandReceipt" WHERE "userId" = $1',
        await own_id(ada),
    )
    assert logged
    assert not any("Ade" in row["reply"] for row in logged), "a receipt holds no text"


async def test_what_is_wrong_is_named_and_nothing_changes(ada: Hub) -> None:
    with pytest.raises(Refused) as refused:
        await ada.command("profile.update", {"name": "Eve", "avatarUrl": "http://p.example/a"})
    assert refused.value.code == "VALIDATION_ERROR"
    assert list(refused.value.details or {}) == ["avatarUrl"]
    assert (await ada.profile.get()).user.name == "Ada"


# ---- push token


async def test_a_push_token_is_kept_for_its_user_alone(
    ada: Hub, ben: Hub, owner: asyncpg.Connection
) -> None:
    kept = 'SELECT "pushToken", "pushPlatform" FROM "User" WHERE id = $1'
    assert await ada.profile.set_push_token("token-of-ada", platform="ios") is True
    assert tuple(await owner.fetchrow(kept, await own_id(ada))) == ("token-of-ada", "ios")
    assert (await ada.profile.get()).user.push_notifications_enabled
    assert not (await ben.profile.get()).user.push_notifications_enabled
    assert await ada.profile.set_push_token("another", platform="android") is True
    assert tuple(await owner.fetchrow(kept, await own_id(ada))) == ("another", "android")
    for _ in range(2):
        assert await ada.profile.clear_push_token() is False
    assert tuple(await owner.fetchrow(kept, await own_id(ada))) == (None, None)


# ---- inbox


async def notify(owner: asyncpg.Connection, user: str, count: int, **more: Any) -> list[str]:
    """Puts notifications into an inbox; two share each minute, as rows of one commit would."""
    ids = [f"{user}-{number:03}" for number in range(count)]
    for number, one in enumerate(ids):
        await insert(
            owner, "hub.Notification", id=one, userId=user, type="partner.nudged",
            createdAt=at(number // 2), **more,
        )  # fmt: skip
    return ids


async def test_pages_of_the_inbox_lose_and_repeat_nothing(
    ada: Hub, owner: asyncpg.Connection
) -> None:
    ids = await notify(owner, await own_id(ada), 7)
    seen: list[str] = []
    cursor, more = None, True
    while more:
        page = await ada.notifications.unread(cursor=cursor, limit=2)
        assert page.unread_count == 7
        seen += [one.id for one in page.notifications]
        cursor, more = page.cursor, page.has_more
    assert seen == ids[::-1]
    raw = (await ada.command("notifications.unread", {"limit": 1})).data["notifications"]
    assert list(raw[0]) == ["id", "sessionId", "type", "createdAt", "readAt"]


async def test_each_marks_the_own_ones_alone(ada: Hub, ben: Hub, owner: asyncpg.Connection) -> None:
    session_id = await together(ada, ben)
    await ada.notifications.read()  # that Ben joined
    mine = await notify(owner, await own_id(ada), 4, sessionId=session_id)
    theirs = await notify(owner, await own_id(ben), 2, sessionId=session_id)
    done = await ada.notifications.read(mine[0], mine[1], theirs[0], "nowhere")
    assert (done.read, done.unread_count) == (2, 2)
    again = await ada.notifications.read(mine[0])
    assert (again.read, again.unread_count) == (0, 2)
    assert (await ben.notifications.unread()).unread_count == 2
    rest = await ada.notifications.read()
    assert (rest.read, rest.unread_count) == (2, 0)
    page = await ada.notifications.unread()
    assert (list(page.notifications), page.cursor, page.has_more) == ([], None, False)
    stored = await owner.fetch('SELECT "userId", "readAt" FROM hub."Notification"')
    assert {row["userId"] for row in stored if row["readAt"]} == {await own_id(ada)}


async def test_more_than_a_commit_holds_is_read_in_turns(
    ada: Hub, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "NOTIFICATIONS_READ_AT_ONCE_MAX", 3)
    await notify(owner, await own_id(ada), 7)
    left = [(await ada.notifications.read()).unread_count for _ in range(3)]
    assert left == [4, 1, 0]


# ---- export


async def test_the_export_comes_over_http(house: House, owner: asyncpg.Connection) -> None:
    who = house.person("Ada")
    url = house.url.replace("ws", "http", 1).replace("/v1/ws", "/api/v1/auth/me/export")
    async with house.connect(who) as hub, httpx.AsyncClient() as http:
        await hub.sessions.create(invite_name="my brother", context="about the house")
        user = await own_id(hub)
        answer = await http.get(url, headers={"Authorization": f"Bearer {who.token}"})
        assert (await http.get(url)).status_code == 401
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines[0]["type"] == "User"
    assert lines[0]["row"]["id"] == user
    found = {line["type"]: line["row"] for line in lines}
    assert found["Invitation"]["name"] == "my brother"
    assert found["SessionPrivate"]["context"] == "about the house"


# ---- first sight


async def test_fifty_first_sights_at_once_make_one_user(
    database: TestDatabase, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    clock = SystemClock()
    key = LocalKey.open(tmp_path, clock)
    token = key.mint("first-sight", name="Fay")
    pools = [await Database.open(database.runtime_url, size_max=4) for _ in range(2)]
    gateways = [TokenIdentities(key, PostgresAccounts(pool), clock) for pool in pools]
    try:
        seen = await asyncio.gather(
            *(gateways[number % 2].identify(token) for number in range(FIRST_SIGHTS))
        )
    finally:
        for pool in pools:
            await pool.close()
    assert len({identity.user_id for identity in seen}) == 1
    made = await owner.fetch('SELECT id FROM "User" WHERE name = $1', "Fay")
    keys = await owner.fetch(
        'SELECT "userId" FROM "ExternalIdentity" WHERE "externalId" = $1', "first-sight"
    )
    assert [row["id"] for row in made] == [row["userId"] for row in keys] == [seen[0].user_id]
