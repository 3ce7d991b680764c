"""The library of experiments that strategies are suggested from: for administrators alone."""

from __future__ import annotations

from typing import Literal

from beheard_hub.client import commands as c
from beheard_hub.client import replies as r
from beheard_hub.client.groups import Group


class Library(Group):
    """What is in it. Anybody else's commands are answered with NOT_FOUND or FORBIDDEN."""

    async def list(
        self, *, cursor: str | None = None, limit: int | None = None
    ) -> r.LibraryItemPage:
        """Newest first, those that were removed too (`is_active` False)."""
        return await self._do(c.LIBRARY_LIST, cursor=cursor, limit=limit)

    async def add(
        self,
        *,
        title: str,
        description: str,
        category: str,
        source: Literal["CURATED", "CONTRIBUTED"] = "CURATED",
        contributed_by: str | None = None,
        contribution_consent: str | None = None,
    ) -> r.LibraryItemKept:
        """The last two say who gave a CONTRIBUTED item, and how they agreed to it."""
        return await self._do(
            c.LIBRARY_ADD,
            title=title,
            description=description,
            category=category,
            source=source,
            contributed_by=contributed_by,
            contribution_consent=contribution_consent,
        )

    async def edit(
        self,
        item_id: str,
        *,
        title: str | None = None,
        description: str | None = None,
        category: str | None = None,
        is_active: bool | None = None,
    ) -> r.LibraryItemKept:
        """What is given is replaced; `is_active` True brings a removed item back."""
        return await self._do(
            c.LIBRARY_EDIT,
            item_id=item_id,
            title=title,
            description=description,
            category=category,
            is_active=is_active,
        )

    async def remove(self, item_id: str) -> bool:
        """Nobody is shown it any more; what was made from it stays."""
        return (await self._do(c.LIBRARY_REMOVE, item_id=item_id)).removed
