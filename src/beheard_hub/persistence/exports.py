"""What leaves the hub as JSON Lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from beheard_hub.domain.refusals import Refusal
from beheard_hub.persistence.data_dir import derived_secret
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.export import export
from beheard_hub.persistence.research import practice

PURPOSE = "pseudonyms of research"


class PostgresExports:
    """Implements `ports.Exports`; `secret` is the one that all processes of the hub share."""

    def __init__(self, db: Database, secret: str) -> None:
        self._db = db
        self._secret = secret
        self._pseudonyms: str | None = None
        """Derived when it is needed first: that takes a tenth of a second."""

    def lines(self, user_id: str) -> AsyncIterator[bytes]:
        """See the port."""
        return export(self._db, user_id)

    async def practice(self, user_id: str, session_id: str) -> AsyncIterator[bytes] | Refusal:
        """See the port."""
        if self._pseudonyms is None:
            self._pseudonyms = await asyncio.to_thread(derived_secret, self._secret, PURPOSE)
        return await practice(self._db, self._pseudonyms, user_id, session_id)
