"""`beheard role`: whom it finds, what it refuses, and what it leaves in the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner

from beheard_hub.address import ADDRESS_FILE, Address, write_address
from beheard_hub.cli import app
from beheard_hub.control import Door
from beheard_hub.operating import Operating
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.persistence.prepare import prepare
from beheard_hub.persistence.roles import REFUSALS, Role, RoleChange, RoleRefused, change_role
from beheard_hub.persistence.stores import PostgresAccounts
from beheard_hub.settings import Database as DatabaseSettings
from beheard_hub.settings import SetupError
from tests.conftest import TestDatabase, execute

NOTED = """SELECT "actorId", "actorRole", target ->> 'userId', target ->> 'from', target ->> 'to', outcome
FROM hub."AuditLog" WHERE action = 'role.change' ORDER BY at"""  # noqa: E501


@pytest.fixture
async def people(database: TestDatabase, owner: asyncpg.Connection) -> TestDatabase:
    """Two users, one of them by an identity provider, and nobody who administrates."""
    await owner.execute('TRUNCATE "User" CASCADE')
    await owner.execute('TRUNCATE hub."AuditLog"')
    await owner.execute(
        """INSERT INTO "User" (id, email, role) VALUES
           ('ann', 'Ann@home.test', 'USER'), ('bob', 'bob@home.test', 'USER')"""
    )
    await owner.execute(
        """INSERT INTO "ExternalIdentity" (id, "userId", provider, "externalId")
           VALUES ('e', 'bob', 'provider', 'subject-of-bob')"""
    )
    return database


async def roles(owner: asyncpg.Connection) -> dict[str, str]:
    return dict(await owner.fetch('SELECT id, role::text FROM "User"'))


@pytest.mark.parametrize(
    ("who", "user"), [("ann", "ann"), ("ann@HOME.test", "ann"), ("subject-of-bob", "bob")]
)
async def test_somebody_becomes_an_administrator(
    people: TestDatabase, owner: asyncpg.Connection, who: str, user: str
) -> None:
    change = await change_role(people.owner_url, who, Role.ADMIN)
    assert change == RoleChange(user, "USER", Role.ADMIN)
    assert await roles(owner) == {"ann": "USER", "bob": "USER"} | {user: "ADMIN"}
    assert [tuple(row) for row in await owner.fetch(NOTED)] == [
        ("operator", "operator", user, "USER", "ADMIN", "DONE")
    ]


async def test_what_is_so_already_is_no_change(
    people: TestDatabase, owner: asyncpg.Connection
) -> None:
    change = await change_role(people.owner_url, "ann", Role.USER)
    assert change == RoleChange("ann", "USER", Role.USER)
    assert await owner.fetch(NOTED) == []


async def refused(url: str, who: str, role: Role) -> str:
    with pytest.raises(RoleRefused) as why:
        await change_role(url, who, role)
    return str(why.value)


async def test_who_is_not_known_or_has_left_stays_as_they_are(
    people: TestDatabase, owner: asyncpg.Connection
) -> None:
    await owner.execute("""INSERT INTO hub."Erasure" ("userId") VALUES ('ann')""")
    for who in ("nobody", "", "ann", "%"):
        assert await refused(people.owner_url, who, Role.ADMIN) == REFUSALS["UNKNOWN"]
    assert await roles(owner) == {"ann": "GUEST", "bob": "USER"}
    assert await owner.fetch(NOTED) == []


async def test_a_name_of_two_is_nobodys(people: TestDatabase, owner: asyncpg.Connection) -> None:
    await owner.execute("""UPDATE "ExternalIdentity" SET "externalId" = 'ann'""")
    assert await refused(people.owner_url, "ann", Role.ADMIN) == REFUSALS["AMBIGUOUS"]
    assert "ADMIN" not in (await roles(owner)).values()


async def test_the_last_administrator_stays_one_also_of_two_at_once(
    people: TestDatabase, owner: asyncpg.Connection
) -> None:
    for who in ("ann", "bob"):
        await change_role(people.owner_url, who, Role.ADMIN)
    both = await asyncio.gather(
        *(change_role(people.owner_url, who, Role.STAFF) for who in ("ann", "bob")),
        return_exceptions=True,
    )
    [left] = [result for result in both if isinstance(result, RoleRefused)]
    assert str(left) == REFUSALS["LAST_ADMIN"]
    assert sorted((await roles(owner)).values()) == ["ADMIN", "STAFF"]
    assert len(await owner.fetch(NOTED)) == 3


async def test_no_role_of_the_run_time_may(people: TestDatabase, db: Database) -> None:
    statement = """SELECT hub.change_role('ann', 'ADMIN')"""
    for door in (db.as_ops(writes=True), db.as_nobody(writes=True)):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with door as tx:
                await tx.fetch(statement)


async def test_a_database_without_the_migration_is_said_to_be_old(
    postgres: EmbeddedPostgres,
) -> None:
    await execute(postgres.url(), "CREATE DATABASE old_one")
    try:
        await execute(
            postgres.url("old_one"),
            "CREATE SCHEMA hub; CREATE TYPE \"Role\" AS ENUM ('ADMIN');"
            " GRANT USAGE ON SCHEMA hub TO PUBLIC",
        )
        with pytest.raises(SetupError, match="older than this hub"):
            await change_role(postgres.url("old_one"), "ann", Role.ADMIN)
    finally:
        await execute(postgres.url(), "DROP DATABASE old_one WITH (FORCE)")


# ---- the command


def command(*arguments: str, **variables: str) -> tuple[int, Sequence[str]]:
    done = CliRunner().invoke(app, ["role", *arguments], env=variables)
    return done.exit_code, done.output.splitlines()


async def test_the_command_says_what_it_changed(people: TestDatabase) -> None:
    async def role(*arguments: str) -> tuple[int, Sequence[str]]:
        return await asyncio.to_thread(command, *arguments, DATABASE_URL=people.owner_url)

    assert await role("bob@home.test", "ADMIN") == (0, ["user bob was USER and is ADMIN"])
    assert await role("bob", "ADMIN") == (0, ["user bob is ADMIN already"])
    assert await role("bob", "STAFF") == (1, [f"beheard: {REFUSALS['LAST_ADMIN']}"])
    assert await role("carl@home.test", "STAFF") == (1, [f"beheard: {REFUSALS['UNKNOWN']}"])


async def test_the_hub_of_the_data_directory_is_told(people: TestDatabase, tmp_path: Path) -> None:
    told: list[str] = []

    async def role_changed(user_id: str) -> None:
        told.append(user_id)

    async def role(wanted: str) -> int:
        arguments = ("bob", wanted, "--data-dir", str(tmp_path))
        code, _ = await asyncio.to_thread(command, *arguments, DATABASE_URL=people.owner_url)
        return code

    door = Door(Operating(None, [], role_changed).operations)
    await door.open(tmp_path)
    address = Address("http://127.0.0.1:1", [], [], [], None, None, control=door.path)
    write_address(tmp_path / ADDRESS_FILE, address)
    assert [await role(wanted) for wanted in ("STAFF", "STAFF", "USER")] == [0, 0, 0]
    assert told == ["bob", "bob"], "once for each change"
    await door.close()
    assert await role("STAFF") == 0, "by itself the hub follows a little later"
    assert len(told) == 2


@pytest.mark.parametrize("role", ["GUEST", "admin", "KING"])
def test_other_roles_are_not_given(role: str) -> None:
    done = CliRunner().invoke(app, ["role", "ann", role])
    assert isinstance(done.exception, SetupError)
    assert f"There is no role {role} to give." in str(done.exception)


async def test_a_hub_that_does_not_serve_has_its_database_started_and_ended(
    tmp_path: Path,
) -> None:
    prepared = await prepare(DatabaseSettings(url=None, login_secret=None), tmp_path)
    assert prepared.embedded is not None
    accounts = await Database.open(prepared.runtime_url, size_max=1)
    user, *_ = await PostgresAccounts(accounts).provision("here", "ann", None)
    await accounts.close()
    await asyncio.to_thread(prepared.embedded.stop)
    said = await asyncio.to_thread(command, "ann", "STAFF", "--data-dir", str(tmp_path))
    assert said == (0, [f"user {user} was USER and is STAFF"])
    assert prepared.embedded.pid() is None
