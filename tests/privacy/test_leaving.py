"""Somebody leaves a hub that is at work (spec 4.5): what the partner sees, and what is left."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest

from beheard_hub.client import ConnectionLost, Hub, HubError, Refused
from beheard_hub.demo.record import PlayResult
from tests.conftest import TestDatabase
from tests.integration.database.test_erasure import GOES
from tests.privacy.house import House, Inhabitant
from tests.privacy.player import Player
from tests.privacy.script import Pair, play
from tests.privacy.script import pair as pair_of

WAIT_SECONDS_MAX = 60
LEAVING_SECONDS = 0.05
"""Between two looks at the marks."""
UNAUTHENTICATED = 4401


def plain(text: str, _: bool) -> str:
    """In these words."""
    return text


@asynccontextmanager
async def two(house: House) -> AsyncIterator[tuple[Pair, Inhabitant, Inhabitant]]:
    """Two people with an active session, both connected and listening."""
    people = house.person("Anouk"), house.person("Bela")
    async with AsyncExitStack() as stack:
        hubs = [await stack.enter_async_context(house.connect(one)) for one in people]
        result = PlayResult()
        a = Player("a", "Anouk", hubs[0], plain, result)
        b = Player("b", "Bela", hubs[1], plain, result)
        for player in (a, b):
            stack.push_async_callback(player.hang_up)
        pair = Pair(a, b, result)
        await pair.begin()
        yield pair, *people


async def me(hub: Hub) -> str:
    """The caller's user id."""
    return (await hub.profile.get()).user.id


async def erased(owner: asyncpg.Connection, user_id: str) -> None:
    """Waits for the end of the erasure."""
    query = """SELECT "finishedAt" IS NOT NULL FROM hub."Erasure" WHERE "userId" = $1"""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not await owner.fetchval(query, user_id):  # noqa: ASYNC110 - another process's work
            await asyncio.sleep(LEAVING_SECONDS)


async def left_of(owner: asyncpg.Connection, user_id: str) -> dict[str, int]:
    """Tables in which rows of the user are, with how many."""
    found = {}
    for table, column in GOES.items():
        whose = f'"{column}"'
        if column == "vesselId":
            whose = '(SELECT v."userId" FROM "UserVessel" v WHERE v.id = "vesselId")'
        found[table] = await owner.fetchval(
            f"SELECT count(*) FROM {table} WHERE {whose} = $1", user_id
        )
    return {table: count for table, count in found.items() if count}


