"""The stores of hosts: flush, leases, loads, logs, reminders."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from beheard_hub.domain.kernel import Loaded
from beheard_hub.domain.limits import CLOCKS_APART_MAX
from beheard_hub.domain.mediation.vocabulary import AT_ONCE
from beheard_hub.observability.metrics import REACTIONS_WAITING, REMINDERS_OVERDUE
from beheard_hub.persistence.census import Census
from beheard_hub.persistence.database import ROLES, Database, Transaction
from beheard_hub.persistence.flush_store import PostgresFlushStore, outcome
from beheard_hub.persistence.stores import PostgresLeaseStore, PostgresSessionStore
from beheard_hub.ports import Fenced, Lease, OutcomeUnknown, RowRefused
from beheard_hub.reactions.reactor import LANES
from tests.conftest import TestDatabase
from tests.integration.persistence import scene
from tests.integration.persistence.scene import SESSION, A, B

EMPTY = b"{}"


@pytest.fixture(scope="module", autouse=True)
async def played(database: TestDatabase) -> None:
    connection = await asyncpg.connect(database.owner_url)
    await scene.play(connection)
    await connection.close()


@pytest.fixture
async def flushes(database: TestDatabase) -> AsyncIterator[PostgresFlushStore]:
    store = PostgresFlushStore(database.runtime_url)
    yield store
    await store.close()


@pytest.fixture
def leases(db: Database) -> PostgresLeaseStore:
    return PostgresLeaseStore(db)


@pytest.fixture
def sessions(db: Database) -> PostgresSessionStore:
    return PostgresSessionStore(db)


def batch(table: str, *rows: Mapping[str, Any], writing: Sequence[str] = (A,)) -> bytes:
    op = {"t": table, "op": "i", "cols": list(rows[0]), "rows": rows}
    return msgspec.json.encode({"writing": {SESSION: writing}, "ops": [op]})


def message(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": name,
        "sessionId": SESSION,
        "forUserId": A,
        "senderId": A,
        "role": "USER",
        "content": "words",
        "stage": 1,
        "timestamp": scene.at(60),
        **changes,
    }


async def stored(owner: asyncpg.Connection, name: str) -> int:
    count: int = await owner.fetchval('SELECT count(*) FROM "Message" WHERE id = $1', name)
    return count


# ---- the flush -----------------------------------------------------------------------------------


async def test_a_flush_is_stored_once_however_often_it_is_sent(
    flushes: PostgresFlushStore, leases: PostgresLeaseStore, owner: asyncpg.Connection
) -> None:
    lease = await leases.open("flush-1", "unix:/x")
    await flushes.flush(lease, 1, batch("Message", message("m-once")))
    await flushes.flush(lease, 1, batch("Message", message("m-once")))
    await flushes.flush(lease, 2, EMPTY)
    assert await stored(owner, "m-once") == 1


async def test_a_row_that_is_refused_takes_the_batch_with_it_and_not_the_lease(
    flushes: PostgresFlushStore, leases: PostgresLeaseStore, owner: asyncpg.Connection
) -> None:
    lease = await leases.open("flush-2", "unix:/x")
    poison = message("m-bad", content="c" * 10_001)
    with pytest.raises(RowRefused) as caught:
        await flushes.flush(lease, 1, batch("Message", message("m-good"), poison))
    assert caught.value.sqlstate == "23514"
    assert caught.value.constraint is not None
    assert "ccc" not in str(caught.value)
    assert await stored(owner, "m-good") == 0
    with pytest.raises(RowRefused) as caught:
        await flushes.flush(lease, 1, batch("Message", message("m-foreign", forUserId=B)))
    assert caught.value.sqlstate == "42501"
    await flushes.flush(lease, 1, batch("Message", message("m-good")))
    assert await stored(owner, "m-good") == 1


async def test_a_stale_or_wrong_lease_is_fenced(
    flushes: PostgresFlushStore, leases: PostgresLeaseStore, owner: asyncpg.Connection
) -> None:
    lease = await leases.open("flush-3", "unix:/x")
    for stale in (Lease("flush-3", lease.epoch - 1), Lease("nobody", lease.epoch)):
        with pytest.raises(Fenced):
            await flushes.flush(stale, 1, batch("Message", message("m-stale")))
    await leases.close(lease)
    with pytest.raises(Fenced):
        await flushes.flush(lease, 1, batch("Message", message("m-stale")))
    assert await stored(owner, "m-stale") == 0


async def test_a_cut_flush_is_unknown_and_the_same_number_tells(
    flushes: PostgresFlushStore, leases: PostgresLeaseStore, owner: asyncpg.Connection
) -> None:
    lease = await leases.open("flush-4", "unix:/x")
    await flushes.flush(lease, 1, EMPTY)
    async with owner.transaction():  # holds the lease's row, so that the flush waits for us
        await owner.execute(
            """UPDATE hub."HostLease" SET endpoint = endpoint WHERE "hostId" = 'flush-4'"""
        )
        task = asyncio.create_task(flushes.flush(lease, 2, batch("Message", message("m-cut"))))
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while not (waiting := await owner.fetch(WAITING)):
                assert not task.done(), "the flush did not wait"
        for row in waiting:
            await owner.execute("SELECT pg_terminate_backend($1)", row["pid"])
        with pytest.raises(OutcomeUnknown):
            await task
    await flushes.flush(lease, 2, batch("Message", message("m-cut")))
    assert await stored(owner, "m-cut") == 1


WAIT_SECONDS_MAX = 60
WAITING = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND usename = 'beheard_login' AND wait_event_type = 'Lock'
"""


