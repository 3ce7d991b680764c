"""What reactions work with: ports only, no concrete store or provider."""

from __future__ import annotations

import msgspec

from beheard_hub.facilitation import Embedder, Facilitator
from beheard_hub.ports import Actor, Clock, Ids, ReadStore, SessionStore


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """Everything outside that a reaction may ask."""

    reads: ReadStore
    sessions: SessionStore
    facilitator: Facilitator
    embedder: Embedder
    clock: Clock
    ids: Ids


def as_ai(session_id: str, user_id: str, stage: int) -> Actor:
    """The facilitator serving one user in one session (spec 4.1)."""
    return Actor(id=user_id, role="ai", session_id=session_id, stage=stage)
