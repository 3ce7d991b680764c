"""Whole turns on a real host and a real Postgres: what stops them, and what becomes of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest
from typer.testing import CliRunner

from beheard_hub.cli import app
from beheard_hub.facilitation import Bundle, DraftCheck, Extraction, Noticed, ToldEvent, Usage
from beheard_hub.link_messages import Acked, EventFrom, PresenceFrom
from beheard_hub.metering import used
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.persistence.migrate import login_secret
from beheard_hub.persistence.usage import DaysUsage, PostgresUsage
from beheard_hub.reactions.budgets import Budgets
from tests.conftest import TestDatabase
from tests.integration.consent.house import House, Pair, Phone

SECONDS_MAX = 60
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
async def house(database: TestDatabase, db: Database) -> AsyncIterator[House]:
    made = House(database, db)
    made.facilitator.extract = extracting  # type: ignore[method-assign]
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def extracting(bundle: Bundle) -> Extraction:
    """The first words of each message as an event, and one that nobody said."""
    used(call="extract", model="small-1", usage=Usage(input=7, output=2, cached=1))
    told = [
        ToldEvent(message_id=item.id, quote=quote, attributed_to="OTHER", emotions=["anger"])
        for item in bundle.items
        for quote in (item.text[:7], "what nobody said")
    ]
    noticed = [
        Noticed(message_id=item.id, needs=["SAFETY"], emotions=["anger"]) for item in bundle.items
    ]
    return Extraction(told, noticed)


async def send(pair: Pair, phone: Phone, text: str) -> str:
    """A message; its id."""
    reply = await pair.do(phone, "message.send", content=text)
    return str(reply["userMessage"]["id"])


async def answers(owner: asyncpg.Connection, user_id: str) -> list[list[str]]:
    """Which messages each stored answer names, those that answer none left out."""
    rows = await owner.fetch(
        """SELECT bundle -> 'answers' AS named FROM "Message" WHERE "forUserId" = $1
           AND role = 'AI' ORDER BY timestamp, id""",
        user_id,
    )
    named = [msgspec.json.decode(row["named"]) for row in rows]
    return [ids for ids in named if ids]


async def remembered(pair: Pair, phone: Phone, owner: asyncpg.Connection) -> None:
    """Until no extraction is outstanding."""
    async with asyncio.timeout(SECONDS_MAX):
        while await owner.fetchval(
            """SELECT EXISTS (SELECT FROM hub."Reminder" WHERE "userId" = $1
               AND kind = 'ai_extract' AND "firedAt" IS NULL)""",
            phone.user_id,
        ):
            await pair.do(phone, "progress.get")


async def events(owner: asyncpg.Connection, user_id: str) -> list[str]:
    rows = await owner.fetch(
        """SELECT e.description FROM "UserEvent" e JOIN "UserVessel" v ON v.id = e."vesselId"
           WHERE v."userId" = $1 ORDER BY e.timestamp""",
        user_id,
    )
    return [row["description"] for row in rows]


async def test_an_answer_leaves_memory_and_its_cost(
    house: House, owner: asyncpg.Connection, db: Database
) -> None:
    pair = await (await house.pair()).to_stage(1)
    await pair.both_settled()
    first = await send(pair, pair.a, "He left without a word.")
    await pair.settled(pair.a)
    await remembered(pair, pair.a, owner)
    user = pair.a.user_id
    assert await events(owner, user) == ["He left"], "and nothing invented"
    row = await owner.fetchrow('SELECT * FROM "Message" WHERE id = $1', first)
    assert (row["extractedNeeds"], row["extractedEmotions"]) == (["SAFETY"], ["anger"])
    assert await events(owner, pair.b.user_id) == []
    rows = await owner.fetch('SELECT * FROM hub."AiUsage" WHERE "sessionId" = $1', pair.id)
    assert [(row["userId"], row["call"], row["input"]) for row in rows] == [(user, "extract", 7)]
    assert await PostgresUsage(db).tokens(user, TODAY) == 10


async def test_messages_that_come_while_one_is_answered_are_answered_together(
    house: House, owner: asyncpg.Connection
) -> None:
    pair = await (await house.pair()).to_stage(1)
    await pair.both_settled()
    house.facilitator.speaking.shut()
    first = await send(pair, pair.a, "First.")
    await house.facilitator.speaking.reached()
    calls = len(house.facilitator.calls)
    later = [await send(pair, pair.a, text) for text in ("Second.", "Third.")]
    assert len(house.facilitator.calls) == calls, "one at a time"
    house.facilitator.speaking.open()
    await pair.settled(pair.a)
    assert await answers(owner, pair.a.user_id) == [[first], later]


def ended(message: Any) -> bool:
    return isinstance(message, EventFrom) and message.name in (
        "session.paused",
        "session.abandoned",
    )


@pytest.mark.parametrize("way", ["session.pause", "session.withdraw", "account.erase"])
async def test_who_stops_the_session_stops_the_answer(
    house: House, owner: asyncpg.Connection, way: str
) -> None:
    pair = await (await house.pair()).to_stage(1)
    await pair.both_settled()
    house.facilitator.speaking.shut()
    waiting = await send(pair, pair.a, "He left without a word.")
    await house.facilitator.speaking.reached()
    since, stopped = len(pair.b.received), house.facilitator.stopped
    await pair.a.do(way, "" if way == "account.erase" else pair.id)
    await pair.b.hears(ended, since=since)
    assert house.facilitator.stopped == stopped + 1
    house.facilitator.speaking.open()
    assert await answers(owner, pair.a.user_id) == []
    if way == "session.pause":
        await pair.do(pair.b, "session.resume")
        await pair.settled(pair.a)
        assert await answers(owner, pair.a.user_id) == [[waiting]]


async def test_a_crashed_host_loses_no_message(
    house: House, owner: asyncpg.Connection, database: TestDatabase, db: Database
) -> None:
    pair = await (await house.pair()).to_stage(1)
    await pair.both_settled()
    house.facilitator.speaking.shut()
    waiting = await send(pair, pair.a, "He left without a word.")
    await house.facilitator.speaking.reached()
    await house.host._background.stop()  # nothing is flushed or given back any more
    await house.reactor.stop()
    other = House(database, db)
    other.facilitator.extract = extracting  # type: ignore[method-assign]
    await other.start()
    try:
        await other.host.adopt(house.host.host_id)
        phone = Phone(other.host, pair.a.user_id)
        phone.listen(pair.id)
        await pair.settled(phone)
        await remembered(pair, phone, owner)
        assert await answers(owner, phone.user_id) == [[waiting]]
        assert len(other.facilitator.given("He left", 0)) == 1
        assert await events(owner, phone.user_id) == ["He left"]
    finally:
        await other.stop()


async def test_a_budget_that_is_spent_in_the_table_holds_on_every_host(
    house: House, owner: asyncpg.Connection, db: Database
) -> None:
    pair = await (await house.pair()).to_stage(1)
    for phone in pair.both:
        await pair.settled(phone)
    await owner.execute(
        """INSERT INTO hub."AiUsage" (id, "sessionId", "userId", call, model, input, output, cached)
           VALUES ($1 || 'u', $1, $2, 'stage1', 'large-1', 80, 15, 5)""",
        pair.id,
        pair.a.user_id,
    )
    budgets = Budgets(house.tools.clock, PostgresUsage(db), user=100)
    house.reactor.tools = msgspec.structs.replace(house.tools, budgets=budgets)
    since = len(pair.a.received)
    calls = len(house.facilitator.calls)
    await send(pair, pair.a, "Hello?")
    await pair.a.hears(
        lambda m: isinstance(m, EventFrom) and m.name == "ai.budget_reached", since=since
    )
    assert len(house.facilitator.calls) == calls
    await send(pair, pair.b, "And I?")
    await pair.settled(pair.b)
    assert len(house.facilitator.calls) == calls + 1, "the other has a budget of their own"
    house.reactor.tools = house.tools
    await pair.do(pair.a, "message.retry")
    await pair.settled(pair.a)
    assert len(await answers(owner, pair.a.user_id)) == 1


async def test_operators_see_sums_and_nobody(
    house: House,
    owner: asyncpg.Connection,
    db: Database,
    database: TestDatabase,
    postgres: EmbeddedPostgres,
) -> None:
    pair = await house.pair()
    await owner.execute('DELETE FROM hub."AiUsage"')
    async with owner.transaction():  # so that all three are of one day, also at midnight
        now: datetime = await owner.fetchval("SELECT now()")
        for number, phone in enumerate((pair.a, pair.a, pair.b)):
            await owner.execute(
                """INSERT INTO hub."AiUsage"
                   (id, "sessionId", "userId", call, model, input, output, cached)
                   VALUES ($1, $2, $3, 'stage1', 'large-1', 10, 2, 3)""",
                f"{pair.id}-{number}",
                pair.id,
                phone.user_id,
            )
    whole = {"calls": 3, "users": 2, "input": 30, "output": 6, "cached": 9}
    assert await PostgresUsage(db).by_day(TODAY) == [
        DaysUsage(day=now.date(), call="stage1", model="large-1", **whole)
    ]
    assert await PostgresUsage(db).tokens(None, TODAY) == 45

    url = database.owner_url
    secret = login_secret(url, postgres.data_dir)
    where = {"DATABASE_URL": url, "BEHEARD_DATABASE_LOGIN_SECRET": secret}
    said = await asyncio.to_thread(CliRunner().invoke, app, ["usage", "--json"], env=where)
    shown = json.loads(said.stdout)
    assert shown["total"] == {"calls": 3, "input": 30, "output": 6, "cached": 9}
    assert [row["call"] for row in shown["rows"]] == ["stage1"]
    assert pair.id not in said.stdout
    assert pair.a.user_id not in said.stdout


async def test_a_hint_on_a_draft_is_heard_by_its_author_alone(
    house: House, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beheard_hub.domain.mediation.handlers.drafts.DRAFT_REST", timedelta(0))
    hint = "You could begin with a guess."
    house.facilitator.draft_check = DraftCheck(curious=False, hint=hint, prompt_version="p/1")
    pair = await (await house.pair()).to_stage(2)
    for phone in pair.both:
        await pair.settled(phone)
    await pair.do(pair.b, "progress.get")
    heard = len(pair.b.received)
    await pair.do(pair.a, "empathy.save_draft", content="You were wrong.", readyToShare=False)
    await pair.a.hears(lambda m: hint in repr(m))
    assert house.facilitator.drafts == ["You were wrong."]
    [row] = await owner.fetch('SELECT * FROM "Message" WHERE content = $1', hint)
    assert (row["forUserId"], row["stage"], row["promptVersion"]) == (pair.a.user_id, 2, "p/1")
    assert not await owner.fetchval(
        """SELECT EXISTS (SELECT FROM hub."Reminder" WHERE kind = 'draft_check'
           AND "firedAt" IS NULL)"""
    )
    await pair.do(pair.b, "progress.get")
    told = [m for m in pair.b.received[heard:] if not isinstance(m, PresenceFrom)]
    assert [type(message) for message in told] == [Acked]
