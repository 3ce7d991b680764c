"""What somebody may do, changed by the operator: the way to the first administrator (spec 8)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import asyncpg
import msgspec

from beheard_hub.persistence import connect, sql
from beheard_hub.settings import SetupError


class Role(StrEnum):
    """Roles that an operator gives; who has no identity yet is a GUEST, which nobody gives."""

    USER = "USER"
    STAFF = "STAFF"
    ADMIN = "ADMIN"


class RoleChange(msgspec.Struct, frozen=True):
    """What was asked for and is so now."""

    user_id: str
    before: str
    """The role until now; equal to `now` where there was nothing to change."""
    now: Role


class RoleRefused(Exception):
    """The role stays as it is; the text is a sentence for the operator and names nobody."""


REFUSALS: Mapping[str, str] = {
    "UNKNOWN": "Nobody is known by that id or e-mail; a user is known from the first log-in on.",
    "AMBIGUOUS": "More than one user is known by that; name one by the user's id.",
    "LAST_ADMIN": "This is the last ADMIN; make somebody else one first.",
}
"""Outcomes of `hub.change_role` by which nothing was changed."""


async def change_role(owner_url: str, who: str, role: Role) -> RoleChange:
    """Gives `role` to the user with that id, e-mail, or subject at the identity provider.

    One transaction with its entry in the audit log; of two calls at once the second one sees what
    the first one did. Raises RoleRefused, and SetupError when the database cannot be reached or
    lacks a migration; then nothing was changed. Cancelling: likewise, or it is changed.
    """
    connection = await connect.connect(owner_url)
    try:
        async with connection.transaction():
            await connection.execute(sql.text("as_owner"))
            row = await connection.fetchrow(sql.text("role.change"), who, role.value)
    except (asyncpg.UndefinedFunctionError, asyncpg.UndefinedObjectError):
        raise SetupError(
            "The database is older than this hub.", "Run `beheard migrate` first."
        ) from None
    finally:
        await connection.close()
    assert row is not None
    if row["outcome"] in REFUSALS:
        raise RoleRefused(REFUSALS[row["outcome"]])
    return RoleChange(row["userId"], row["before"], role)
