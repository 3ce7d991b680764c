"""A stand-in for an identity provider, for tests and for the demo: it shows its public keys (JWKS)
on a local port, and signs ID tokens in the shapes of Google, Apple and GitHub (spec 08).

    async with listening(Issuer(clock, {"k1": ec.generate_private_key(ec.SECP256R1())})) as issuer:
        apps = issuer.apps(folder)  # BEHEARD_ID_TOKENS of a hub that believes it
        token = issuer.id_token("google", sub="ann", email="ann@home.test")

A hub believes it only where that file says so. What it shows and how it answers may be changed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from beheard_hub.ports import Clock

Key: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Respond: TypeAlias = Callable[[asyncio.StreamWriter], Awaitable[None]]

IOS, ANDROID = "ios.beheard.example", "android.beheard.example"
"""Ids of our apps, for which the tokens are made."""
TOKEN_SECONDS = 600
SHAPES: Mapping[str, Mapping[str, Any]] = {
    "google": {
        "iss": "https://accounts.google.com", "azp": ANDROID, "aud": IOS, "hd": "home.test",
        "sub": "10769150350006150715113082367", "email": "Ann@Home.test", "email_verified": True,
        "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q", "name": "Ann", "picture": "https://pictures.test/ann",
    },
    "apple": {
        "iss": "https://appleid.apple.com", "aud": IOS, "sub": "001999.8b7c.1130",
        "email": "abc123@privaterelay.appleid.com", "email_verified": "true",
        "is_private_email": "true", "nonce_supported": True, "auth_time": 1767225600,
        "nonce": "n-0S6_WzA2Mj", "c_hash": "Xyz",
    },
    "github": {
        "iss": "https://github.com/login/oauth", "aud": [IOS], "sub": "583231",
        "email": "octocat@home.test", "email_verified": True, "preferred_username": "octocat",
    },
}  # fmt: skip
"""Provider → what its ID tokens say, but for their times."""


class Issuer:
    """An identity provider that listens. `status`, `respond` and `keys` may be changed."""

    def __init__(self, clock: Clock, signers: Mapping[str, Key], name: str | None = None) -> None:
        """`signers`: the keys by their `kid`, the first one signs unless another is named. `name`:
        by which it signs (`iss`); None = the name of each provider."""
        self.clock = clock
        self.signers = signers
        self.name = name
        self.keys: list[dict[str, Any]] = [entry_of(kid, key) for kid, key in signers.items()]
        self.status = b"200 OK"
        self.respond: Respond | None = None
        self.asked = 0
        self.url = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one request, whatever it asks for, with the keys."""
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        try:
            if self.respond is not None:
                await self.respond(writer)
            else:
                write(writer, json.dumps({"keys": self.keys}).encode(), status=self.status)
                await writer.drain()
        except ConnectionError:
            pass  # the hub has heard enough
        finally:
            writer.close()

    def id_token(self, provider: str, kid: str | None = None, **changes: Any) -> str:
        """A good one in the shape of that provider, but for what is changed; ... leaves a claim
        out."""
        kid = kid or next(iter(self.signers))
        key = self.signers[kid]
        said = self.said(provider, **changes)
        return jwt.encode(said, key, algorithm=_algorithm(key), headers={"kid": kid})

    def said(self, provider: str, **changes: Any) -> dict[str, Any]:
        """What :meth:`id_token` signs."""
        now = self.clock.now().timestamp()
        said = {**SHAPES[provider], "iat": now, "exp": now + TOKEN_SECONDS}
        said |= {"iss": self.name} if self.name else {}
        return {claim: value for claim, value in {**said, **changes}.items() if value is not ...}

    def apps(self, folder: Path) -> Path:
        """An operator's file that says: this issuer signs for Google (docs/identity.md)."""
        written = folder / "apps.toml"
        written.write_text(
            f'[google]\naudiences = ["{IOS}", "{ANDROID}"]\n'
            f'issuer = "{self.name or SHAPES["google"]["iss"]}"\njwks_url = "{self.url}"\n'
        )
        return written


AnyIssuer = TypeVar("AnyIssuer", bound=Issuer)


@asynccontextmanager
async def listening(issuer: AnyIssuer) -> AsyncIterator[AnyIssuer]:
    """On a free local port, until the end of the block."""
    server = await asyncio.start_server(issuer, "127.0.0.1", 0)
    async with server:
        issuer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks"
        yield issuer


def entry_of(kid: str | None, private: Key, **changes: Any) -> dict[str, Any]:
    """The public half of a key as a JWKS document shows it."""
    algorithm = _algorithm(private)
    maker: Any = jwt.get_algorithm_by_name(algorithm)
    entry = {**json.loads(maker.to_jwk(private.public_key())), "use": "sig", "alg": algorithm}
    entry |= {} if kid is None else {"kid": kid}
    return {name: value for name, value in {**entry, **changes}.items() if value is not ...}


def write(writer: asyncio.StreamWriter, body: bytes, *, status: bytes, more: bytes = b"") -> None:
    """A whole HTTP response; `more` are header lines."""
    head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n"
    writer.write(head % (status, len(body), more) + body)


def _algorithm(key: Key) -> str:
    return "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
