"""Tokens of an identity provider, by its JWKS document (spec 5.1).

Keys are cached. An unknown `kid` makes the hub fetch the document again, at most once a minute, so
that made-up ids cannot turn it into somebody's load; a failed fetch may be repeated sooner. While
the provider is away its known keys stay good for a day; what cannot be told without it is answered
"unavailable", not "wrong".
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import httpx
import jwt

from beheard_hub import telemetry
from beheard_hub.gateway.auth import Claims, read_claims
from beheard_hub.ports import Clock, StoreUnavailable, Unauthenticated

Fetch: TypeAlias = Callable[[], Awaitable[bytes]]
"""Brings the JWKS document. Raises anything when it cannot."""

REFETCH_SECONDS_MIN = 60.0
RETRY_SECONDS_MIN = 2.0
KEYS_SECONDS_MAX = 3600.0
"""Age at which keys are looked at again, so that a withdrawn key does not live for ever."""
KEYS_STALE_SECONDS_MAX = 86_400.0
"""Age at which keys that could not be looked at again are not believed any more."""
KEYS_MAX = 100
DOCUMENT_BYTES_MAX = 1024 * 1024
RSA_BITS_MIN = 2048
FETCH_SECONDS_MAX = 5.0

ALGORITHMS: Mapping[tuple[str, str | None], str] = {
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
}
"""(kty, crv) → the one algorithm that is accepted with such a key."""

_log = telemetry.logger("gateway.jwks")


def fetch_by_http(url: str) -> Fetch:
    """Fetches the document at `url`."""

    async def fetch() -> bytes:
        document = bytearray()
        async with (
            asyncio.timeout(FETCH_SECONDS_MAX),
            httpx.AsyncClient() as client,
            client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response,
        ):
            if response.status_code != httpx.codes.OK:  # nor is a redirect followed
                raise ValueError("the JWKS document is not there")
            async for piece in response.aiter_bytes():
                document += piece
                if len(document) > DOCUMENT_BYTES_MAX:
                    raise ValueError("the JWKS document is too large")
        return bytes(document)

    return fetch


class JwksVerifier:
    """Implements `auth.TokenVerifier`."""

    def __init__(self, fetch: Fetch, *, issuer: str, audience: str, clock: Clock) -> None:
        self._keys = KeySet(fetch, clock)
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    async def verify(self, token: str) -> Claims:
        """See `TokenVerifier`. Raises StoreUnavailable as `KeySet.key_of` does."""
        key, algorithm = await self._keys.key_of(token)
        return read_claims(
            token,
            key,
            algorithm,
            issuer=self._issuer,
            audience=self._audience,
            provider=self._issuer,
            now=self._clock.now().timestamp(),
        )


class KeySet:
    """The keys of one provider."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, tuple[Any, str]] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._one_at_a_time = asyncio.Lock()

    async def key_of(self, token: str) -> tuple[Any, str]:
        """The key that the token says it is signed with, and the one algorithm for it.

        Raises Unauthenticated, and StoreUnavailable while no key was ever had, for an unknown `kid`
        that the provider could not be asked about, and once its keys are a day old.
        """
        try:
            kid = jwt.get_unverified_header(token).get("kid", "")
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise Unauthenticated from None
        return await self._key(kid if isinstance(kid, str) else "")

    async def _key(self, kid: str) -> tuple[Any, str]:
        if kid not in self._keys or self._old():
            async with self._one_at_a_time:
                if (kid not in self._keys or self._old()) and self._may_fetch():
                    await self._refresh()
        if self._older_than(KEYS_STALE_SECONDS_MAX):
            raise StoreUnavailable
        if kid not in self._keys:
            raise Unauthenticated if self._fetched_at == self._tried_at else StoreUnavailable
        return self._keys[kid]

    def _old(self) -> bool:
        return self._older_than(KEYS_SECONDS_MAX)

    def _older_than(self, seconds: float) -> bool:
        """Also where there never were any."""
        fetched = self._fetched_at
        return fetched is None or self._clock.mono() - fetched >= seconds

    def _may_fetch(self) -> bool:
        if self._tried_at is None:
            return True
        succeeded = self._fetched_at == self._tried_at
        pause = REFETCH_SECONDS_MIN if succeeded else RETRY_SECONDS_MIN
        return self._clock.mono() - self._tried_at >= pause

    async def _refresh(self) -> None:
        """Fetches; on failure the keys that are there stay."""
        self._tried_at = now = self._clock.mono()
        try:
            keys = _keys_of(json.loads(await self._fetch()))
        except Exception as failure:  # somebody else's server: anything may come
            _log.warning("jwks_unreadable", error=type(failure).__name__)
            return
        self._keys = keys
        self._fetched_at = now
        _log.info("jwks_read", count=len(keys))


async def usable_keys(fetch: Fetch) -> int:
    """How many keys the document holds that may sign. Raises anything where it cannot be read."""
    return len(_keys_of(json.loads(await fetch())))


def _keys_of(document: Any) -> dict[str, tuple[Any, str]]:
    """kid → (key, algorithm) of the keys that may sign; others are left out. One key may be without
    a `kid`: it is that of tokens without one."""
    found: dict[str, tuple[Any, str]] = {}
    for entry in document["keys"][:KEYS_MAX]:
        algorithm = ALGORITHMS.get((entry.get("kty"), entry.get("crv")))
        if algorithm is not None and _may_sign(entry, algorithm):
            with contextlib.suppress(jwt.PyJWTError, ValueError, TypeError):
                key = jwt.PyJWK(entry, algorithm=algorithm).key
                if getattr(key, "key_size", 0) >= RSA_BITS_MIN or algorithm != "RS256":
                    found.setdefault(str(entry.get("kid", "")), (key, algorithm))
    return found


def _may_sign(entry: Mapping[str, Any], algorithm: str) -> bool:
    """A public key for signatures by this algorithm: a private one has no place in the document."""
    return (
        entry.get("use", "sig") == "sig"
        and entry.get("alg", algorithm) == algorithm
        and "d" not in entry
    )
