"""From a bearer token to a user (spec 5.1): verify, then find or make the user's row.

Two verifiers: `LocalKey`, the hub's own ES256 key, made on first start; `jwks.JwksVerifier` for an
identity provider. Both accept exactly one algorithm per key. Guests hold tokens of a third kind
(`guests`). Whatever is wrong with a token, the
answer is `Unauthenticated` and nothing else, and no token is in any exception or repr.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
import tempfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import jwt
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from beheard_hub.domain.limits import GUEST_UNUSED_MAX
from beheard_hub.ports import Accounts, Clock, Identity, Known, Unauthenticated

LOCAL_ISSUER = "beheard-hub"
LOCAL_AUDIENCE = "beheard"
LOCAL_ALGORITHM = "ES256"
KEY_FILE = "token-key.pem"
ROLES = ("GUEST", "USER", "STAFF", "ADMIN")
CLOCKS_DIFFER_SECONDS_MAX = 60.0
SUBJECT_CHARS_MAX = 255
NAME_CHARS_MAX = 200
EMAIL_CHARS_MAX = 320
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")
IDENTITIES_CACHED_MAX = 10_000
IDENTITY_CACHED_SECONDS = 60.0
GONE_REMEMBERED_MAX = 1_000


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a verified token says."""

    provider: str
    subject: str
    name: str | None
    role: str | None
    """Only tokens of the hub's own key may say this."""
    expires_at: float
    """Unix seconds."""
    email: str | None = None
    """In lower case; only where the issuer has verified it."""
    is_user: bool = False
    """`subject` is the id of a user: a token that the hub gave to a guest."""

    def __repr__(self) -> str:
        return "Claims"


class TokenVerifier(Protocol):
    """Tells a good token from a bad one."""

    async def verify(self, token: str) -> Claims:
        """Raises Unauthenticated, or StoreUnavailable where keys cannot be had."""


def read_claims(
    token: str,
    key: Any,
    algorithm: str,
    *,
    issuer: str,
    audience: str,
    provider: str,
    now: float,
    trust_role: bool = False,
) -> Claims:
    """Checks signature, `iss`, `aud`, `exp`, `nbf` and `iat` of a token; `now` in Unix seconds. A
    token of the future is not valid yet; clocks may differ by a minute as to when it was made.

    Raises Unauthenticated.
    """
    found = decoded(token, key, algorithm, issuer=issuer, audience=audience)
    expires_at = check_times(found, now)
    role = found.get("role") if trust_role else None
    return Claims(
        provider=provider,
        subject=check_subject(found["sub"]),
        name=_name(found.get("name")),
        role=role if role in ROLES else None,
        expires_at=expires_at,
        email=verified_email(found),
    )


