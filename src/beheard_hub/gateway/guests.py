"""The token of a guest (spec 08): the hub's own, accepted beside those of the identity provider.

Its subject is the id of the guest's row in "User". It names no end: it is good for 90 days after
its last use, and the row knows when that was, so a client holds one token and never has to change
it. Whoever becomes a user keeps it; where the row was merged into another it speaks for that one.

All gateways of a hub know the key, because it is made from the secret that they share with hosts.
"""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID, uuid4

import jwt

from beheard_hub.domain.limits import GUEST_UNUSED_MAX
from beheard_hub.gateway.auth import LOCAL_ISSUER, Claims, TokenVerifier, check_subject, decoded
from beheard_hub.ports import Clock, Unauthenticated

GUEST_AUDIENCE = "beheard-guest"
"""No token of another kind has it, and this kind is good for nothing else."""
GUEST_ALGORITHM = "HS256"
SALT = b"beheard: tokens of guests"
STRETCHING = {"n": 2**14, "r": 8, "p": 1}
"""Of scrypt: who holds a token could try secrets against it, so each try must cost something."""

GUESSED_CHARS_MAX = 16
"""Ids of commands that are shorter may be guessed."""


class GuestKey:
    """Makes and reads tokens of guests. Implements `auth.TokenVerifier`."""

    def __init__(self, secret: str, clock: Clock) -> None:
        """`secret` is that of the hub's own processes, 16 characters or more."""
        self._key = hashlib.scrypt(secret.encode(), salt=SALT, dklen=32, **STRETCHING)
        self._clock = clock

    def mint(self, user_id: str) -> str:
        """A bearer token for that user."""
        claims = {
            "iss": LOCAL_ISSUER,
            "aud": GUEST_AUDIENCE,
            "sub": user_id,
            "iat": int(self._clock.now().timestamp()),
            "jti": str(uuid4()),
        }
        return jwt.encode(claims, self._key, algorithm=GUEST_ALGORITHM)

    def newcomer(self, invitation: str, command_id: str) -> str:
        """The id of the user that somebody without a token becomes by claiming that invitation.

        A client that lost the answer sends the same command again and finds itself: the id follows
        from both texts, and nobody without our key can work it out. An id of a command that others
        might guess does not count, because whoever knows it too would be handed the guest's token.
        """
        if len(command_id) < GUESSED_CHARS_MAX:
            command_id = uuid4().hex
        said = f"{invitation}\n{command_id}".encode(errors="replace")
        return str(UUID(bytes=hmac.digest(self._key, said, "sha256")[:16], version=4))

    async def verify(self, token: str) -> Claims:
        """See `TokenVerifier`. Whether it was used lately only the user's row can tell."""
        said = decoded(
            token,
            self._key,
            GUEST_ALGORITHM,
            issuer=LOCAL_ISSUER,
            audience=GUEST_AUDIENCE,
            required=("sub", "iss", "aud", "iat"),
        )
        return Claims(
            provider=LOCAL_ISSUER,
            subject=check_subject(said["sub"]),
            name=None,
            role=None,
            expires_at=(self._clock.now() + GUEST_UNUSED_MAX).timestamp(),
            is_user=True,
        )


class GuestsToo:
    """Implements `auth.TokenVerifier`: tokens of guests by their algorithm, which no other kind of
    token may have, all others by the verifier that is given."""

    def __init__(self, guests: GuestKey, others: TokenVerifier) -> None:
        self._guests = guests
        self._others = others

    async def verify(self, token: str) -> Claims:
        """See `TokenVerifier`."""
        try:
            algorithm = jwt.get_unverified_header(token).get("alg")
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise Unauthenticated from None
        kind = self._guests if algorithm == GUEST_ALGORITHM else self._others
        return await kind.verify(token)
