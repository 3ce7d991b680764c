"""Which of the 256 shards a key belongs to (spec 01, "One writer, fenced")."""

from __future__ import annotations

from zlib import crc32

from beheard_hub.domain.limits import SHARDS

NOBODY = "nobody:"
"""Before the id of who asks without a token: no user's id begins so, and each has a home of their
own, for one request."""


def home_of(session_id: str, user_id: str) -> str:
    """Where a command is decided: its session, or without one the user's own directory. Gateway
    and host must agree on this, so it stands here alone."""
    return session_id or f"user:{user_id}"


def shard_of(key: str) -> int:
    """Shard 0-255 of a home (`home_of`)."""
    return crc32(key.encode()) % SHARDS