async def test_a_database_that_is_away_is_unknown(database: TestDatabase) -> None:
    store = PostgresFlushStore("postgresql://u:p@/x?host=/no/such/place")
    with pytest.raises(OutcomeUnknown):
        await store.flush(Lease("h", 1), 1, EMPTY)


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        *[(code, OutcomeUnknown) for code in ("08006", "40001", "53100", "55P03", "57P01")],
        *[(code, OutcomeUnknown) for code in ("58030", "XX000", "25006", None)],
        *[(code, RowRefused) for code in ("23505", "23503", "42501", "BH001", "BH003", "22P05")],
    ],
)
def test_what_an_error_says_about_the_batch(sqlstate: str | None, kind: type) -> None:
    class Failure(Exception):
        pass

    failure = Failure("with words of a person")
    failure.sqlstate = sqlstate  # type: ignore[attr-defined]
    said = outcome(failure)
    assert type(said) is kind
    assert "words" not in str(said)


# ---- leases --------------------------------------------------------------------------------------


LASTS = """
UPDATE hub."HostLease" SET "expiresAt" = now() + interval '1 hour'
WHERE "hostId" IN ('host-1', 'host-2')
"""


async def test_shards_go_from_hand_to_hand(
    leases: PostgresLeaseStore, owner: asyncpg.Connection
) -> None:
    one = await leases.open("host-1", "unix:/one")
    two = await leases.open("host-2", "unix:/two")
    await owner.execute(LASTS)
    assert two.epoch > one.epoch
    assert list(await leases.take(one, [0, 1, 2], None)) == [0, 1, 2]
    assert list(await leases.take(two, [2, 3], None)) == [3], "a live owner keeps its shards"
    await leases.give(one, [2], "host-2")
    table = await leases.routing()
    assert table.owners[:4] == ["host-1", "host-1", "host-2", "host-2"]
    assert len(table.owners) == 256
    assert table.hosts["host-1"].alive
    assert table.hosts["host-2"].endpoint == "unix:/two"
    assert list(await leases.take(two, None, "host-1")) == [0, 1]
    with pytest.raises(Fenced):
        await leases.take(one, [9], None)
    with pytest.raises(Fenced):
        await leases.give(one, [0], "host-2")
    await leases.close(two)
    assert not (await leases.routing()).hosts["host-2"].alive


# ---- loads and logs ------------------------------------------------------------------------------


async def test_sessions_are_loaded_in_the_order_asked(sessions: PostgresSessionStore) -> None:
    missing, loaded = await sessions.load([("none", []), (SESSION, ["user-c"])])
    assert missing is None
    assert loaded is not None
    assert loaded.session_id == SESSION
    assert [member["userId"] for member in loaded.facts["members"]] == [A, B]
    assert loaded.names[A] == "Ada"
    assert loaded.names[""] == "my Benny"
    assert loaded.seqs == {A: 5, B: 5}
    digest = hashlib.sha256(b"c-1").digest()[:8]
    assert loaded.receipts[A] == [int.from_bytes(digest, "big", signed=True)]
    assert "private of" not in repr(loaded)


async def test_more_sessions_than_a_call_holds(sessions: PostgresSessionStore) -> None:
    wanted: list[tuple[str, Sequence[str]]] = [(f"none-{n}", []) for n in range(60)]
    found = await sessions.load([*wanted, (SESSION, [])])
    assert [one is not None for one in found] == [False] * 60 + [True]


