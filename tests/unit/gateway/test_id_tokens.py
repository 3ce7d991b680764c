"""ID tokens in the shapes of Google, GitHub and Apple, from an issuer of our own (spec 08)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from beheard_hub.gateway.auth import CLOCKS_DIFFER_SECONDS_MAX
from beheard_hub.gateway.id_tokens import PROVIDERS, IdTokens, Provider, proofs_of
from beheard_hub.gateway.jwks import fetch_by_http
from beheard_hub.ports import Proven, StoreUnavailable, Unauthenticated
from beheard_hub.settings import SetupError
from beheard_hub.testing.issuer import ANDROID, IOS
from tests.unit.gateway.test_auth import HandClock
from tests.unit.gateway.test_jwks import EC_KEY, RSA_KEY, SMALL_KEY, Issuer, listening

GOOGLE, APPLE, GITHUB = PROVIDERS["google"], PROVIDERS["apple"], PROVIDERS["github"]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def issuer(clock: HandClock) -> AsyncIterator[Issuer]:
    async with listening(clock) as made:
        yield made


@pytest.fixture
def tokens(issuer: Issuer, clock: HandClock) -> IdTokens:
    """Google, as far as anybody can tell."""
    return reader(GOOGLE, issuer, clock)


def reader(provider: Provider, issuer: Issuer, clock: HandClock) -> IdTokens:
    return IdTokens(provider, (IOS, ANDROID), clock, fetch_by_http(issuer.url))


def shaped(issuer: Issuer, name: str = "google", key: Any = RSA_KEY, **changes: Any) -> str:
    """A good token of that shape, but for what is changed; ... leaves a claim out."""
    kid, algorithm = ("e1", "ES256") if key is EC_KEY else ("r1", "RS256" if key else "none")
    said = issuer.said(name, **changes)
    return jwt.encode(said, key, algorithm=algorithm, headers={"kid": kid})


async def refused(tokens: IdTokens, token: str, nonce: str | None = None) -> None:
    """No, and not a word more."""
    with pytest.raises(Unauthenticated) as caught:
        await tokens.read(token, nonce)
    assert str(caught.value) == ""


@pytest.mark.parametrize(
    ("name", "proven"),
    [
        ("google", Proven(GOOGLE.issuers[0], "10769150350006150715113082367", "ann@home.test")),
        ("apple", Proven(APPLE.issuers[0], "001999.8b7c.1130", "abc123@privaterelay.appleid.com")),
        ("github", Proven(GITHUB.issuers[0], "583231", "octocat@home.test")),
    ],
)
@pytest.mark.parametrize("key", [RSA_KEY, EC_KEY], ids=["RS256", "ES256"])
async def test_the_shapes_of_three_providers(
    issuer: Issuer, clock: HandClock, name: str, proven: Proven, key: Any
) -> None:
    tokens = reader(PROVIDERS[name], issuer, clock)
    assert await tokens.read(shaped(issuer, name, key)) == proven
    for other in PROVIDERS.keys() - {name}:
        await refused(tokens, shaped(issuer, other, key))


async def test_google_has_two_names_and_an_identity_has_one(
    tokens: IdTokens, issuer: Issuer
) -> None:
    found = await tokens.read(shaped(issuer, iss="accounts.google.com"))
    assert found.provider == "https://accounts.google.com"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://accounts.google.com.evil.test"},
        {"iss": ...},
        {"aud": "another app"},
        {"aud": []},
        {"aud": ...},
        {"aud": [IOS, "another app"], "azp": ...},
        {"aud": [IOS, "another app"], "azp": "another app"},
        {"azp": "another app"},
        {"sub": ""},
        {"sub": 583231},
        {"sub": ...},
        {"sub": "x" * 256},
        {"exp": ...},
        {"exp": "tomorrow"},
        {"iat": ...},
        {"iat": 2e9},
        {"nbf": 2e9},
        {"email": ...},
        {"email": None},
        {"email": ""},
        {"email": "ann"},
        {"email": "ann@home.test\0"},
        {"email": "ann@home.test\n"},
        {"email": "two people@home.test"},
        {"email": "x" * 320 + "@home.test"},
        {"email_verified": ...},
        {"email_verified": None},
        {"email_verified": False},
        {"email_verified": "false"},
        {"email_verified": "True"},
        {"email_verified": 1},
        {"email_verified": ["true"]},
    ],
    ids=str,
)
async def test_claims_that_are_refused(
    tokens: IdTokens, issuer: Issuer, changes: dict[str, Any]
) -> None:
    assert (await tokens.read(shaped(issuer))).email == "ann@home.test"
    await refused(tokens, shaped(issuer, **changes))


async def test_several_apps_may_be_meant_where_one_of_ours_asked(
    tokens: IdTokens, issuer: Issuer
) -> None:
    found = await tokens.read(shaped(issuer, aud=["another app", IOS], azp=IOS))
    assert found.email == "ann@home.test"


async def test_it_ends(tokens: IdTokens, issuer: Issuer, clock: HandClock) -> None:
    token = shaped(issuer)
    clock.pass_seconds(599)
    await tokens.read(token)
    clock.pass_seconds(1)
    await refused(tokens, token)


async def test_a_providers_clock_may_be_a_minute_ahead(
    tokens: IdTokens, issuer: Issuer, clock: HandClock
) -> None:
    now = clock.now().timestamp()
    await tokens.read(shaped(issuer, iat=now + CLOCKS_DIFFER_SECONDS_MAX))
    await refused(tokens, shaped(issuer, iat=now + CLOCKS_DIFFER_SECONDS_MAX + 1))


async def test_a_nonce_is_answered_where_one_was_given(issuer: Issuer, clock: HandClock) -> None:
    tokens = reader(APPLE, issuer, clock)
    token = shaped(issuer, "apple")
    await tokens.read(token, "n-0S6_WzA2Mj")
    await tokens.read(token)
    for nonce in ("", "n-0S6_WzA2MJ", "ä"):
        await refused(tokens, token, nonce)
    await refused(tokens, shaped(issuer, "apple", nonce=...), "n-0S6_WzA2Mj")
    await refused(tokens, shaped(issuer, "apple", nonce=7), "7")


async def test_keys_of_others_and_weak_ones(tokens: IdTokens, issuer: Issuer) -> None:
    head, _, seal = shaped(issuer).split(".")
    body = shaped(issuer, sub="somebody else").split(".")[1]
    another = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for key in (another, SMALL_KEY):
        await refused(tokens, shaped(issuer, key=key))
    for garbage in (f"{head}.{body}.{seal}", f"{head}.{body}.", f"{head}.{body}", "", "a.b.c"):
        await refused(tokens, garbage)
    unsigned = shaped(issuer, key=None)
    assert unsigned.endswith(".")
    await refused(tokens, unsigned)


async def test_without_the_providers_keys_nothing_is_said(issuer: Issuer, clock: HandClock) -> None:
    issuer.status = b"503 Service Unavailable"
    tokens = reader(GOOGLE, issuer, clock)
    with pytest.raises(StoreUnavailable):
        await tokens.read(shaped(issuer))


def test_what_was_proven_hides_its_words() -> None:
    assert "ann" not in repr(Proven("p", "ann", "ann@home.test"))


async def test_an_operators_file_says_whose_tokens_are_read(
    issuer: Issuer, clock: HandClock, tmp_path: Path
) -> None:
    proofs = proofs_of(issuer.apps(tmp_path), clock)
    assert list(proofs) == ["google"]
    assert (await proofs["google"].read(shaped(issuer))).email == "ann@home.test"
    assert proofs_of(None, clock) == {}


@pytest.mark.parametrize(
    "text",
    [
        "no TOML at all",
        "[google]",
        "[google]\naudiences = []",
        "[google]\naudiences = ['']",
        "[google]\naudiences = ['a']\nsecret = 'x'",
        "[facebook]\naudiences = ['a']",
        "[github]\naudiences = ['a']\nissuer = 'https://login.example'",
        "[github]\naudiences = ['a']\nissuer = 'b'\njwks_url = 'ftp://login.example'",
        None,
    ],
)
def test_a_file_that_cannot_be_used(clock: HandClock, tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "apps.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SetupError, match="BEHEARD_ID_TOKENS"):
        proofs_of(path, clock)
