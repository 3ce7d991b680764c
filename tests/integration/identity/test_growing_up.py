"""A guest grows up: a real issuer, real rows, and the guest's own token all along (spec 08)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from beheard_hub.gateway.auth import LocalKey, TokenIdentities
from beheard_hub.gateway.guests import GuestKey, GuestsToo
from beheard_hub.gateway.id_tokens import IdTokens
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.register import PostgresRegister
from beheard_hub.persistence.stores import PostgresAccounts
from beheard_hub.ports import Proven
from tests.unit.gateway.test_auth import HandClock
from tests.unit.gateway.test_id_tokens import GOOGLE, reader, shaped
from tests.unit.gateway.test_jwks import Issuer, listening


@pytest.fixture
def clock() -> HandClock:
    """The database's own, which decides who was here lately."""
    made = HandClock()
    made.at = datetime.now(UTC)
    return made


@pytest.fixture
async def issuer(clock: HandClock) -> AsyncIterator[Issuer]:
    async with listening(clock) as made:
        yield made


@pytest.fixture
def tokens(issuer: Issuer, clock: HandClock) -> IdTokens:
    return reader(GOOGLE, issuer, clock)


@pytest.fixture
def key(clock: HandClock) -> GuestKey:
    return GuestKey("the hub's secret of 32 characters", clock)


@pytest.fixture
async def accounts(db: Database, owner: asyncpg.Connection) -> PostgresAccounts:
    await owner.execute('TRUNCATE "User" CASCADE')
    await owner.execute("""INSERT INTO "User" (id, role) VALUES ('phone', 'GUEST')""")
    await owner.execute("""INSERT INTO "User" (id, role) VALUES ('tablet', 'GUEST')""")
    return PostgresAccounts(db)


@pytest.fixture
def identities(
    key: GuestKey, accounts: PostgresAccounts, clock: HandClock, tmp_path: Path
) -> TokenIdentities:
    return TokenIdentities(GuestsToo(key, LocalKey.open(tmp_path, clock)), accounts, clock)


async def prove(db: Database, who: str, proven: Proven) -> tuple[str, str]:
    linked = await PostgresRegister(db).link(who, proven.provider, proven.subject, proven.email)
    return linked.outcome, linked.user_id


async def test_two_devices_of_one_person_become_one_user(
    identities: TokenIdentities,
    key: GuestKey,
    db: Database,
    tokens: IdTokens,
    issuer: Issuer,
) -> None:
    phone, tablet = key.mint("phone"), key.mint("tablet")
    for token in (phone, tablet):
        assert (await identities.identify(token)).role == "GUEST"
    proven = await tokens.read(shaped(issuer))

    assert await prove(db, "phone", proven) == ("LINKED", "phone")
    identities.forget("phone")
    found = await identities.identify(phone)
    assert (found.user_id, found.role) == ("phone", "USER")

    again = await tokens.read(shaped(issuer, iss="accounts.google.com"))
    assert await prove(db, "tablet", again) == ("MERGED", "phone")
    identities.forget("tablet")
    found = await identities.identify(tablet)
    assert (found.user_id, found.role) == ("phone", "USER")


async def test_the_provider_logs_the_same_user_in(
    accounts: PostgresAccounts, db: Database, tokens: IdTokens, issuer: Issuer
) -> None:
    """Where the hub believes the provider's tokens as its own, one person has one row."""
    proven = await tokens.read(shaped(issuer))
    await prove(db, "phone", proven)
    found = await accounts.provision(proven.provider, proven.subject, None, proven.email)
    assert found == ("phone", "USER", None)
