"""What the logs keep no longer goes, in small bites; who comes back too late gets a snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from beheard_hub.actors.host import Host
from beheard_hub.bootstrap import build_host
from beheard_hub.domain.limits import (
    EVENT_AGE_MAX,
    EVENTS_PER_USER_MAX,
    LEASE_AGE_MAX,
    RECEIPT_AGE_MAX,
    REMINDER_AGE_MAX,
    USAGE_AGE_MAX,
)
from beheard_hub.link_messages import SnapshotFrom, SubscribedFrom, SubscribeTo, ToGateway
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.expiry import PASS_SECONDS, Expired, Expiry, ExpiryLimits
from beheard_hub.ports import StoreUnavailable
from beheard_hub.runtime import Runtime
from beheard_hub.testing.memory_stores import ManualClock
from tests.conftest import TestDatabase
from tests.integration.persistence import scene
from tests.integration.persistence.scene import SESSION, A, B

MINUTE = timedelta(minutes=1)
SMALL = ExpiryLimits(rows_max=2, seats_max=1)


class Naps:
    """Sleeps that do not last, and what they were asked for; the last one cancels."""

    def __init__(self, count_max: int = 1_000) -> None:
        self.asked: list[float] = []
        self._count_max = count_max

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        if len(self.asked) == self._count_max:
            raise asyncio.CancelledError


@pytest.fixture(scope="module", autouse=True)
async def played(database: TestDatabase) -> None:
    connection = await asyncpg.connect(database.owner_url)
    await scene.play(connection)
    await connection.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(autouse=True)
async def empty(owner: asyncpg.Connection) -> None:
    await owner.execute(
        'DELETE FROM hub."SessionEvent"; DELETE FROM hub."CommandReceipt";'
        ' DELETE FROM hub."Reminder"'  # a host would begin with what is due
    )


async def events(
    owner: asyncpg.Connection, clock: ManualClock, user: str, *ages: timedelta, first: int = 1
) -> None:
    """Events of these ages, seq from `first` on."""
    await owner.executemany(
        'INSERT INTO hub."SessionEvent" ("sessionId", "userId", seq, name, at)'
        " VALUES ($1, $2, $3, 'message.created', $4)",
        [(SESSION, user, seq, clock.now() - age) for seq, age in enumerate(ages, first)],
    )


async def receipts(owner: asyncpg.Connection, clock: ManualClock, *ages: timedelta) -> None:
    """Receipts of these ages, named by their place."""
    await owner.executemany(
        'INSERT INTO hub."CommandReceipt" ("sessionId", "userId", "commandId", name, digest, at)'
        " VALUES ($1, $2, $3, 'message.send', 'd', $4)",
        [("" if n % 2 else SESSION, A, f"c-{n}", clock.now() - age) for n, age in enumerate(ages)],
    )


async def left(owner: asyncpg.Connection, user: str) -> list[int]:
    rows = await owner.fetch(
        'SELECT seq FROM hub."SessionEvent" WHERE "userId" = $1 ORDER BY seq', user
    )
    return [row["seq"] for row in rows]


async def test_receipts_are_kept_for_their_time(
    db: Database, owner: asyncpg.Connection, clock: ManualClock
) -> None:
    old, young = RECEIPT_AGE_MAX + MINUTE, RECEIPT_AGE_MAX - MINUTE
    await receipts(owner, clock, old, young, old, young, old, old, old)
    naps = Naps()
    assert await Expiry(db, clock, naps, SMALL).once() == Expired(receipts=5, events=0, usage=0)
    kept = await owner.fetch('SELECT "commandId" FROM hub."CommandReceipt" ORDER BY 1')
    assert [row[0] for row in kept] == ["c-1", "c-3"]
    assert naps.asked == [SMALL.pause_seconds] * 7, "two, two, one; and nothing of the others"
    clock.advance(2 * MINUTE.total_seconds())
    assert (await Expiry(db, clock, Naps()).once()).receipts == 2


async def test_events_go_by_age_and_the_newest_stays(
    db: Database, owner: asyncpg.Connection, clock: ManualClock
) -> None:
    old, young = EVENT_AGE_MAX + MINUTE, EVENT_AGE_MAX - MINUTE
    await events(owner, clock, A, *[old] * 5, young, young)
    await events(owner, clock, B, *[old] * 4)
    assert await Expiry(db, clock, Naps(), SMALL).once() == Expired(receipts=0, events=8, usage=0)
    assert await left(owner, A) == [6, 7]
    assert await left(owner, B) == [4], "from it the next seq is counted"
    assert await Expiry(db, clock, Naps(), SMALL).once() == Expired(0, 0, 0)


async def test_events_go_by_count(
    db: Database, owner: asyncpg.Connection, clock: ManualClock
) -> None:
    await events(owner, clock, A, *[MINUTE] * (EVENTS_PER_USER_MAX + 3))
    await events(owner, clock, B, *[MINUTE] * 3)
    assert await Expiry(db, clock, Naps()).once() == Expired(receipts=0, events=3, usage=0)
    assert (await left(owner, A))[0] == 4
    assert len(await left(owner, A)) == EVENTS_PER_USER_MAX
    assert await left(owner, B) == [1, 2, 3]


async def test_what_calls_cost_is_kept_for_its_time(
    db: Database, owner: asyncpg.Connection, clock: ManualClock
) -> None:
    old, young = USAGE_AGE_MAX + MINUTE, USAGE_AGE_MAX - MINUTE
    await owner.executemany(
        'INSERT INTO hub."AiUsage" (id, "sessionId", "userId", call, model, input, output, cached,'
        " at) VALUES ($1, $2, $3, 'stage1', 'm', 1, 1, 0, $4)",
        [(f"u-{n}", SESSION, A, clock.now() - age) for n, age in enumerate([old, young, old, old])],
    )
    assert (await Expiry(db, clock, Naps(), SMALL).once()).usage == 3
    assert [row[0] for row in await owner.fetch('SELECT id FROM hub."AiUsage"')] == ["u-1"]
    await owner.execute('DELETE FROM hub."AiUsage"')


async def test_a_reminder_that_ran_goes_and_one_that_waits_stays(
    db: Database, owner: asyncpg.Connection, clock: ManualClock
) -> None:
    old, young = REMINDER_AGE_MAX + MINUTE, REMINDER_AGE_MAX - MINUTE
    ran = [old, young, None, old, old]
    await owner.executemany(
        'INSERT INTO hub."Reminder" (id, "sessionId", "userId", shard, kind, "dueAt", "firedAt")'
        " VALUES ($1, $2, $3, 0, 'ai_turn', $4, $5)",
        [
            (f"r-{n}", SESSION, A, clock.now() - 2 * old, age and clock.now() - age)
            for n, age in enumerate(ran)
        ],
    )
    assert (await Expiry(db, clock, Naps(), SMALL).once()).reminders == 3
    kept = await owner.fetch("""SELECT id FROM hub."Reminder" WHERE id LIKE 'r-%' ORDER BY id""")
    assert [row["id"] for row in kept] == ["r-1", "r-2"]
    async with db.as_ops(writes=True) as tx:
        await tx.query("expire.reminders", {"before": clock.now() + old, "limit": 10})
    kept = await owner.fetch("""SELECT id FROM hub."Reminder" WHERE id LIKE 'r-%'""")
    assert [row["id"] for row in kept] == ["r-2"], "however old it is"
    await owner.execute("""DELETE FROM hub."Reminder" WHERE id LIKE 'r-%'""")


async def test_leases_go_when_their_host_is_long_gone_and_owns_nothing(
    db: Database, owner: asyncpg.Connection, clock: ManualClock
) -> None:
    old, young = LEASE_AGE_MAX + MINUTE, LEASE_AGE_MAX - MINUTE
    for number, age in enumerate([old, young, old, old]):
        await owner.execute(
            'INSERT INTO hub."HostLease" ("hostId", epoch, endpoint, "expiresAt", dead)'
            " VALUES ($1, $2, 'e', $3, true)",
            f"gone-{number}", 1_000_000 + number, clock.now() - age,
        )  # fmt: skip
    await owner.execute('UPDATE hub."ShardOwner" SET "hostId" = $1 WHERE shard = 7', "gone-3")
    assert (await Expiry(db, clock, Naps(), SMALL).once()).leases == 2
    left = await owner.fetch(
        """SELECT "hostId" FROM hub."HostLease" WHERE "hostId" LIKE 'gone-%'"""
    )
    assert sorted(row[0] for row in left) == ["gone-1", "gone-3"]
    await owner.execute('UPDATE hub."ShardOwner" SET "hostId" = NULL WHERE shard = 7')
    await owner.execute("""DELETE FROM hub."HostLease" WHERE "hostId" LIKE 'gone-%'""")


async def test_a_pass_is_made_every_hour_whatever_happened_to_the_last_one(
    db: Database, owner: asyncpg.Connection, clock: ManualClock
) -> None:
    await receipts(owner, clock, RECEIPT_AGE_MAX + MINUTE)
    naps = Naps(count_max=9)
    failures = iter([StoreUnavailable("57P03"), ValueError("a fault of ours")])

    class Stumbling(ManualClock):
        """Fails twice, as the database would."""

        def mono(self) -> float:
            for failure in failures:
                raise failure
            return super().mono()

    with pytest.raises(asyncio.CancelledError):
        await Expiry(db, Stumbling(), naps).run()
    pause = ExpiryLimits().pause_seconds
    assert naps.asked == [*[PASS_SECONDS] * 3, *[pause] * 5, PASS_SECONDS]
    assert await owner.fetchval('SELECT count(*) FROM hub."CommandReceipt"') == 0


# ---- a real host on the trimmed log


class Listener:
    """A gateway's line that keeps what the host says."""

    gateway_id = "gateway"

    def __init__(self) -> None:
        self.heard: asyncio.Queue[ToGateway] = asyncio.Queue()

    def send(self, message: ToGateway) -> None:
        """One message of the host."""
        self.heard.put_nowait(message)


