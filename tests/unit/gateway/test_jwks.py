"""Tokens of an identity provider on a port of its own: rotation, forgeries, and its absence."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from beheard_hub.gateway import jwks
from beheard_hub.gateway.auth import CLOCKS_DIFFER_SECONDS_MAX
from beheard_hub.gateway.jwks import JwksVerifier, fetch_by_http
from beheard_hub.ports import Clock, StoreUnavailable, Unauthenticated
from beheard_hub.testing import issuer as stand_in
from beheard_hub.testing.issuer import Respond, entry_of, write
from tests.unit.gateway.test_auth import AUDIENCE, ISSUER, HandClock

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SMALL_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


class Issuer(stand_in.Issuer):
    """Also of tokens that are keys to the hub."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, {"r1": RSA_KEY, "e1": EC_KEY})

    def token(self, kid: str | None = "r1", key: Any = None, **claims: Any) -> str:
        """A good token, but for what is changed."""
        private = key or (EC_KEY if kid == "e1" else RSA_KEY)
        algorithm = "RS256" if isinstance(private, rsa.RSAPrivateKey) else "ES256"
        headers = {} if kid is None else {"kid": kid}
        return jwt.encode(self.claims(**claims), private, algorithm=algorithm, headers=headers)

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = self.clock.now().timestamp()
        said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 90_000}
        return {**said, **changes}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def listening(clock: Clock) -> AbstractAsyncContextManager[Issuer]:
    """An issuer for as long as it is looked at."""
    return stand_in.listening(Issuer(clock))


@pytest.fixture
async def issuer(clock: HandClock) -> AsyncIterator[Issuer]:
    async with listening(clock) as made:
        yield made


@pytest.fixture
def verifier(issuer: Issuer, clock: HandClock) -> JwksVerifier:
    fetch = fetch_by_http(issuer.url)
    return JwksVerifier(fetch, issuer=ISSUER, audience=AUDIENCE, clock=clock)


async def refused(verifier: JwksVerifier, token: str) -> None:
    """No, and not a word more."""
    with pytest.raises(Unauthenticated) as caught:
        await verifier.verify(token)
    assert str(caught.value) == ""


# ---- rotation


async def test_a_new_key_is_found_when_its_minute_has_come(
    verifier: JwksVerifier, issuer: Issuer, clock: HandClock
) -> None:
    await verifier.verify(issuer.token())
    fresh = ec.generate_private_key(ec.SECP256R1())
    issuer.keys = [entry_of("e2", fresh)]
    old, new = issuer.token(), issuer.token("e2", fresh)
    for _ in range(10):
        await refused(verifier, new)
    assert issuer.asked == 1
    clock.pass_seconds(jwks.REFETCH_SECONDS_MIN)
    for claims in await asyncio.gather(*(verifier.verify(new) for _ in range(10))):
        assert claims.subject == "alice"
    assert issuer.asked == 2
    await refused(verifier, old)


async def test_made_up_kids_cost_one_question_a_minute(
    verifier: JwksVerifier, issuer: Issuer, clock: HandClock
) -> None:
    for minute in range(3):
        tokens = [issuer.token(f"made-up-{minute}-{n}") for n in range(20)]
        answers = await asyncio.gather(*map(verifier.verify, tokens), return_exceptions=True)
        assert all(isinstance(answer, Unauthenticated) for answer in answers)
        assert issuer.asked == minute + 1
        clock.pass_seconds(jwks.REFETCH_SECONDS_MIN)


# ---- forgeries


async def test_the_public_key_is_no_shared_secret(verifier: JwksVerifier, issuer: Issuer) -> None:
    """HS256 with what everybody knows as its secret, in each form that a library might take."""
    await verifier.verify(issuer.token())
    public = RSA_KEY.public_key()
    for form in (serialization.Encoding.PEM, serialization.Encoding.DER):
        secret = public.public_bytes(form, serialization.PublicFormat.SubjectPublicKeyInfo)
        await refused(verifier, forged(issuer, secret))
    await refused(verifier, forged(issuer, json.dumps(entry_of("r1", RSA_KEY)).encode()))


