"""One practice as researchers take it along (spec 8, ``GET /practice/sessions/:id/export``).

JSON Lines ``{"type": part, "row": {column: value}}``: the session, its turns, what they cost, the
notes. It is pseudonymous, not anonymous: people are told apart by a keyed hash that is the same in
every export of this hub and says nothing without the hub's secret; what they said is as they said
it. The caller's role is read with the request, and row-level security looks at it again.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from typing import Any

import msgspec

from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.export import pages
from beheard_hub.persistence.renderer import ROLES
from beheard_hub.persistence.stores import PostgresReadStore
from beheard_hub.ports import Actor

SESSION = "session"
PARTS = (SESSION, "turn", "usage", "note")
"""In this order; each is a query ``research.<part>``."""
PEOPLE = frozenset({"participant", "researcher"})
"""Columns with ids of people."""
PSEUDONYM_CHARS = 32


async def practice(
    db: Database, secret: str, user_id: str, session_id: str
) -> AsyncIterator[bytes] | Refusal:
    """Pieces of whole lines; FORBIDDEN to everybody but staff, NOT_FOUND where they may not see the
    session. `secret` is the hub's own, the same for all its gateways.

    Raises StoreUnavailable; so do the pieces, also in the middle.
    """
    reads = PostgresReadStore(db)
    roles = [row["role"] for row in await reads.read(Actor(user_id), "research.role", {})]
    role = ROLES.get(*roles) if roles else None
    if role is None:
        return Refusal(Code.FORBIDDEN)
    actor = Actor(user_id, role, session_id)
    if not [rows async for rows in pages(reads, actor, f"research.{SESSION}")]:
        return Refusal(Code.NOT_FOUND)
    return _lines(reads, actor, secret.encode())


async def _lines(reads: PostgresReadStore, actor: Actor, key: bytes) -> AsyncIterator[bytes]:
    for part in PARTS:
        async for rows in pages(reads, actor, f"research.{part}"):
            yield b"".join(_line(part, row, key) for row in rows)


def _line(part: str, row: Mapping[str, Any], key: bytes) -> bytes:
    shown = {
        column: _pseudonym(key, value) if column in PEOPLE else value
        for column, value in row.items()
        if column != "key"
    }
    return msgspec.json.encode({"type": part, "row": shown}) + b"\n"


def _pseudonym(key: bytes, user_id: str | None) -> str | None:
    """None where the account is gone."""
    if user_id is None:
        return None
    return hmac.new(key, user_id.encode(), sha256).hexdigest()[:PSEUDONYM_CHARS]