@pytest.fixture
async def host(database: TestDatabase, tmp_path: Path) -> AsyncIterator[Host]:
    """A session host with everything that is real in it, in this process."""
    runtime = Runtime({}, database.runtime_url, "secret", str(tmp_path))
    host_id = f"host-{tmp_path.name}"
    parts = await build_host(runtime, host_id, lambda: None)
    await parts.start(f"inprocess:{host_id}")
    yield parts.host
    await parts.drain()


@pytest.mark.parametrize(
    ("after", "answer"), [(0, SnapshotFrom), (4, SnapshotFrom), (5, SubscribedFrom)]
)
async def test_who_resumes_from_before_what_is_left_gets_a_snapshot(
    db: Database, owner: asyncpg.Connection, clock: ManualClock, host: Host,
    after: int, answer: type[ToGateway],
) -> None:  # fmt: skip
    await events(owner, clock, A, *[EVENT_AGE_MAX + MINUTE] * 5, MINUTE, MINUTE)
    await Expiry(db, clock, Naps()).once()
    listener = Listener()
    host.attached(listener)
    host.received(listener, SubscribeTo(1, A, SESSION, after))
    async with asyncio.timeout(60):
        first = await listener.heard.get()
    assert isinstance(first, SnapshotFrom | SubscribedFrom)
    assert (type(first), first.seq) == (answer, 7)