def forged(issuer: Issuer, secret: bytes) -> str:
    """A token by HMAC, made by hand: the library would not sign with a public key."""
    maker = jwt.get_algorithm_by_name("HS256")
    head = json.dumps({"alg": "HS256", "typ": "JWT", "kid": "r1"}).encode()
    said = b".".join(
        jwt.utils.base64url_encode(part) for part in (head, json.dumps(issuer.claims()).encode())
    )
    return (said + b"." + jwt.utils.base64url_encode(maker.sign(said, secret))).decode()


async def test_without_a_signature(verifier: JwksVerifier, issuer: Issuer) -> None:
    for alg, tail in (("none", ""), ("None", ""), ("none", "c2ln")):
        head = json.dumps({"alg": alg, "kid": "r1"}).encode()
        parts = (head, json.dumps(issuer.claims()).encode())
        said = b".".join(jwt.utils.base64url_encode(part) for part in parts).decode()
        await refused(verifier, f"{said}.{tail}")


async def test_a_key_signs_by_its_own_kind_only(verifier: JwksVerifier, issuer: Issuer) -> None:
    """The kid names a key of another type, or another key of the same type."""
    another = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    await refused(verifier, issuer.token("e1", RSA_KEY))
    await refused(verifier, issuer.token("r1", EC_KEY))
    await refused(verifier, issuer.token("r1", another))


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another-app"}, {"aud": ["another-app", "a-third"]}, {"aud": []},
        {"iss": "https://id.example.evil.example"}, {"iss": ISSUER + "/"},
        {"exp": 1}, {"nbf": 4e9}, {"iat": 4e9}, {"iat": "now"}, {"iat": True}, {"iat": 1e999},
    ],
)  # fmt: skip
async def test_claims_of_others_and_of_other_times(
    verifier: JwksVerifier, issuer: Issuer, claims: dict[str, Any]
) -> None:
    await verifier.verify(issuer.token())
    await refused(verifier, issuer.token(**claims))


async def test_clocks_may_differ_a_little_as_to_when_a_token_was_made(
    verifier: JwksVerifier, issuer: Issuer, clock: HandClock
) -> None:
    now = clock.now().timestamp()
    await verifier.verify(issuer.token(iat=now + CLOCKS_DIFFER_SECONDS_MAX))
    await refused(verifier, issuer.token(iat=now + CLOCKS_DIFFER_SECONDS_MAX + 1))
    await verifier.verify(issuer.token(aud=["another-app", AUDIENCE]))


# ---- keys that are none


async def test_a_key_without_a_kid_is_that_of_tokens_without_one(
    verifier: JwksVerifier, issuer: Issuer
) -> None:
    issuer.keys = [entry_of(None, EC_KEY)]
    assert (await verifier.verify(issuer.token(None, EC_KEY))).subject == "alice"
    await refused(verifier, issuer.token("e1"))


async def test_of_keys_with_one_name_the_first_counts(
    verifier: JwksVerifier, issuer: Issuer
) -> None:
    issuer.keys = [entry_of("r1", RSA_KEY), entry_of("r1", EC_KEY)]
    await verifier.verify(issuer.token("r1", RSA_KEY))
    await refused(verifier, issuer.token("r1", EC_KEY))


@pytest.mark.parametrize(
    "entry",
    [
        entry_of("r1", RSA_KEY, use="enc"), entry_of("r1", RSA_KEY, alg="RS512"),
        entry_of("r1", RSA_KEY, alg="HS256"), entry_of("r1", RSA_KEY, n=...),
        entry_of("r1", RSA_KEY, n="!"), entry_of("r1", RSA_KEY, kty="oct", k="c2VjcmV0"),
        entry_of("r1", RSA_KEY, d="c2VjcmV0"), entry_of("r1", SMALL_KEY),
        entry_of("r1", ec.generate_private_key(ec.SECP384R1()), alg=..., use=...),
    ],
)  # fmt: skip
async def test_keys_that_are_not_for_this_are_left_out(
    verifier: JwksVerifier, issuer: Issuer, entry: dict[str, Any]
) -> None:
    issuer.keys = [entry, entry_of("e1", EC_KEY)]
    for key in (RSA_KEY, SMALL_KEY):
        await refused(verifier, issuer.token("r1", key))
    assert (await verifier.verify(issuer.token("e1"))).subject == "alice"