async def test_a_rehearsal_loads_what_was_used_last_on_connections_of_their_own(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = await Database.open(database.runtime_url, size_max=4)
    sessions, loaded = PostgresSessionStore(db), []
    load = sessions.load

    async def noted(wanted: Sequence[tuple[str, Sequence[str]]]) -> Sequence[Loaded | None]:
        loaded.append(list(wanted))
        return await load(wanted)

    monkeypatch.setattr(sessions, "load", noted)
    await sessions.rehearse(3)
    assert loaded == [[(SESSION, [])]] * 3
    assert db._pool.get_size() == 3
    await db.close()


async def test_a_directory(sessions: PostgresSessionStore) -> None:
    loaded = await sessions.load_directory(A)
    assert loaded.facts["relationships"] == [
        {"id": "rel", "partnerId": B, "openSessionId": SESSION}
    ]
    assert loaded.names == {A: "Ada", B: "Ben"}
    unknown = await sessions.load_directory("nobody")
    assert unknown.facts["relationships"] == []


async def test_a_receipt_is_found_by_its_user_only(sessions: PostgresSessionStore) -> None:
    found = await sessions.receipt(SESSION, A, "c-1")
    assert found is not None
    assert (found.name, found.digest, found.reply) == ("message.send", "d", {"ok": True})
    assert await sessions.receipt(SESSION, A, "c-2") is None
    assert await sessions.receipt(SESSION, "user-c", "c-1") is None


async def test_events_are_replayed_or_the_log_says_that_it_cannot(
    sessions: PostgresSessionStore, owner: asyncpg.Connection
) -> None:
    async def seqs(after: int, limit: int = 100, user: str = A) -> list[int] | None:
        events = await sessions.events(SESSION, user, after, limit)
        return None if events is None else [event.seq for event in events]

    assert await seqs(0) == [1, 2, 3, 4, 5]
    assert await seqs(2, limit=2) == [3, 4]
    assert await seqs(5) == []
    assert await seqs(9) is None, "a client that is ahead of the log gets a snapshot"
    assert await seqs(0, user="user-c") == []
    await owner.execute("""DELETE FROM hub."SessionEvent" WHERE "userId" = 'user-b' AND seq < 4""")
    assert await seqs(0, user=B) is None
    assert await seqs(3, user=B) == [4, 5]


async def test_reminders_that_are_due(sessions: PostgresSessionStore) -> None:
    now = datetime.now(UTC)
    found = await sessions.reminders([7, 8], now, AT_ONCE, None, 10)
    assert [(one.id, one.kind, one.user_id) for one in found] == [(f"reminder-{A}", "ai_turn", A)]
    assert await sessions.reminders([8], now, AT_ONCE, None, 10) == []
    assert await sessions.reminders([7], now, AT_ONCE, found[0], 10) == [], "from behind it on"


class OneMoment(Database):
    """Operators look within a transaction of the owner, in which the database's clock stands."""

    def __init__(self, owner: asyncpg.Connection) -> None:
        self._owner = owner

    @contextlib.asynccontextmanager
    async def as_ops(self, *, writes: bool = False) -> AsyncIterator[Transaction]:
        await self._owner.execute(f"SET LOCAL ROLE {ROLES['ops']}")
        yield Transaction(self._owner)


async def test_answers_under_way_are_no_timers_that_are_late(owner: asyncpg.Connection) -> None:
    moment = owner.transaction()
    await moment.start()
    await owner.executemany(
        """INSERT INTO hub."Reminder" (id, "sessionId", "userId", shard, kind, "dueAt")
           VALUES ($1, $2, $3, 9, $1, now() - $4::interval)""",
        [
            (kind, SESSION, A, timedelta(seconds=seconds))
            for kind, seconds in (("push", 6), ("draft_check", 6), ("pause_limit", 6), ("other", 5))
        ],
    )
    await Census(OneMoment(owner), LANES).once()
    assert (REMINDERS_OVERDUE._value.get(), REACTIONS_WAITING._value.get()) == (1, 3)
    await moment.rollback()


async def test_what_waits_for_no_time_does_not_wait_for_a_clock(
    sessions: PostgresSessionStore,
) -> None:
    [reminder] = await sessions.reminders([7], datetime.now(UTC), AT_ONCE, None, 10)
    before = reminder.due_at - timedelta(hours=1)
    assert await sessions.reminders([7], before, AT_ONCE, None, 10) == [reminder]
    assert await sessions.reminders([7], before, {"push"}, None, 10) == [], "that is a time"
    before = reminder.due_at - CLOCKS_APART_MAX - timedelta(seconds=1)
    assert await sessions.reminders([7], before, AT_ONCE, None, 10) == [], "not for ever ahead"


async def test_which_session_an_invitation_belongs_to(sessions: PostgresSessionStore) -> None:
    assert await sessions.session_of_invitation("invitation") == SESSION
    assert await sessions.session_of_invitation("none") is None
