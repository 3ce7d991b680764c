"""The one door: whoever asks sees what is theirs, whatever happened to the connection before."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

import beheard_hub
from beheard_hub.persistence.database import Database
from beheard_hub.ports import Actor, StoreUnavailable
from beheard_hub.settings import SetupError
from tests.conftest import TestDatabase

USERS = [f"user-{n}" for n in range(6)]
MINE = 'SELECT id FROM "User"'
LOCALS = """
SELECT current_user::text AS role, session_user::text AS login,
       coalesce(current_setting('app.actor_id', true), '') AS actor,
       coalesce(current_setting('app.actor_role', true), '') AS acts,
       coalesce(current_setting('app.current_session_id', true), '') AS session,
       coalesce(current_setting('app.current_stage', true), '') AS stage
"""


@pytest.fixture(scope="module")
async def people(database: TestDatabase) -> None:
    connection = await asyncpg.connect(database.owner_url)
    await connection.executemany('INSERT INTO "User" (id) VALUES ($1)', [(u,) for u in USERS])
    await connection.close()


@pytest.fixture
async def narrow(database: TestDatabase, people: None) -> AsyncIterator[Database]:
    """A pool of a single connection, so that everybody gets the same one."""
    opened = await Database.open(database.runtime_url, size_max=1)
    yield opened
    await opened.close()


async def seen(db: Database, actor: Actor) -> list[str]:
    async with db.acting_as(actor) as tx:
        return [row["id"] for row in await tx.fetch(MINE)]


async def test_two_users_on_one_connection(narrow: Database) -> None:
    async with narrow.acting_as(Actor(USERS[0])) as tx:
        backend = await tx.fetchval("SELECT pg_backend_pid()")
        assert [row["id"] for row in await tx.fetch(MINE)] == [USERS[0]]
    async with narrow.acting_as(Actor(USERS[1])) as tx:
        assert await tx.fetchval("SELECT pg_backend_pid()") == backend
        assert [row["id"] for row in await tx.fetch(MINE)] == [USERS[1]]
    assert await seen(narrow, Actor("")) == [], "an empty id is nobody"


async def test_the_locals_are_those_of_the_actor_and_end_with_it(narrow: Database) -> None:
    actor = Actor(USERS[0], role="ai", session_id="s-1", stage=2)
    async with narrow.acting_as(actor) as tx:
        row = await tx.fetchrow(LOCALS)
        assert row is not None
        assert tuple(row) == ("beheard_app", "beheard_login", USERS[0], "ai", "s-1", "2")
    async with narrow.as_ops() as tx:
        row = await tx.fetchrow(LOCALS)
        assert row is not None
        assert tuple(row) == ("beheard_ops", "beheard_login", "", "", "", "")


async def test_a_hostile_id_is_only_an_id(narrow: Database) -> None:
    for hostile in ("' OR true --", "user-0', true); RESET ROLE; --", "%", "\\"):
        assert await seen(narrow, Actor(hostile)) == []


async def test_reading_cannot_write(narrow: Database) -> None:
    with pytest.raises(asyncpg.PostgresError) as caught:
        async with narrow.acting_as(Actor(USERS[0])) as tx:
            await tx.fetch("CREATE TEMP TABLE t (n int)")
    assert caught.value.sqlstate == "25006"
    assert await seen(narrow, Actor(USERS[1])) == [USERS[1]]


async def test_the_login_role_alone_sees_nothing(database: TestDatabase, people: None) -> None:
    connection = await asyncpg.connect(database.runtime_url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetch(MINE)
    for role in ("beheard_owner", "postgres"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"SET ROLE {role}")
    await connection.close()


@pytest.mark.parametrize(
    "dirt",
    [
        "SELECT set_config('role', 'beheard_ops', false)",
        "SELECT set_config('app.actor_id', 'user-3', false)",
        "SELECT set_config('app.current_session_id', 's', false)",
    ],
)
async def test_what_a_user_leaves_behind_is_wiped_off(narrow: Database, dirt: str) -> None:
    async with narrow.acting_as(Actor(USERS[0])) as tx:
        await tx.fetch(dirt)
    assert await seen(narrow, Actor(USERS[1])) == [USERS[1]]
    assert narrow.dirty_connections == 0, "the reset hook did its work"


async def test_a_dirty_connection_is_refused_and_counted(
    database: TestDatabase, people: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_reset(_connection: asyncpg.Connection) -> None:
        return

    monkeypatch.setattr("beheard_hub.persistence.database._reset", no_reset)
    opened = await Database.open(database.runtime_url, size_max=1)
    async with opened.acting_as(Actor(USERS[0])) as tx:
        backend = await tx.fetchval("SELECT pg_backend_pid()")
        await tx.fetch("SELECT set_config('app.actor_id', 'user-0', false)")
    async with opened.acting_as(Actor(USERS[1])) as tx:
        assert await tx.fetchval("SELECT pg_backend_pid()") != backend
        assert [row["id"] for row in await tx.fetch(MINE)] == [USERS[1]]
    assert opened.dirty_connections == 1
    await opened.close()


async def test_a_cancelled_transaction_never_gives_its_connection_back(narrow: Database) -> None:
    inside = asyncio.Event()
    backends = []

    async def reader() -> None:
        async with narrow.acting_as(Actor(USERS[0])) as tx:
            backends.append(await tx.fetchval("SELECT pg_backend_pid()"))
            inside.set()
            await tx.fetch("SELECT pg_sleep(30)")

    task = asyncio.create_task(reader())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with narrow.acting_as(Actor(USERS[1])) as tx:
        assert await tx.fetchval("SELECT pg_backend_pid()") not in backends
        assert [row["id"] for row in await tx.fetch(MINE)] == [USERS[1]]


async def test_a_pool_of_two_and_two_thousand_impatient_tasks(
    database: TestDatabase, people: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beheard_hub.persistence.database.ACQUIRE_SECONDS_MAX", 60)
    opened = await Database.open(database.runtime_url, size_max=2)
    chance = random.Random(2023)
    wrong: list[tuple[str, list[str]]] = []
    finished = 0

    async def reader(user: str) -> None:
        nonlocal finished
        async with opened.acting_as(Actor(user)) as tx:
            found = [row["id"] for row in await tx.fetch(MINE)]
            if found != [user]:
                wrong.append((user, found))
        finished += 1

    for _ in range(20):
        tasks = [asyncio.create_task(reader(chance.choice(USERS))) for _ in range(100)]
        loop = asyncio.get_running_loop()
        for task in chance.sample(tasks, 30):
            loop.call_later(chance.random() * 0.05, task.cancel)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        strange = [
            r for r in results if r is not None and not isinstance(r, asyncio.CancelledError)
        ]
        assert strange == []
    assert wrong == []
    assert finished >= 1400
    assert opened.dirty_connections == 0
    await opened.close()


async def test_an_error_of_the_statement_keeps_the_connection(narrow: Database) -> None:
    async with narrow.acting_as(Actor(USERS[0])) as tx:
        backend = await tx.fetchval("SELECT pg_backend_pid()")
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with narrow.acting_as(Actor(USERS[0])) as tx:
            await tx.fetchval("SELECT 1/0")
    async with narrow.acting_as(Actor(USERS[0])) as tx:
        assert await tx.fetchval("SELECT pg_backend_pid()") == backend


async def test_a_lost_connection_is_store_unavailable_and_the_next_one_works(
    narrow: Database, owner: asyncpg.Connection
) -> None:
    async def cut() -> None:
        async with narrow.acting_as(Actor(USERS[0])) as tx:
            backend = await tx.fetchval("SELECT pg_backend_pid()")
            await owner.execute("SELECT pg_terminate_backend($1)", backend)
            await tx.fetch(MINE)

    with pytest.raises(StoreUnavailable):
        await cut()
    assert await seen(narrow, Actor(USERS[0])) == [USERS[0]]


async def test_a_login_role_with_another_secret_is_a_matter_of_set_up(
    database: TestDatabase,
) -> None:
    wrong = database.runtime_url.replace("beheard_login:", "beheard_login:x")
    with pytest.raises(SetupError, match="28P01") as caught:
        await Database.open(wrong)
    assert "beheard migrate" in caught.value.hint
    with pytest.raises(StoreUnavailable):
        await Database.open("postgresql://u:p@/x?host=/no/such/place")


async def test_json_goes_in_and_out_as_values(narrow: Database) -> None:
    async with narrow.acting_as(Actor(USERS[0])) as tx:
        value = {"a": [1, None, "é"], "b": {"c": True}}
        assert await tx.fetchval("SELECT $1::jsonb", value) == value


async def test_a_rehearsal_leaves_nothing(narrow: Database, owner: asyncpg.Connection) -> None:
    async with narrow.rehearsal() as stage:
        await stage.act("user", Actor(USERS[2]))
        assert [row["id"] for row in await stage.fetch(MINE)] == [USERS[2]]
        await stage.act("user", Actor(USERS[3]))
        assert [row["id"] for row in await stage.fetch(MINE)] == [USERS[3]]
        await stage.act("nobody")
        assert await stage.fetch(MINE) == []
    assert await seen(narrow, Actor(USERS[0])) == [USERS[0]]


def test_nobody_else_touches_a_pool_or_opens_a_transaction() -> None:
    door = {"database.py", "flush_store.py"}
    as_owner_beside_serving = {"migrate.py", "connect.py", "library_vectors.py", "roles.py"}
    door |= as_owner_beside_serving
    root = Path(beheard_hub.__file__).parent
    bare = re.compile(r"\bpool\.acquire|\.transaction\(|asyncpg\.(connect|create_pool)")
    files = [path for path in root.rglob("*.py") if path.name not in door]
    assert len(files) > 10
    assert [str(path) for path in files if bare.search(path.read_text())] == []
