"""Tokens of an identity provider, by its JWKS document (spec 5.1).

Keys are cached. An unknown `kid` makes the hub fetch the document again, at most once a minute, so
that made-up ids cannot turn it into somebody's load; a failed fetch may be repeated sooner.
"""

from __future__ import annotations

import asyncio
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
DOCUMENT_BYTES_MAX = 1024 * 1024
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
        async with httpx.AsyncClient(timeout=FETCH_SECONDS_MAX) as client:
            response = await client.get(url)
        response.raise_for_status()
        if len(response.content) > DOCUMENT_BYTES_MAX:
            raise ValueError("the JWKS document is too large")
        return response.content

    return fetch


class JwksVerifier:
    """Implements `auth.TokenVerifier`."""

    def __init__(self, fetch: Fetch, *, issuer: str, audience: str, clock: Clock) -> None:
        self._fetch = fetch
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._keys: dict[str, tuple[Any, str]] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._one_at_a_time = asyncio.Lock()

    async def verify(self, token: str) -> Claims:
        """See `TokenVerifier`. Raises StoreUnavailable while no key was ever had."""
        try:
            kid = jwt.get_unverified_header(token).get("kid", "")
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise Unauthenticated from None
        key, algorithm = await self._key(kid if isinstance(kid, str) else "")
        return read_claims(
            token,
            key,
            algorithm,
            issuer=self._issuer,
            audience=self._audience,
            provider=self._issuer,
            now=self._clock.now().timestamp(),
        )

    async def _key(self, kid: str) -> tuple[Any, str]:
        if kid not in self._keys or self._old():
            async with self._one_at_a_time:
                if (kid not in self._keys or self._old()) and self._may_fetch():
                    await self._refresh()
        if self._fetched_at is None:
            raise StoreUnavailable
        if kid not in self._keys:
            raise Unauthenticated
        return self._keys[kid]

    def _old(self) -> bool:
        fetched = self._fetched_at
        return fetched is not None and self._clock.mono() - fetched >= KEYS_SECONDS_MAX

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


def _keys_of(document: Any) -> dict[str, tuple[Any, str]]:
    """kid → (key, algorithm) of all keys that may sign; others are left out."""
    found: dict[str, tuple[Any, str]] = {}
    for entry in document["keys"]:
        algorithm = ALGORITHMS.get((entry.get("kty"), entry.get("crv")))
        if algorithm is None or entry.get("use", "sig") != "sig":
            continue
        if entry.get("alg", algorithm) != algorithm:
            continue
        try:
            key = jwt.PyJWK(entry, algorithm=algorithm).key
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        found[str(entry.get("kid", ""))] = key, algorithm
    return found
