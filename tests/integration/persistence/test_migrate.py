"""Migrating: twice, edited, too new, by an owner who lacks rights; and a URL that is wrong."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import pytest

from beheard_hub.persistence import connect, migrate
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.persistence.migrate import Migration
from beheard_hub.settings import SetupError
from tests.conftest import TestDatabase, execute

SECRET = "login-secret-of-this-test"


@pytest.fixture
async def empty(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The owner's URL of a database with nothing in it."""
    await execute(postgres.url(), "CREATE DATABASE empty_one")
    try:
        yield postgres.url("empty_one")
    finally:
        await execute(postgres.url(), "DROP DATABASE empty_one WITH (FORCE)")


async def secret_of(postgres: EmbeddedPostgres) -> str:
    return migrate.login_secret(postgres.url(), postgres.data_dir)


async def test_migrating_twice_changes_nothing(postgres: EmbeddedPostgres, empty: str) -> None:
    secret = await secret_of(postgres)
    first = await migrate.migrate(empty, secret)
    assert len(first.applied) == len(migrate.migrations())
    assert first.version == migrate.migrations()[-1].number
    second = await migrate.migrate(empty, secret)
    assert second.applied == []
    assert second.runtime_url == first.runtime_url
    connection = await asyncpg.connect(second.runtime_url)
    assert await connection.fetchval("SELECT session_user") == migrate.LOGIN
    await connection.close()


async def test_two_at_once_apply_everything_once(postgres: EmbeddedPostgres, empty: str) -> None:
    secret = await secret_of(postgres)
    done = await asyncio.gather(*(migrate.migrate(empty, secret) for _ in range(3)))
    assert sorted(len(one.applied) for one in done) == [0, 0, len(migrate.migrations())]


async def test_an_edited_migration_is_refused(
    postgres: EmbeddedPostgres, database: TestDatabase
) -> None:
    known = list(migrate.migrations())
    first = known[0]
    known[0] = Migration(first.number, first.name, first.text + "-- a later thought")
    with pytest.raises(SetupError, match=r"Migration 0001 .* was changed after"):
        await migrate.migrate(database.owner_url, await secret_of(postgres), known)


async def test_a_schema_from_a_newer_hub_is_refused(
    postgres: EmbeddedPostgres, database: TestDatabase
) -> None:
    known = migrate.migrations()[:-1]
    version = migrate.migrations()[-1].number
    with pytest.raises(SetupError, match=f"schema version {version}, .* only {known[-1].number}"):
        await migrate.migrate(database.owner_url, await secret_of(postgres), known)


async def test_a_schema_made_from_other_files_is_refused(
    postgres: EmbeddedPostgres, database: TestDatabase
) -> None:
    known = [one for one in migrate.migrations() if one.number != 2]
    with pytest.raises(SetupError, match="files that this hub does not have"):
        await migrate.migrate(database.owner_url, await secret_of(postgres), known)


async def test_a_failing_migration_leaves_nothing(postgres: EmbeddedPostgres, empty: str) -> None:
    broken = Migration(9999, "broken", "SELECT 1/0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate.migrate(empty, await secret_of(postgres), [*migrate.migrations(), broken])
    connection = await asyncpg.connect(empty)
    assert await connection.fetchval("SELECT to_regclass('\"User\"')") is None
    await connection.close()


@pytest.mark.parametrize("name", ["second.sql", "0001_other.sql", "1_short.sql"])
def test_a_file_without_a_number_of_its_own_is_our_mistake(tmp_path: Path, name: str) -> None:
    (tmp_path / "0001_first.sql").write_text("SELECT 1")
    (tmp_path / "0007_after_a_gap.sql").write_text("SELECT 1")
    assert [one.number for one in migrate.migrations(tmp_path)] == [1, 7]
    (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(ValueError, match="is not a migration with a number of its own"):
        migrate.migrations(tmp_path)


def test_where_the_login_secret_comes_from(tmp_path: Path) -> None:
    url = "postgresql://owner:pass@h/db"
    made = migrate.login_secret(url, tmp_path)
    assert made == migrate.login_secret("postgresql://other:pass@elsewhere/db", tmp_path)
    assert made != migrate.login_secret("postgresql://owner:other@h/db", tmp_path)
    assert migrate.login_secret(url, tmp_path, "configured") == "configured"
    kept = migrate.login_secret("postgresql://owner@h/db", tmp_path)
    assert (tmp_path / "postgres-login").read_text() == kept


# ---- every way the URL can be wrong --------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("not a url", "begins with no scheme"),
        ("mysql://u:p@h/db", "begins with mysql, not postgresql"),
        ("postgresql+asyncpg://u:p@h/db", "begins with postgresql\\+asyncpg"),
        ("postgresql://u:p@h:port/db", "is not a URL"),
        ("postgresql://u:p@[::1/db", "is not a URL"),
        ("postgresql://u:p@/db", "names no host"),
        ("postgresql://h/db", "names no user"),
        ("postgresql://u@h", "names no database"),
        ("postgresql:///", "no host and no user and no database"),
        ("postgresql://u:p@db.invalid/x", "host db.invalid is not known"),
        ("postgresql://u:p@/x?host=/no/such/directory", "Nothing answers at /no/such/directory"),
        ("postgresql://u:p@h/db?sslmode=sometimes", "an option that is not valid"),
    ],
)
async def test_a_url_that_cannot_work(url: str, sentence: str) -> None:
    with pytest.raises(SetupError, match=sentence) as caught:
        await connect.connect(url)
    assert caught.value.hint


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=f"Nothing answers at 127.0.0.1:{port}"):
            await connect.connect(f"postgresql://u:p@127.0.0.1:{port}/db")


