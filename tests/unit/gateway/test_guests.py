"""Tokens of guests: for whom and how long they speak, and that nobody else makes one (spec 08)."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest

from beheard_hub.domain.limits import GUEST_UNUSED_MAX
from beheard_hub.gateway.auth import LOCAL_AUDIENCE, LOCAL_ISSUER, LocalKey, TokenIdentities
from beheard_hub.gateway.guests import GUEST_AUDIENCE, GuestKey, GuestsToo
from beheard_hub.ports import Known, Unauthenticated
from tests.unit.gateway.test_auth import CountingAccounts, HandClock

SECRET = "the hub's secret of 32 characters"


class Rows(CountingAccounts):
    """Rows of users: when each was last seen, and what guests became."""

    def __init__(self, clock: HandClock, *guests: str) -> None:
        super().__init__()
        self.clock = clock
        self.seen = dict.fromkeys(guests, clock.now())
        self.merged: dict[str, str] = {}

    async def recognise(self, user_id: str, used_after: datetime) -> Known | None:
        user_id = self.merged.get(user_id, user_id)
        if user_id not in self.seen or self.seen[user_id] <= used_after:
            return None
        self.seen[user_id] = self.clock.now()
        return user_id, "GUEST", None


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def key(clock: HandClock) -> GuestKey:
    return GuestKey(SECRET, clock)


@pytest.fixture
def local(tmp_path: Path, clock: HandClock) -> LocalKey:
    return LocalKey.open(tmp_path, clock)


@pytest.fixture
def rows(clock: HandClock) -> Rows:
    return Rows(clock, "g")


@pytest.fixture
def identities(key: GuestKey, local: LocalKey, rows: Rows, clock: HandClock) -> TokenIdentities:
    return TokenIdentities(GuestsToo(key, local), rows, clock)


async def refused(identities: TokenIdentities, token: str) -> None:
    """No, and not a word more."""
    with pytest.raises(Unauthenticated) as caught:
        await identities.identify(token)
    assert str(caught.value) == ""


async def test_a_guest_is_the_user_that_the_token_names(
    identities: TokenIdentities, key: GuestKey, rows: Rows, clock: HandClock
) -> None:
    identity = await identities.identify(key.mint("g"))
    assert (identity.user_id, identity.role, identity.name) == ("g", "GUEST", None)
    assert identity.expires_at == (clock.now() + GUEST_UNUSED_MAX).timestamp()
    assert rows.calls == [], "nobody was made"


async def test_other_tokens_are_accepted_beside(
    identities: TokenIdentities, local: LocalKey
) -> None:
    assert (await identities.identify(local.mint("alice"))).user_id == "id-of-alice"


async def test_a_token_that_is_used_lives_and_one_that_is_not_dies(
    identities: TokenIdentities, key: GuestKey, clock: HandClock
) -> None:
    token = key.mint("g")
    day = timedelta(days=1).total_seconds()
    for _ in range(3):
        clock.pass_seconds(89 * day)
        assert (await identities.identify(token)).user_id == "g"
    clock.pass_seconds(90 * day)
    await refused(identities, token)


async def test_all_gateways_of_a_hub_know_the_key_and_no_other_hub(
    identities: TokenIdentities, clock: HandClock
) -> None:
    assert (await identities.identify(GuestKey(SECRET, clock).mint("g"))).user_id == "g"
    await refused(identities, GuestKey(SECRET + "!", clock).mint("g"))


async def test_a_guest_who_is_not_there_is_nobody(
    identities: TokenIdentities, key: GuestKey
) -> None:
    await refused(identities, key.mint("somebody else"))


async def test_the_token_of_a_merged_guest_speaks_for_the_user(
    identities: TokenIdentities, key: GuestKey, rows: Rows, clock: HandClock
) -> None:
    token = key.mint("g")
    await identities.identify(token)
    rows.seen = {"u": clock.now()}
    rows.merged = {"g": "u"}
    identities.forget("g")
    assert (await identities.identify(token)).user_id == "u"


def forged(key: Any, algorithm: str | None = "HS256", **changes: Any) -> str:
    said = {"iss": LOCAL_ISSUER, "aud": GUEST_AUDIENCE, "sub": "g", "iat": 0, **changes}
    kept = {name: value for name, value in said.items() if value is not ...}
    return jwt.encode(kept, key, algorithm=algorithm)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": LOCAL_AUDIENCE},
        {"iss": "https://id.example"},
        {"sub": ""},
        {"sub": 7},
        {"sub": "g\0"},
        {"sub": ...},
        {"iat": ...},
        {"aud": ...},
        {"iss": ...},
    ],
)
async def test_claims_that_are_refused(
    identities: TokenIdentities, key: GuestKey, changes: dict[str, Any]
) -> None:
    assert (await identities.identify(forged(key._key))).user_id == "g"
    await refused(identities, forged(key._key, **changes))


async def test_forgeries(identities: TokenIdentities, key: GuestKey, local: LocalKey) -> None:
    good = key.mint("g")
    head, body, seal = good.split(".")
    other = key.mint("another").split(".")[1]
    for token in (
        f"{head}.{other}.{seal}",
        f"{head}.{body}.",
        f"{head}.{body}",
        "",
        "x.y.z",
        forged(SECRET.encode()),
        forged(key._key * 2, "HS512"),
        forged(None, None),
        local.mint("g").replace(local.mint("g").split(".")[0], head),
    ):
        await refused(identities, token)


async def test_a_token_of_the_hubs_other_key_names_no_row(
    identities: TokenIdentities, local: LocalKey
) -> None:
    """Its subject is that of an identity, whatever ids there are."""
    assert (await identities.identify(local.mint("g"))).user_id == "id-of-g"


def test_the_token_names_no_end(key: GuestKey, clock: HandClock) -> None:
    said = jwt.decode(key.mint("g"), options={"verify_signature": False})
    assert {name: said[name] for name in said if name != "jti"} == {
        "iss": LOCAL_ISSUER,
        "aud": GUEST_AUDIENCE,
        "sub": "g",
        "iat": int(clock.now().timestamp()),
    }
