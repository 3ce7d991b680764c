"""Tokens: what is accepted, and that nothing says why another is not (spec 5.1)."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from beheard_hub.gateway.auth import (
    KEY_FILE,
    LOCAL_AUDIENCE,
    LOCAL_ISSUER,
    Claims,
    LocalKey,
    TokenIdentities,
)
from beheard_hub.gateway.jwks import JwksVerifier, fetch_by_http
from beheard_hub.ports import Known, StoreUnavailable, Unauthenticated

ISSUER, AUDIENCE = "https://id.example", "beheard"


class HandClock:
    """Moves only by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def mono(self) -> float:
        return self.at.timestamp()

    def pass_seconds(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class CountingAccounts:
    """Makes a user on first sight."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str | None]] = []

    async def provision(
        self, provider: str, subject: str, name: str | None, email: str | None = None
    ) -> tuple[str, str, str | None]:
        self.calls.append((provider, subject, name))
        return f"id-of-{subject}", "USER", name

    async def recognise(self, user_id: str, used_after: datetime) -> Known | None:
        return None


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def key(tmp_path: Path, clock: HandClock) -> LocalKey:
    return LocalKey.open(tmp_path, clock)


async def refused(verifier: LocalKey | JwksVerifier, token: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await verifier.verify(token)
    assert str(caught.value) == ""
    assert caught.value.__cause__ is None


# ---- the hub's own key


async def test_a_minted_token_is_good(key: LocalKey, clock: HandClock) -> None:
    token = key.mint("alice", name="Alice", role="STAFF", seconds=60)
    assert await key.verify(token) == Claims(
        provider="local",
        subject="alice",
        name="Alice",
        role="STAFF",
        expires_at=clock.now().timestamp() + 60,
    )


def test_the_key_file_is_private_and_kept(tmp_path: Path, clock: HandClock) -> None:
    first = LocalKey.open(tmp_path, clock).mint("a")
    path = tmp_path / KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [KEY_FILE]
    asyncio.run(LocalKey.open(tmp_path, clock).verify(first))


def test_two_first_starts_at_once_use_one_key(tmp_path: Path, clock: HandClock) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: LocalKey.open(tmp_path, clock), range(16)))
    assert asyncio.run(keys[0].verify(keys[-1].mint("a"))).subject == "a"
    assert [file.name for file in tmp_path.iterdir()] == [KEY_FILE]


def test_a_key_file_of_another_kind_is_refused(tmp_path: Path, clock: HandClock) -> None:
    (tmp_path / KEY_FILE).write_text("nonsense")
    with pytest.raises(ValueError, match="PEM"):
        LocalKey.open(tmp_path, clock)


@pytest.mark.parametrize("options", [{"role": "KING"}, {"subject": ""}, {"subject": "x" * 256}])
def test_what_cannot_be_minted(key: LocalKey, options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"must be|is text"):
        key.mint(options.get("subject", "alice"), role=options.get("role"))


async def test_expiry(key: LocalKey, clock: HandClock) -> None:
    token = key.mint("alice", seconds=10)
    clock.pass_seconds(9.9)
    await key.verify(token)
    clock.pass_seconds(0.2)
    await refused(key, token)


async def test_a_tampered_token(key: LocalKey) -> None:
    head, body, signature = key.mint("alice").split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    forged = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "bob"}).encode()).decode()
    await refused(key, f"{head}.{forged.rstrip('=')}.{signature}")
    await refused(key, f"{head}.{body}.{signature[:-4]}AAAA")


@pytest.mark.parametrize(
    "token",
    ["", "x", "a.b.c", "..", "\ud800", "é.é.é", "a" * 16_000, "eyJhbGciOiJub25lIn0.e30."],
)
async def test_garbage(key: LocalKey, token: str) -> None:
    await refused(key, token)


# ---- an identity provider


class Provider:
    """An identity provider with a JWKS document."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.keys: dict[str, Any] = {
            "r1": rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "e1": ec.generate_private_key(ec.SECP256R1()),
        }
        self.fetches = 0
        self.broken = False

    def document(self) -> dict[str, Any]:
        entries = []
        for kid, private in self.keys.items():
            algorithm = {"r": "RS256", "e": "ES256"}[kid[0]]
            maker = jwt.get_algorithm_by_name(algorithm)
            entry = json.loads(maker.to_jwk(private.public_key()))
            entries.append({**entry, "kid": kid, "use": "sig", "alg": algorithm})
        odd = {"kty": "oct", "k": "c2VjcmV0", "kid": "h1", "alg": "HS256"}
        return {"keys": [*entries, odd, {"kty": "EC", "crv": "P-256", "kid": "broken"}]}

    async def fetch(self) -> bytes:
        self.fetches += 1
        if self.broken:
            raise ConnectionError
        return json.dumps(self.document()).encode()

    def token(self, kid: str = "r1", *, alg: str | None = None, **claims: Any) -> str:
        now = self.clock.now().timestamp()
        said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": now + 60, **claims}
        said = {name: value for name, value in said.items() if value is not ...}
        algorithm = alg or {"r": "RS256", "e": "ES256"}[kid[0]]
        return jwt.encode(said, self.keys[kid], algorithm=algorithm, headers={"kid": kid})


