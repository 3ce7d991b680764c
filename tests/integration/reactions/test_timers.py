"""Every kind of timer on a real host and a real Postgres, in injected time: each fires, once, also
after an outage, after a takeover, and however often it is named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from beheard_hub.domain.kernel import Command, Due
from beheard_hub.domain.mediation.commands import Timer
from beheard_hub.link_messages import EventFrom
from beheard_hub.persistence.database import Database
from tests.conftest import TestDatabase
from tests.integration.consent.house import House, Pair, Phone
from tests.integration.reactions.moved import MovedClock

DAY = timedelta(days=1)
WEEK, MONTH = 7 * DAY, 30 * DAY


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
async def house(database: TestDatabase, db: Database, clock: MovedClock) -> AsyncIterator[House]:
    async with opened(database, db, clock) as made:
        yield made


@asynccontextmanager
async def opened(database: TestDatabase, db: Database, clock: MovedClock) -> AsyncIterator[House]:
    made = House(database, db, clock)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def named(name: str) -> Any:
    return lambda message: isinstance(message, EventFrom) and message.name == name


async def told(owner: asyncpg.Connection, pair: Pair, name: str) -> int:
    """How often each was told it; the same for both."""
    rows = await owner.fetch(
        """SELECT count(*) AS n FROM hub."SessionEvent" WHERE "sessionId" = $1 AND name = $2
           GROUP BY "userId" """,
        pair.id,
        name,
    )
    counts = {row["n"] for row in rows}
    assert len(counts) <= 1
    return counts.pop() if counts else 0


async def open_ones(owner: asyncpg.Connection, session_id: str, kind: str) -> list[datetime]:
    rows = await owner.fetch(
        """SELECT "dueAt" FROM hub."Reminder" WHERE "sessionId" = $1 AND kind = $2
           AND "firedAt" IS NULL ORDER BY "dueAt" """,
        session_id,
        kind,
    )
    return [row["dueAt"] for row in rows]


async def resolved(pair: Pair, clock: MovedClock) -> str:
    """A session that ended well, with an agreement to come back to in ten days; its id."""
    await pair.to_stage(4)
    await pair.do(pair.a, "strategies.propose", description="Tea on Sundays")
    for phone in pair.both:
        await pair.do(phone, "strategies.ready")
    pool = [one["id"] for one in (await pair.do(pair.a, "strategies.list"))["strategies"]]
    for phone in pair.both:
        await pair.do(phone, "strategies.rank", rankedIds=pool)
    when = (clock.now() + 10 * DAY).isoformat()
    made = await pair.do(
        pair.a, "agreement.create", description="Tea on Sundays", type="CHECK_IN",
        followUpDate=when,
    )  # fmt: skip
    key = str(made["agreement"]["id"])
    await pair.do(pair.b, "agreement.confirm", agreementId=key, confirmed=True)
    await pair.do(pair.a, "session.resolve")
    return key


async def test_an_invitation_expires(
    house: House, clock: MovedClock, owner: asyncpg.Connection
) -> None:
    pair = await house.pair()  # two people; A invites anew
    made = await pair.a.do("session.create", inviteName="Robin")
    session_id = made["session"]["id"]
    pair.a.listen(session_id)
    clock.ahead += WEEK - timedelta(minutes=1)
    await pair.a.do("session.get", session_id)
    assert len(await open_ones(owner, session_id, "invitation_expiry")) == 1
    clock.ahead += timedelta(minutes=1)
    await pair.a.hears(named("invitation.expired"))
    async with asyncio.timeout(60):
        while await open_ones(owner, session_id, "invitation_expiry"):
            await pair.a.do("session.get", session_id)
    assert len([e for e in pair.a.events() if e.name == "invitation.expired"]) == 1


async def test_a_pause_has_a_limit(
    house: House, clock: MovedClock, owner: asyncpg.Connection
) -> None:
    pair = await house.pair()
    await pair.do(pair.a, "session.pause")
    clock.ahead += MONTH
    for phone in pair.both:
        await phone.hears(named("session.abandoned"))
    assert await told(owner, pair, "session.abandoned") == 1


async def test_a_session_that_is_left_alone_ends_thirty_days_after_its_last_command(
    house: House, clock: MovedClock, owner: asyncpg.Connection
) -> None:
    pair = await (await house.pair()).to_stage(1)
    clock.ahead += 10 * DAY
    await pair.do(pair.a, "message.send", content="Still here.")
    await pair.settled(pair.a)
    last = clock.now()
    [first] = await open_ones(owner, pair.id, "inactivity")
    clock.ahead += 20 * DAY
    async with asyncio.timeout(60):
        while (ones := await open_ones(owner, pair.id, "inactivity")) == [first]:
            pass  # any command would count as activity
    [second] = ones
    assert abs(second - (last + MONTH)) < DAY, "not a month after it was looked at"
    assert await told(owner, pair, "session.abandoned") == 0
    clock.ahead += 10 * DAY
    await pair.b.hears(named("session.abandoned"))
    assert await told(owner, pair, "session.abandoned") == 1


async def test_an_agreement_is_come_back_to(
    house: House, clock: MovedClock, owner: asyncpg.Connection
) -> None:
    pair = await house.pair()
    key = await resolved(pair, clock)
    clock.ahead += 10 * DAY
    for phone in pair.both:
        await phone.hears(named("agreement.follow_up"))
        [event] = [e for e in phone.events() if e.name == "agreement.follow_up"]
        assert event.data == {"agreementId": key}
    assert await told(owner, pair, "agreement.follow_up") == 1


async def test_one_that_came_due_while_nobody_was_there_fires_at_the_next_start(
    database: TestDatabase, db: Database, clock: MovedClock, owner: asyncpg.Connection
) -> None:
    async with opened(database, db, clock) as house:
        pair = await house.pair()
        await resolved(pair, clock)
    clock.ahead += 20 * DAY
    assert await told(owner, pair, "agreement.follow_up") == 0
    async with opened(database, db, clock) as house:
        late = Phone(house.host, pair.b.user_id)
        late.listen(pair.id, after=0)
        await late.hears(named("agreement.follow_up"))
        assert await told(owner, pair, "agreement.follow_up") == 1
    async with opened(database, db, clock) as house:
        again = Phone(house.host, pair.b.user_id)
        await again.do("session.get", pair.id)
        assert await told(owner, pair, "agreement.follow_up") == 1


async def test_however_often_a_reminder_is_named_it_fires_once(
    house: House, clock: MovedClock, owner: asyncpg.Connection
) -> None:
    pair = await house.pair()
    key = await resolved(pair, clock)
    row = await owner.fetchrow(
        """SELECT id, "dueAt" FROM hub."Reminder" WHERE "sessionId" = $1 AND kind = 'follow_up' """,
        pair.id,
    )
    due = Due(id=row["id"], kind="follow_up", at=row["dueAt"], payload={"agreementId": key})
    clock.ahead += 10 * DAY
    data = Timer(reminder_id=due.id, kind=due.kind, agreement_id=key)
    for _ in range(3):  # by a scan, and twice more before the first of them is durable
        house.reactor.committed(pair.id, [due])
        command = Command(
            id=due.id, name="internal.timer", user_id="", session_id=pair.id, data=data
        )
        house.host.submit_internal(pair.id, command)
    await pair.a.hears(named("agreement.follow_up"))
    await pair.do(pair.a, "session.get")
    assert await told(owner, pair, "agreement.follow_up") == 1


async def test_the_next_owner_of_a_shard_fires_what_the_dead_one_did_not(
    database: TestDatabase, db: Database, clock: MovedClock, owner: asyncpg.Connection
) -> None:
    async with opened(database, db, clock) as first:
        pair = await first.pair()
        await resolved(pair, clock)
        first.host.stopping = True  # it takes nothing any more, timers neither
        clock.ahead += 10 * DAY
        async with opened(database, db, clock) as second:
            await second.host.adopt(first.host.host_id)
            late = Phone(second.host, pair.b.user_id)
            late.listen(pair.id, after=0)
            await late.hears(named("agreement.follow_up"))
            first.host.stopping = False  # too late: its flush would be fenced
            await late.do("session.get", pair.id)
            assert await told(owner, pair, "agreement.follow_up") == 1
