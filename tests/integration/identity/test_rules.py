"""Roles and identities: what nobody may, and what holds also of two at once (spec 08)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

import asyncpg
import pytest

from beheard_hub.persistence.database import Database
from beheard_hub.persistence.roles import Role, RoleRefused, change_role
from beheard_hub.persistence.stores import PostgresAccounts
from beheard_hub.ports import Actor
from tests.conftest import TestDatabase

ADMINS = ("boss@home.test",)
NOTED = """SELECT "actorId", target ->> 'userId', target ->> 'from', target ->> 'to'
FROM hub."AuditLog" WHERE action = 'role.change' ORDER BY at"""


@pytest.fixture
async def people(owner: asyncpg.Connection) -> asyncpg.Connection:
    """Two administrators, two users, a guest. All but the guest have an identity of that name."""
    await owner.execute('TRUNCATE "User", hub."AuditLog" CASCADE')
    await owner.execute(
        """INSERT INTO "User" (id, role) VALUES ('ada', 'ADMIN'), ('bea', 'ADMIN'),
             ('uma', 'USER'), ('ugo', 'STAFF'), ('guest', 'GUEST');
           INSERT INTO "ExternalIdentity" (id, "userId", provider, "externalId")
             SELECT id, id, 'p', id FROM "User" WHERE role <> 'GUEST'"""
    )
    return owner


async def roles(owner: asyncpg.Connection) -> dict[str, str]:
    return dict(await owner.fetch('SELECT id, role::text FROM "User"'))


async def noted(owner: asyncpg.Connection) -> list[Sequence[str]]:
    return [tuple(row) for row in await owner.fetch(NOTED)]


async def give(
    db: Database, actor: str, who: str, role: str, *, claimed: Literal["admin", "user"] = "admin"
) -> str:
    async with db.acting_as(Actor(actor, claimed), writes=True) as tx:
        row = await tx.fetchrow("SELECT outcome FROM hub.give_role($1, $2)", who, role)
    assert row is not None
    return str(row["outcome"])


# ---- roles


async def test_an_administrator_gives_a_role(people: asyncpg.Connection, db: Database) -> None:
    before = await roles(people)
    assert await give(db, "ada", "uma", "STAFF") == "CHANGED"
    assert await give(db, "ada", "uma", "STAFF") == "UNCHANGED"
    assert await roles(people) == before | {"uma": "STAFF"}
    assert await noted(people) == [("ada", "uma", "USER", "STAFF")]


@pytest.mark.parametrize(
    ("actor", "who", "role", "outcome"),
    [
        ("ada", "ada", "USER", "OWN"),
        ("ada", "ada", "ADMIN", "OWN"),
        ("ada", "nobody", "STAFF", "UNKNOWN"),
        ("ada", "guest", "STAFF", "GUEST"),
        ("ada", "guest", "ADMIN", "GUEST"),
        ("ada", "uma", "GUEST", "GUEST"),
        ("uma", "ugo", "USER", "FORBIDDEN"),
        ("uma", "uma", "ADMIN", "FORBIDDEN"),
        ("ugo", "uma", "ADMIN", "FORBIDDEN"),
        ("guest", "guest", "ADMIN", "FORBIDDEN"),
        ("", "uma", "ADMIN", "FORBIDDEN"),
    ],
)
async def test_what_is_refused(
    people: asyncpg.Connection, db: Database, actor: str, who: str, role: str, outcome: str
) -> None:
    before = await roles(people)
    assert await give(db, actor, who, role) == outcome
    assert await roles(people) == before
    assert await noted(people) == []


async def test_an_administrator_who_acts_as_a_user_is_none(
    people: asyncpg.Connection, db: Database
) -> None:
    assert await give(db, "ada", "uma", "STAFF", claimed="user") == "FORBIDDEN"


async def test_of_two_who_demote_each_other_at_once_one_stays(
    people: asyncpg.Connection, db: Database
) -> None:
    both = await asyncio.gather(give(db, "ada", "bea", "USER"), give(db, "bea", "ada", "USER"))
    assert sorted(both) == ["CHANGED", "FORBIDDEN"]
    assert sorted((await roles(people)).values()).count("ADMIN") == 1
    assert len(await noted(people)) == 1


async def test_an_administrator_and_the_operator_do_not_demote_both(
    people: asyncpg.Connection, database: TestDatabase, db: Database
) -> None:
    both = await asyncio.gather(
        give(db, "ada", "bea", "USER"),
        change_role(database.owner_url, "ada", Role.USER),
        return_exceptions=True,
    )
    assert "FORBIDDEN" in both or any(isinstance(said, RoleRefused) for said in both)
    assert list((await roles(people)).values()).count("ADMIN") == 1


# ---- ADMIN_EMAILS


async def log_in(db: Database, who: str, email: str | None) -> str:
    return (await PostgresAccounts(db, ADMINS).provision("p", who, None, email))[1]


@pytest.mark.parametrize("email", ["boss@home.test", "Boss@HOME.test"])
@pytest.mark.parametrize(("who", "before"), [("uma", "USER"), ("ugo", "STAFF")])
async def test_a_verified_address_of_the_list_makes_an_administrator(
    people: asyncpg.Connection, db: Database, who: str, before: str, email: str
) -> None:
    assert await log_in(db, who, email) == "ADMIN"
    assert (await roles(people))[who] == "ADMIN"
    assert await log_in(db, who, email) == "ADMIN"
    assert await noted(people) == [("operator", who, before, "ADMIN")]


async def test_also_at_first_sight(people: asyncpg.Connection, db: Database) -> None:
    assert await log_in(db, "new", ADMINS[0]) == "ADMIN"


@pytest.mark.parametrize("email", [None, "", "other@home.test", "boss@home.test.example"])
async def test_no_other_address_does(
    people: asyncpg.Connection, db: Database, email: str | None
) -> None:
    assert await log_in(db, "uma", email) == "USER"
    assert await noted(people) == []


async def test_nobody_is_demoted_by_the_list(people: asyncpg.Connection, db: Database) -> None:
    assert await log_in(db, "ada", "other@home.test") == "ADMIN"
    assert await log_in(db, "ada", None) == "ADMIN"
    assert await PostgresAccounts(db).provision("p", "ugo", None, ADMINS[0]) == (
        "ugo", "STAFF", None,
    ), "without a list nobody is promoted"  # fmt: skip


# ---- identities


async def unlink(db: Database, who: str, identity: str) -> str:
    async with db.acting_as(Actor(who, "user"), writes=True) as tx:
        row = await tx.fetchrow("SELECT hub.unlink_identity($1) AS outcome", identity)
    assert row is not None
    return str(row["outcome"])


async def test_the_last_identity_stays_also_of_two_at_once(
    people: asyncpg.Connection, db: Database
) -> None:
    assert await unlink(db, "uma", "uma") == "LAST"
    await people.execute(
        """INSERT INTO "ExternalIdentity" (id, "userId", provider, "externalId")
           VALUES ('more', 'uma', 'p', 'more')"""
    )
    both = await asyncio.gather(unlink(db, "uma", "uma"), unlink(db, "uma", "more"))
    assert sorted(both) == ["DONE", "LAST"]
    left = await people.fetch("""SELECT id FROM "ExternalIdentity" WHERE "userId" = 'uma'""")
    assert len(left) == 1
    done = await people.fetchval(
        """SELECT count(*) FROM hub."AuditLog" WHERE action = 'identity.unlink'"""
    )
    assert done == 1


@pytest.mark.parametrize("who", ["ugo", "guest", "ada", "nobody", ""])
async def test_nobody_removes_anothers(people: asyncpg.Connection, db: Database, who: str) -> None:
    assert await unlink(db, who, "uma") == "UNKNOWN"
    assert await unlink(db, who, "none") == "UNKNOWN"
    assert await people.fetchval("""SELECT count(*) FROM "ExternalIdentity" WHERE id = 'uma'""")