@pytest.fixture
def provider(clock: HandClock) -> Provider:
    return Provider(clock)


@pytest.fixture
def verifier(provider: Provider, clock: HandClock) -> JwksVerifier:
    return JwksVerifier(provider.fetch, issuer=ISSUER, audience=AUDIENCE, clock=clock)


@pytest.mark.parametrize("kid", ["r1", "e1"])
async def test_a_providers_token(verifier: JwksVerifier, provider: Provider, kid: str) -> None:
    claims = await verifier.verify(provider.token(kid, name="  Alice ", role="ADMIN"))
    assert (claims.provider, claims.subject, claims.name) == (ISSUER, "alice", "Alice")
    assert claims.role is None, "a provider's token gives no role"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "other"},
        {"aud": ...},
        {"iss": "https://evil.example"},
        {"iss": ...},
        {"exp": ...},
        {"exp": 0},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 1e999},
        {"nbf": 4e9},
        {"nbf": "later"},
        {"sub": ...},
        {"sub": ""},
        {"sub": 5},
        {"sub": "x" * 256},
        {"sub": "nul\0"},
    ],
)
async def test_claims_that_are_refused(
    verifier: JwksVerifier, provider: Provider, claims: dict[str, Any]
) -> None:
    await verifier.verify(provider.token())
    await refused(verifier, provider.token(**claims))


async def test_algorithms_are_pinned_to_their_keys(
    verifier: JwksVerifier, provider: Provider
) -> None:
    await verifier.verify(provider.token())
    for alg in ("RS384", "RS512", "PS256"):
        await refused(verifier, provider.token("r1", alg=alg))
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "exp": 4e9}
    await refused(verifier, jwt.encode(claims, "", algorithm="none", headers={"kid": "r1"}))
    for kid in ("h1", "r1", "e1"):
        secret = "secret" * 10
        await refused(verifier, jwt.encode(claims, secret, algorithm="HS256", headers={"kid": kid}))


async def test_an_unknown_kid_is_looked_for_once_a_minute(
    verifier: JwksVerifier, provider: Provider, clock: HandClock
) -> None:
    await verifier.verify(provider.token())
    provider.keys["r2"] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for _ in range(20):
        await refused(verifier, provider.token("r2", exp=4e9))
    assert provider.fetches == 1
    clock.pass_seconds(60)
    await asyncio.gather(*(verifier.verify(provider.token("r2")) for _ in range(20)))
    assert provider.fetches == 2


async def test_keys_stay_good_while_the_provider_is_away(
    verifier: JwksVerifier, provider: Provider, clock: HandClock
) -> None:
    provider.broken = True
    with pytest.raises(StoreUnavailable):
        await verifier.verify(provider.token())
    provider.broken = False
    clock.pass_seconds(2)
    await verifier.verify(provider.token())
    provider.broken = True
    clock.pass_seconds(7_200)
    await verifier.verify(provider.token())
    assert provider.fetches == 3


