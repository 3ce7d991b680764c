"""ID tokens of OpenID Connect, by which somebody proves an identity that is to be linked (spec 08).

An ID token is no key to the hub: it was made for one of our apps, says who signed in there, and is
read once. What is asked of it is the same for every provider; what differs is in `PROVIDERS`, and
in the ids of our apps, which an operator brings along. An address counts only where the provider
has verified it, and a token without such an address proves nothing here.

Apple says `email_verified` as text, Google signs in two names, and GitHub gives no address in
tokens of its own: there a broker signs that adds it, and the operator names the broker.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from hmac import compare_digest
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import msgspec

from beheard_hub.gateway.auth import check_subject, check_times, decoded, is_text, verified_email
from beheard_hub.gateway.jwks import Fetch, KeySet, fetch_by_http
from beheard_hub.ports import Clock, Proof, Proven, Unauthenticated
from beheard_hub.settings import SetupError

REQUIRED = ("iss", "sub", "aud", "exp", "iat")

_Name = Annotated[str, msgspec.Meta(min_length=1)]
_Url = Annotated[str, msgspec.Meta(pattern=r"^https?://\S+$")]


class Provider(msgspec.Struct, frozen=True):
    """Who signs, and where the keys are."""

    issuers: Sequence[str]
    """Names by which it signs; the first one is kept with the identity."""
    jwks_url: str


PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        "google": Provider(
            ("https://accounts.google.com", "accounts.google.com"),
            "https://www.googleapis.com/oauth2/v3/certs",
        ),
        "apple": Provider(("https://appleid.apple.com",), "https://appleid.apple.com/auth/keys"),
        "github": Provider(
            ("https://github.com/login/oauth",),
            "https://github.com/login/oauth/.well-known/jwks",
        ),
    }
)
"""The providers that the hub knows by name."""


class App(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator says of one provider: `issuer` and `jwks_url` of somebody else who signs for
    it (a broker), both or none."""

    audiences: Annotated[tuple[_Name, ...], msgspec.Meta(min_length=1)]
    """Ids of our apps there."""
    issuer: _Name | None = None
    jwks_url: _Url | None = None


def proofs_of(apps: Path | None, clock: Clock) -> Mapping[str, Proof]:
    """Provider → who reads its tokens, of those in the operator's file (docs/identity.md); none
    without a file. Raises SetupError."""
    if apps is None:
        return {}
    try:
        rows = msgspec.convert(tomllib.loads(apps.read_text(encoding="utf-8")), dict[str, App])
    except (OSError, ValueError, msgspec.ValidationError) as wrong:
        raise _unusable(str(wrong) if isinstance(wrong, msgspec.ValidationError) else "") from None
    for name, app in rows.items():
        if name not in PROVIDERS:
            raise _unusable(f"[{name}] is none of {', '.join(PROVIDERS)}")
        if (app.issuer is None) != (app.jwks_url is None):
            raise _unusable(f"[{name}] needs issuer and jwks_url, or neither")
    return {
        name: IdTokens(_signer(app) or PROVIDERS[name], app.audiences, clock)
        for name, app in rows.items()
    }


def _signer(app: App) -> Provider | None:
    if app.issuer is None or app.jwks_url is None:
        return None
    return Provider((app.issuer,), app.jwks_url)


def _unusable(why: str) -> SetupError:
    return SetupError(
        f"BEHEARD_ID_TOKENS names a file that cannot be used{': ' + why if why else ''}.",
        "docs/identity.md shows the shape.",
    )


class IdTokens:
    """Implements `ports.Proof`."""

    def __init__(
        self,
        provider: Provider,
        audiences: Sequence[str],
        clock: Clock,
        fetch: Fetch | None = None,
    ) -> None:
        """`audiences` are the ids of our apps at the provider."""
        self._provider = provider
        self._audiences = audiences
        self._clock = clock
        self._keys = KeySet(fetch or fetch_by_http(provider.jwks_url), clock)

    async def read(self, token: str, nonce: str | None = None) -> Proven:
        """See the port."""
        key, algorithm = await self._keys.key_of(token)
        said = decoded(
            token,
            key,
            algorithm,
            issuer=self._provider.issuers,
            audience=self._audiences,
            required=REQUIRED,
        )
        check_times(said, self._clock.now().timestamp())
        self._check_party(said)
        _check_nonce(said, nonce)
        email = verified_email(said)
        if email is None:
            raise Unauthenticated
        return Proven(self._provider.issuers[0], check_subject(said["sub"]), email)

    def _check_party(self, said: Mapping[str, Any]) -> None:
        """A token for several must have been asked for by one of ours (OpenID Connect Core,
        3.1.3.7); who asked must be one of ours wherever it is said."""
        several = isinstance(said["aud"], list) and len(said["aud"]) > 1
        if (several or "azp" in said) and said.get("azp") not in self._audiences:
            raise Unauthenticated


def _check_nonce(said: Mapping[str, Any], nonce: str | None) -> None:
    found = said.get("nonce")
    if nonce is None:
        return
    if not isinstance(found, str) or not is_text(found):
        raise Unauthenticated
    if not compare_digest(found.encode(), nonce.encode()):
        raise Unauthenticated