def decoded(
    token: str,
    key: Any,
    algorithm: str,
    *,
    issuer: str | Sequence[str],
    audience: str | Sequence[str],
    required: Sequence[str] = ("exp", "sub", "iss", "aud"),
) -> Mapping[str, Any]:
    """What a token says whose signature, `iss` and `aud` are good (each one of those given), with
    all that is `required`; its times are not looked at. Raises Unauthenticated."""
    try:
        found: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=audience,
            issuer=issuer,
            options={
                "require": list(required),
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise Unauthenticated from None
    return found


def check_times(found: Mapping[str, Any], now: float) -> float:
    """Until when the token is good, in Unix seconds. Raises Unauthenticated where that is over or
    has not begun."""
    expires_at = _seconds(found["exp"])
    made_at = _seconds(found.get("iat", 0))
    begins = max(_seconds(found.get("nbf", 0)), made_at - CLOCKS_DIFFER_SECONDS_MAX)
    if now >= expires_at or now < begins:
        raise Unauthenticated
    return expires_at


def check_subject(subject: object) -> str:
    """The subject, which is text that a row can hold. Raises Unauthenticated."""
    if not isinstance(subject, str) or not _good_subject(subject):
        raise Unauthenticated
    return subject


def verified_email(found: Mapping[str, Any]) -> str | None:
    """The address in a token, in lower case, where the issuer says that it has verified it: in so
    many words, or as text (Apple does)."""
    email, verified = found.get("email"), found.get("email_verified")
    if not isinstance(email, str) or not (verified is True or verified == "true"):
        return None
    email = email.lower()  # which may be longer
    if len(email) > EMAIL_CHARS_MAX or not is_text(email) or not _ADDRESS.fullmatch(email):
        return None
    return email


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unauthenticated
    with contextlib.suppress(OverflowError):
        if math.isfinite(seconds := float(value)):
            return seconds
    raise Unauthenticated


def _good_subject(subject: object) -> bool:
    return isinstance(subject, str) and 0 < len(subject) <= SUBJECT_CHARS_MAX and is_text(subject)


def _name(value: object) -> str | None:
    if not isinstance(value, str) or not is_text(value):
        return None
    return value.strip()[:NAME_CHARS_MAX] or None


def is_text(value: str) -> bool:
    """Neither NUL nor a lone surrogate: Postgres would refuse both."""
    return "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


class LocalKey:
    """The hub's own signing key: an ES256 key in ``token-key.pem`` of the data directory."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, clock: Clock) -> None:
        self._key = key
        self._public = key.public_key()
        self._clock = clock

    @classmethod
    def open(cls, data_dir: Path, clock: Clock) -> LocalKey:
        """Reads the key, or makes it (mode 0600); two processes that start at once get one key.

        Raises OSError, and ValueError where the file holds no ES256 key.
        """
        path = data_dir / KEY_FILE
        if not path.exists():
            _write_new_key(path)
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise ValueError(f"{KEY_FILE} holds no P-256 key")
        return cls(key, clock)

    def mint(
        self,
        subject: str,
        *,
        name: str | None = None,
        role: str | None = None,
        seconds: float = 30 * 86_400,
    ) -> str:
        """A bearer token for `subject`. Raises ValueError for a role that does not exist or a
        subject that is empty or over 255 characters."""
        if role is not None and role not in ROLES:
            raise ValueError(f"role must be one of {', '.join(ROLES)}")
        if not _good_subject(subject):
            raise ValueError(f"a user id is text of 1 to {SUBJECT_CHARS_MAX} characters")
        now = self._clock.now().timestamp()
        claims: dict[str, Any] = {
            "iss": LOCAL_ISSUER,
            "aud": LOCAL_AUDIENCE,
            "sub": subject,
            "iat": int(now),
            "exp": now + seconds,
            "jti": str(uuid4()),
        }
        claims.update({"name": name} if name else {})
        claims.update({"role": role} if role else {})
        return jwt.encode(claims, self._key, algorithm=LOCAL_ALGORITHM)

    async def verify(self, token: str) -> Claims:
        """See `TokenVerifier`."""
        return read_claims(
            token,
            self._public,
            LOCAL_ALGORITHM,
            issuer=LOCAL_ISSUER,
            audience=LOCAL_AUDIENCE,
            provider="local",
            now=self._clock.now().timestamp(),
            trust_role=True,
        )


def _write_new_key(path: Path) -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".token-key-")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was quicker: its key counts
            os.link(name, path)
    finally:
        Path(name).unlink()


class TokenIdentities:
    """Implements `ports.Identities` on a verifier and the user rows.

    A token that was good stays good for up to a minute without asking again, so that a crowd that
    reconnects costs neither signatures nor queries; only hashes of tokens are kept.
    """

    def __init__(self, verifier: TokenVerifier, accounts: Accounts, clock: Clock) -> None:
        self._verifier = verifier
        self._accounts = accounts
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[Identity, float]] = OrderedDict()
        self._gone: OrderedDict[str, None] = OrderedDict()
        """Users who left lately: a look-up that was under way then may still find them."""

    async def identify(self, token: str) -> Identity:
        """See the port."""
        digest = hashlib.sha256(token.encode(errors="replace")).digest()
        known = self._known.get(digest)
        if known is not None and self._fresh(*known):
            return known[0]
        claims = await self._verifier.verify(token)
        user_id, role, name = await self._provision(claims)
        if user_id in self._gone:
            user_id, role, name = await self._provision(claims)
        identity = Identity(
            user_id=user_id,
            role=claims.role or role,
            name=name,
            expires_at=claims.expires_at,
        )
        self._known[digest] = identity, self._clock.mono() + IDENTITY_CACHED_SECONDS
        self._known.move_to_end(digest)
        while len(self._known) > IDENTITIES_CACHED_MAX:
            self._known.popitem(last=False)
        return identity

    async def became(self, user_id: str) -> str:
        """See the port."""
        found = await self._accounts.recognise(user_id, self._clock.now() - GUEST_UNUSED_MAX)
        return user_id if found is None else found[0]

    async def _provision(self, claims: Claims) -> Known:
        if not claims.is_user:
            return await self._accounts.provision(
                claims.provider, claims.subject, claims.name, claims.email
            )
        used_after = self._clock.now() - GUEST_UNUSED_MAX
        found = await self._accounts.recognise(claims.subject, used_after)
        if found is None:
            raise Unauthenticated
        return found

    def forget(self, user_id: str) -> None:
        """See the port."""
        for digest in [d for d, (known, _) in self._known.items() if known.user_id == user_id]:
            del self._known[digest]
        self._gone[user_id] = None
        self._gone.move_to_end(user_id)
        while len(self._gone) > GONE_REMEMBERED_MAX:
            self._gone.popitem(last=False)

    def _fresh(self, identity: Identity, until: float) -> bool:
        return self._clock.mono() < until and self._clock.now().timestamp() < identity.expires_at
