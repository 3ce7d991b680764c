"""By whom one is known, where one can be reached, and who may do what (spec 08)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from beheard_hub.client import commands as c
from beheard_hub.client.belonging_shapes import (
    Contact,
    Identity,
    IdentityLinked,
    KnownUser,
    UserPage,
)
from beheard_hub.client.groups import Group


class Identities(Group):
    """One's own identities at providers."""

    async def link(
        self,
        provider: Literal["google", "apple", "github"],
        id_token: str,
        *,
        nonce: str | None = None,
    ) -> IdentityLinked:
        """A guest becomes a user, or, where the identity is known, that user; this connection goes
        on as whoever one is then."""
        return await self._do(c.IDENTITY_LINK, provider=provider, id_token=id_token, nonce=nonce)

    async def list(self) -> Sequence[Identity]:
        """The oldest first."""
        return (await self._do(c.IDENTITY_LIST)).identities

    async def get(self, identity_id: str) -> Identity:
        return (await self._do(c.IDENTITY_GET, identity_id=identity_id)).identity

    async def unlink(self, identity_id: str) -> bool:
        """The last one stays."""
        return (await self._do(c.IDENTITY_UNLINK, identity_id=identity_id)).removed


class Contacts(Group):
    """Where one can be reached."""

    async def list(self) -> Sequence[Contact]:
        """The first of each type before its others."""
        return (await self._do(c.CONTACT_LIST)).contacts

    async def add(self, type: Literal["email", "phone"], value: str) -> Contact:  # noqa: A002
        """Nobody has verified it."""
        return (await self._do(c.CONTACT_ADD, type=type, value=value)).contact

    async def edit(
        self, contact_id: str, *, value: str | None = None, primary: bool | None = None
    ) -> Contact:
        """Exactly one of the two: another value, or True to make it the first of its type."""
        edited = await self._do(c.CONTACT_EDIT, contact_id=contact_id, value=value, primary=primary)
        return edited.contact

    async def remove(self, contact_id: str) -> bool:
        return (await self._do(c.CONTACT_REMOVE, contact_id=contact_id)).removed


class Users(Group):
    """For administrators alone."""

    async def list(
        self,
        *,
        role: str | None = None,
        search: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> UserPage:
        """Newest first; `search` is a part of the name or of the e-mail."""
        return await self._do(c.USER_LIST, role=role, search=search, cursor=cursor, limit=limit)

    async def get(self, user_id: str) -> KnownUser:
        return (await self._do(c.USER_GET, user_id=user_id)).user

    async def give_role(self, user_id: str, role: Literal["USER", "STAFF", "ADMIN"]) -> KnownUser:
        """Nobody changes their own."""
        return (await self._do(c.USER_GIVE_ROLE, user_id=user_id, role=role)).user
