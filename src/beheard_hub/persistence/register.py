"""Whose identities are whose, and who may what, on Postgres: the functions of migrations 0054 and
0055 hold the rules, whoever asks and however many at once."""

from __future__ import annotations

from typing import Literal

from beheard_hub.persistence import sql
from beheard_hub.persistence.database import Database
from beheard_hub.ports import Actor, Linked

MERGED = "MERGED"


class PostgresRegister:
    """Implements `ports.Register`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def link(self, user_id: str, provider: str, subject: str, email: str) -> Linked:
        """See the port. A guest who was merged before is told so again."""
        async with self._db.acting_as(Actor(user_id), writes=True) as tx:
            row = await tx.fetchrow(sql.text("user.link"), provider, subject, email)
            became = await tx.fetchrow(sql.text("user.became"))
        if became is not None:
            return Linked(MERGED, became["userId"], became["sessions"])
        assert row is not None, "hub.link_identity answers"
        return Linked(row["outcome"], row["userId"])

    async def unlink(self, user_id: str, identity_id: str) -> str:
        """See the port."""
        return await self._said(user_id, "user", "user.unlink", identity_id)

    async def give_role(self, admin_id: str, user_id: str, role: str) -> str:
        """See the port."""
        return await self._said(admin_id, "admin", "user.give_role", user_id, role)

    async def _said(
        self, actor_id: str, role: Literal["user", "admin"], query: str, *args: str
    ) -> str:
        async with self._db.acting_as(Actor(actor_id, role), writes=True) as tx:
            return str(await tx.fetchval(sql.text(query), *args))