async def test_more_keys_than_anybody_has_are_not_read(
    verifier: JwksVerifier, issuer: Issuer
) -> None:
    many = [entry_of(f"e{n}", EC_KEY) for n in range(jwks.KEYS_MAX)]
    issuer.keys = [*many, entry_of("one-too-many", EC_KEY)]
    await verifier.verify(issuer.token("e0", EC_KEY))
    await refused(verifier, issuer.token("one-too-many", EC_KEY))


# ---- a provider that is away, or not itself


async def test_known_keys_outlive_their_provider_by_a_day(
    verifier: JwksVerifier, issuer: Issuer, clock: HandClock
) -> None:
    await verifier.verify(issuer.token())
    issuer.status = b"503 Service Unavailable"
    known, unknown = issuer.token(), issuer.token("r2", RSA_KEY)
    clock.pass_seconds(jwks.KEYS_STALE_SECONDS_MAX - 1)
    await verifier.verify(known)
    with pytest.raises(StoreUnavailable):
        await verifier.verify(unknown)
    clock.pass_seconds(1)
    with pytest.raises(StoreUnavailable):
        await verifier.verify(known)
    issuer.status = b"200 OK"
    clock.pass_seconds(jwks.RETRY_SECONDS_MIN)
    await verifier.verify(known)
    await refused(verifier, unknown)


async def test_a_provider_that_was_never_there_is_asked_again_after_a_pause(
    verifier: JwksVerifier, issuer: Issuer, clock: HandClock
) -> None:
    issuer.status = b"404 Not Found"
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            await verifier.verify(issuer.token())
    assert issuer.asked == 1
    issuer.status = b"200 OK"
    clock.pass_seconds(jwks.RETRY_SECONDS_MIN)
    await verifier.verify(issuer.token())
    assert issuer.asked == 2


async def test_nobody_listens(clock: HandClock, issuer: Issuer) -> None:
    server = await asyncio.start_server(issuer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    fetch = fetch_by_http(f"http://127.0.0.1:{port}/jwks")
    verifier = JwksVerifier(fetch, issuer=ISSUER, audience=AUDIENCE, clock=clock)
    with pytest.raises(StoreUnavailable):
        await verifier.verify(issuer.token())


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{")
    while True:
        writer.write(b" " * 65_536)
        await writer.drain()


async def bomb(writer: asyncio.StreamWriter) -> None:
    packed = gzip.compress(b" " * 50 * jwks.DOCUMENT_BYTES_MAX)
    assert len(packed) < jwks.DOCUMENT_BYTES_MAX
    write(writer, packed, status=b"200 OK", more=b"Content-Encoding: gzip\r\n")
    await writer.drain()


async def elsewhere(writer: asyncio.StreamWriter) -> None:
    write(writer, b"", status=b"302 Found", more=b"Location: http://127.0.0.1:1/\r\n")


async def nonsense(writer: asyncio.StreamWriter) -> None:
    write(writer, b"<html>", status=b"200 OK")


async def no_list(writer: asyncio.StreamWriter) -> None:
    write(writer, b'{"keys": {"r1": 1}}', status=b"200 OK")


async def no_objects(writer: asyncio.StreamWriter) -> None:
    write(writer, b'{"keys": [1, null, "r1"]}', status=b"200 OK")


@pytest.mark.parametrize("respond", [endless, bomb, elsewhere, nonsense, no_list, no_objects])
async def test_what_is_no_document_changes_nothing(
    verifier: JwksVerifier, issuer: Issuer, clock: HandClock, respond: Respond
) -> None:
    issuer.respond = respond
    with pytest.raises(StoreUnavailable):
        await verifier.verify(issuer.token())
    issuer.respond = None
    clock.pass_seconds(jwks.RETRY_SECONDS_MIN)
    await verifier.verify(issuer.token())
    issuer.respond = respond
    clock.pass_seconds(jwks.KEYS_SECONDS_MAX)
    await verifier.verify(issuer.token())
    assert issuer.asked == 3


async def test_a_provider_that_answers_too_slowly_is_away(
    verifier: JwksVerifier, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "FETCH_SECONDS_MAX", 0.05)
    left = asyncio.Event()

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        await writer.drain()
        await left.wait()

    issuer.respond = drip
    with pytest.raises(StoreUnavailable):
        await verifier.verify(issuer.token())
    left.set()