async def test_a_wrong_password_or_database(postgres: EmbeddedPostgres) -> None:
    url = postgres.url()
    wrong = connect.as_user(url, "postgres", "guess-@:/#")
    with pytest.raises(SetupError, match="refuses the password of user postgres") as caught:
        await connect.connect(wrong)
    assert "guess" not in str(caught.value)
    with pytest.raises(SetupError, match="refuses the password of user nobody_such"):
        await connect.connect(connect.as_user(url, "nobody_such", "x"))
    with pytest.raises(SetupError, match="There is no database nowhere"):
        await connect.connect(postgres.url("nowhere"))


async def test_an_owner_without_rights(postgres: EmbeddedPostgres, empty: str) -> None:
    await execute(empty, "CREATE ROLE weak LOGIN PASSWORD 'weak'")
    weak = connect.as_user(empty, "weak", "weak")
    with pytest.raises(SetupError, match="may not create roles"):
        await migrate.migrate(weak, SECRET)
    await execute(empty, "ALTER ROLE weak CREATEROLE")
    with pytest.raises(SetupError, match="may not create schemas"):
        await migrate.migrate(weak, SECRET)
    await execute(empty, "GRANT CREATE ON DATABASE empty_one TO weak")
    with pytest.raises(SetupError, match="may not create the extension vector"):
        await migrate.migrate(weak, SECRET)
    await execute(empty, "REVOKE CREATE ON DATABASE empty_one FROM weak; DROP ROLE weak")


FINE: Mapping[str, Any] = {
    "standby": False,
    "superuser": True,
    "createrole": True,
    "creates": True,
    "vector_installed": None,
    "vector_available": "0.8.5",
    "vector_trusted": False,
}


@pytest.mark.parametrize(
    ("version", "facts", "sentence"),
    [
        (15, {}, "is Postgres 15; the hub needs 16"),
        (18, {"standby": True}, "read-only standby"),
        (16, {"vector_available": None}, "has no pgvector"),
        (16, {"vector_available": "0.6.2"}, "pgvector 0.6.2; the hub needs 0.7"),
        (17, {"vector_installed": "0.5.1"}, "pgvector 0.5.1"),
    ],
)
async def test_a_server_that_will_not_do(
    version: int, facts: Mapping[str, Any], sentence: str
) -> None:
    class Server:
        def get_server_version(self) -> SimpleNamespace:
            return SimpleNamespace(major=version)

        async def fetch(self, _question: str) -> list[Mapping[str, Any]]:
            return [{**FINE, **facts}]

    with pytest.raises(SetupError, match=sentence):
        await connect.check_server(cast("asyncpg.Connection", Server()), changes=True)


def test_a_url_for_another_user_keeps_the_place() -> None:
    url = "postgresql://owner:p%40ss@h:6000/db?host=%2Frun%2Fpg&password=x&sslmode=require"
    assert connect.password_of(url) == "p@ss"
    other = connect.as_user(url, "beheard_login", "a/b")
    assert other == ("postgresql://beheard_login:a%2Fb@h:6000/db?host=%2Frun%2Fpg&sslmode=require")