async def test_a_withdrawn_key_is_forgotten(
    verifier: JwksVerifier, provider: Provider, clock: HandClock
) -> None:
    old = provider.token("e1", exp=4e9)
    await verifier.verify(old)
    del provider.keys["e1"]
    clock.pass_seconds(3_600)
    await refused(verifier, old)


@pytest.fixture
async def jwks_url(provider: Provider) -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        found = request.startswith(b"GET /keys ")
        body = json.dumps(provider.document()).encode() if found else b""
        status = b"200 OK" if found else b"404 Not Found"
        head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        writer.write(head % (status, len(body)) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_the_document_comes_over_http(
    provider: Provider, clock: HandClock, jwks_url: str
) -> None:
    fetch = fetch_by_http(f"{jwks_url}/keys")
    verifier = JwksVerifier(fetch, issuer=ISSUER, audience=AUDIENCE, clock=clock)
    assert (await verifier.verify(provider.token())).subject == "alice"
    nowhere = fetch_by_http(f"{jwks_url}/nowhere")
    verifier = JwksVerifier(nowhere, issuer=ISSUER, audience=AUDIENCE, clock=clock)
    with pytest.raises(StoreUnavailable):
        await verifier.verify(provider.token())


# ---- from a token to a user


async def test_the_user_is_made_once_and_asked_for_again_after_a_minute(
    key: LocalKey, clock: HandClock
) -> None:
    accounts = CountingAccounts()
    identities = TokenIdentities(key, accounts, clock)
    token = key.mint("alice", name="Alice", role="ADMIN", seconds=90)
    for _ in range(3):
        identity = await identities.identify(token)
    assert (identity.user_id, identity.role, identity.name) == ("id-of-alice", "ADMIN", "Alice")
    assert accounts.calls == [("local", "alice", "Alice")]
    clock.pass_seconds(61)
    await identities.identify(token)
    assert len(accounts.calls) == 2
    clock.pass_seconds(30)
    with pytest.raises(Unauthenticated):
        await identities.identify(token)


async def test_without_a_role_in_the_token_the_row_decides(key: LocalKey, clock: HandClock) -> None:
    identities = TokenIdentities(key, CountingAccounts(), clock)
    assert (await identities.identify(key.mint("bob"))).role == "USER"


async def test_what_is_remembered_is_bounded(
    key: LocalKey, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beheard_hub.gateway.auth.IDENTITIES_CACHED_MAX", 5)
    identities = TokenIdentities(key, CountingAccounts(), clock)
    for number in range(20):
        await identities.identify(key.mint(f"u{number}"))
    assert len(identities._known) == 5


def test_tokens_of_the_hub_name_their_issuer(key: LocalKey) -> None:
    said = jwt.decode(key.mint("alice"), options={"verify_signature": False})
    assert (said["iss"], said["aud"]) == (LOCAL_ISSUER, LOCAL_AUDIENCE)


def test_claims_hide_their_words() -> None:
    claims = Claims(provider="p", subject="s", name="Alice", role=None, expires_at=1.0)
    assert "Alice" not in repr(claims)


@pytest.mark.parametrize(
    ("said", "email"),
    [
        ({"email": "Ann@Home.test", "email_verified": True}, "ann@home.test"),
        ({"email": "ann@home.test", "email_verified": "true"}, "ann@home.test"),
        ({"email": "ann@home.test"}, None),
        ({"email": "ann@home.test", "email_verified": False}, None),
        ({"email": "ann@home.test", "email_verified": 1}, None),
        ({"email": "ann", "email_verified": True}, None),
        ({"email": 7, "email_verified": True}, None),
        ({"email_verified": True}, None),
    ],
)
async def test_an_address_counts_where_the_provider_has_verified_it(
    verifier: JwksVerifier, provider: Provider, said: dict[str, Any], email: str | None
) -> None:
    assert (await verifier.verify(provider.token(**said))).email == email
