"""Which of the 256 shards a key belongs to (spec 01, "One writer, fenced")."""

from __future__ import annotations

from zlib import crc32

from beheard_hub.domain.limits import SHARDS


def shard_of(key: str) -> int:
    """Shard 0-255 of a session id, or of a user id for commands without a session."""
    return crc32(key.encode()) % SHARDS