async def gone(hub: Hub) -> ConnectionLost:
    """Waits until the hub has ended this connection, and how."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while True:
            try:
                await hub.command("profile.get")
            except ConnectionLost as lost:
                return lost
            except Refused:
                await asyncio.sleep(LEAVING_SECONDS)


async def test_the_partner_goes_on(house: House, owner: asyncpg.Connection) -> None:
    async with two(house) as (pair, anouk, _):
        a, b = pair.a, pair.b
        async with house.connect(anouk) as second:
            who = await me(a.hub)
            await pair.advance()
            await a.say("I am tired of the dishes")
            await a.hub.profile.erase()
            for connection in (a.hub, second):
                lost = await gone(connection)
                assert lost.close_code == UNAUTHENTICATED
        ended = await b.event("the end", lambda event: event.name == "session.abandoned")
        assert ended.data == {}
        await erased(owner, who)
        assert await left_of(owner, who) == {}
        shown = (await b.do("session.get"))["session"]
        assert shown["status"] == "ABANDONED"
        assert shown["partner"] == {"id": who, "name": "former partner"}
        [listed] = (await b.do("session.list"))["sessions"]
        assert listed["partner"]["name"] == "former partner"
        assert (await b.do("message.list"))["messages"]
        async with house.connect(anouk) as returned:
            assert await me(returned) != who
            assert (await returned.sessions.list()).sessions == []


async def test_what_both_agreed_on_stays(house: House, owner: asyncpg.Connection) -> None:
    people = house.person("Anouk"), house.person("Bela")
    async with pair_of(house, people, {"a": plain, "b": plain}) as pair:
        await play(pair)
        a, b = pair.a, pair.b
        before = await b.do("agreement.list"), await b.do("common_ground.list")
        who = await me(a.hub)
        await a.hub.profile.erase()
        await erased(owner, who)
        assert await left_of(owner, who) == {}
        after = await b.do("agreement.list"), await b.do("common_ground.list")
        assert before[0]["agreements"]
        assert after[0] == before[0]
        assert after[1]["commonGround"] == before[1]["commonGround"]
        shared = await b.do("shared.list")
        assert shared["partner"] == []
        assert shared["mine"]
        with pytest.raises(Refused) as refused:
            await b.do("empathy.partner")
        assert refused.value.code in ("PARTNER_NOT_READY", "CONSENT_REVOKED", "NOT_FOUND")


async def test_who_leaves_while_they_write(house: House, owner: asyncpg.Connection) -> None:
    async with two(house) as (pair, anouk, _):
        a, b = pair.a, pair.b
        who = await me(a.hub)
        async with house.connect(anouk) as second:
            mine, others = a.hub.session(pair.session_id), second.session(pair.session_id)

            async def write(number: int) -> None:
                with contextlib.suppress(HubError):
                    by = (mine, others)[number % 2]
                    await by.emotions.record(number % 10 + 1, context="too much")

            async def create() -> None:
                with contextlib.suppress(HubError):
                    await second.sessions.create(invite_name="somebody else")

            await asyncio.gather(
                *(write(number) for number in range(40)),
                *(create() for _ in range(5)),
                a.hub.profile.erase(),
                *(write(number) for number in range(40)),
                *(create() for _ in range(5)),
            )
        await erased(owner, who)
        assert await left_of(owner, who) == {}
        open_ones = """SELECT count(*) FROM "Session" s JOIN "UserVessel" v ON v."sessionId" = s.id
            WHERE v."userId" = $1 AND s.status NOT IN ('RESOLVED', 'ABANDONED')"""
        assert await owner.fetchval(open_ones, who) == 0
        await b.event("the end", lambda event: event.name == "session.abandoned")


async def test_who_leaves_while_they_accept(house: House, owner: asyncpg.Connection) -> None:
    inviter, guest = house.person("Ines"), house.person("Gus")
    async with house.connect(inviter) as host, house.connect(guest) as hub:
        who = await me(hub)
        made = [await host.sessions.create(invite_name="Gus") for _ in range(3)]

        async def accept(invitation_id: str) -> None:
            with contextlib.suppress(HubError):
                await hub.invitations.accept(invitation_id)

        await asyncio.gather(
            accept(made[0].invitation_id),
            hub.profile.erase(),
            accept(made[1].invitation_id),
            accept(made[2].invitation_id),
        )
        await erased(owner, who)
        assert await left_of(owner, who) == {}
        unerased = 'SELECT count(*) FROM "UserVessel" WHERE "userId" = $1 AND "erasedAt" IS NULL'
        assert await owner.fetchval(unerased, who) == 0


async def test_who_was_asked_again_and_left_is_awaited_no_more(
    house: House, owner: asyncpg.Connection
) -> None:
    async with two(house) as (pair, _, _):
        a, b = pair.a, pair.b
        who = await me(b.hub)
        await a.do("session.withdraw")
        again = await a.hub.sessions.create(person_id=who)
        assert again.session.partner is not None
        assert again.session.partner.name == "Bela"
        await b.hub.profile.erase()
        await erased(owner, who)
        shown = (await a.hub.command("session.get", session_id=again.session.id)).data["session"]
        assert shown["status"] == "ABANDONED"
        assert shown["partner"]["name"] == "former partner"
        with pytest.raises(Refused) as refused:
            await a.hub.sessions.create(person_id=who)
        assert refused.value.code == "NOT_FOUND"


async def test_leaving_twice_is_harmless(house: House, owner: asyncpg.Connection) -> None:
    someone = house.person("Twice")
    seen = set()
    for _ in range(2):
        async with house.connect(someone) as hub:
            who = await me(hub)
            seen.add(who)
            answers = await asyncio.gather(
                hub.profile.erase(), hub.profile.erase(), return_exceptions=True
            )
            assert None in answers
            await erased(owner, who)
    assert len(seen) == 2
    log = """SELECT outcome, target FROM hub."AuditLog" WHERE "actorId" = ANY ($1) ORDER BY at"""
    rows = [tuple(row) for row in await owner.fetch(log, list(seen))]
    assert rows == [("begun", None), ("done", None)] * 2


async def test_a_reminder_that_was_lost_comes_again(
    house: House, owner: asyncpg.Connection, database: TestDatabase
) -> None:
    """What a crash leaves: the marks and the rows, and nothing in memory."""
    async with two(house) as (pair, _, _):
        who = await me(pair.a.hub)
        first = """INSERT INTO hub."Erasure" ("userId") VALUES ($1)"""
        await owner.execute(first, who)
        left = """INSERT INTO hub."Reminder" (id, shard, kind, "dueAt", payload)
            SELECT 'left-' || $1, n, 'erase_account', now(), jsonb_build_object('userId', $1::text,
              'asked', '[]'::jsonb) FROM generate_series(0, 0) n"""
        await owner.execute(left, who)
        await erased(owner, who)
        assert await left_of(owner, who) == {}
        await pair.b.event("the end", lambda event: event.name == "session.abandoned")
