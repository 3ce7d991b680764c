"""What reactions work with: ports only, no concrete store or provider."""

from __future__ import annotations

import asyncio

import msgspec

from beheard_hub.facilitation import Embedder, Facilitator
from beheard_hub.ports import Actor, Clock, Ids, ReadStore, SessionStore, Sleep


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """Everything outside that a reaction may ask, and how long it waits for an answer (spec 06)."""

    reads: ReadStore
    sessions: SessionStore
    facilitator: Facilitator
    embedder: Embedder
    clock: Clock
    ids: Ids
    sleep: Sleep = asyncio.sleep
    first_word_seconds_max: float = 20.0
    answer_seconds_max: float = 60.0
    """From the first read to the last word."""
    locale: str = "en"
    """Whose places to turn to are shown in danger, like ``en-GB`` or ``de``: the hub's, because
    nothing in the data model says where a user is."""


def as_ai(session_id: str, user_id: str, stage: int) -> Actor:
    """The facilitator serving one user in one session (spec 4.1)."""
    return Actor(id=user_id, role="ai", session_id=session_id, stage=stage)
