"""Who a token speaks for, and the rows behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from beheard_hub.domain.refusals import Refusal

Known = tuple[str, str, str | None]
"""User id, role, name."""


class Identity(msgspec.Struct, frozen=True):
    """Who a verified token speaks for."""

    user_id: str
    role: str
    name: str | None
    expires_at: float
    """Unix seconds."""


class Unauthenticated(Exception):
    """The token is not valid; which way it is not is never said."""


class Identities(Protocol):
    """From a bearer token to a user row, made on first sight (spec 5.1)."""

    async def identify(self, token: str) -> Identity:
        """Raises Unauthenticated, StoreUnavailable."""

    async def became(self, user_id: str) -> str:
        """Whom that guest was merged with; who was not is themselves. Raises StoreUnavailable."""

    def forget(self, user_id: str) -> None:
        """This user has left: no token speaks for them any more."""


class Accounts(Protocol):
    """User rows of external identities, and of guests, who have none. Raises StoreUnavailable."""

    async def provision(
        self, provider: str, subject: str, name: str | None, email: str | None = None
    ) -> Known:
        """Made on first sight; two first sights at once give one user. `email` is verified."""

    async def recognise(self, user_id: str, used_after: datetime) -> Known | None:
        """That user, or whom that guest became; None if not seen since. Counts as a use."""


class Proven(msgspec.Struct, frozen=True):
    """An identity that somebody proved."""

    provider: str
    """Its issuer, as the hub's own log-in knows it: one person, one identity."""
    subject: str
    email: str
    """Verified by the provider, in lower case."""

    def __repr__(self) -> str:
        return "Proven"


class Proof(Protocol):
    """Reads the ID tokens of one provider."""

    async def read(self, token: str, nonce: str | None = None) -> Proven:
        """Who signed in. With a `nonce` the token must be the answer to it.

        Raises Unauthenticated whatever is wrong with it, and StoreUnavailable where the provider's
        keys cannot be had.
        """


class Linked(msgspec.Struct, frozen=True):
    """What became of an identity that somebody wants linked (`hub.link_identity`)."""

    outcome: str
    user_id: str
    """Who asked, or whom they were merged with."""
    sessions: Sequence[str] = ()
    """Practices of the guest who was merged."""


class Register(Protocol):
    """Whose identities are whose, and who may what. Each method is one transaction, and says by its
    outcome that nothing was done. Raises StoreUnavailable."""

    async def link(self, user_id: str, provider: str, subject: str, email: str) -> Linked:
        """An identity that this user proved."""

    async def unlink(self, user_id: str, identity_id: str) -> str:
        """DONE, UNKNOWN, LAST."""

    async def give_role(self, admin_id: str, user_id: str, role: str) -> str:
        """CHANGED, UNCHANGED, FORBIDDEN, UNKNOWN, OWN, GUEST."""


class Exports(Protocol):
    """What leaves the hub as JSON Lines: whole lines, in pieces."""

    def lines(self, user_id: str) -> AsyncIterator[bytes]:
        """All that the user owns (spec 4.5). Raises StoreUnavailable, also midway."""

    async def practice(self, user_id: str, session_id: str) -> AsyncIterator[bytes] | Refusal:
        """One practice as staff take it along, pseudonymous (spec 8). Raises StoreUnavailable; so
        do the pieces, also midway."""
