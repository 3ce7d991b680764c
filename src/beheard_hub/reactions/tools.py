"""What reactions work with: ports only, no concrete store or provider."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from beheard_hub.ai.places import Places
from beheard_hub.courier import Courier
from beheard_hub.domain.practice.state import Numbers
from beheard_hub.facilitation import Embedder, Facilitator, PlanRequest
from beheard_hub.ports import (
    Actor,
    Clock,
    Ids,
    Proof,
    ReadStore,
    Register,
    SessionStore,
    Sleep,
)
from beheard_hub.practice.scripts import Voice
from beheard_hub.reactions.budgets import Budgets
from beheard_hub.reactions.standing import Revocations
from beheard_hub.reactions.streaming import Rhythm

Planner: TypeAlias = Callable[[PlanRequest], Awaitable[Sequence[Any]]]
"""Asks for queries beside the standing bundle (spec 06, retrieval plan): each a mapping like
``{"query": "user_event", "source": "vector", "words": "..."}``. Not trusted. Raises
FacilitatorFailed."""

SignToken: TypeAlias = Callable[[str, Mapping[str, Sequence[str]]], Awaitable[Mapping[str, Any]]]
"""(user id, channel → what their app may do there) → a signed TokenRequest of Ably."""

Noted: TypeAlias = Callable[[str, str, Mapping[str, Any]], None]
"""(action, outcome, target) for the audit log: ids and words of ours, no text."""


def _unnoted(action: str, outcome: str, target: Mapping[str, Any]) -> None:
    """Nobody keeps an audit log here."""


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """Everything outside that a reaction may ask, and how long it waits for an answer (spec 06)."""

    reads: ReadStore
    sessions: SessionStore
    facilitator: Facilitator
    embedder: Embedder
    clock: Clock
    ids: Ids
    sleep: Sleep = asyncio.sleep
    planner: Planner | None = None
    """None: by rules (`retrieval.plan.RULES`)."""
    noted: Noted = _unnoted
    sign_token: SignToken | None = None
    """None: no key is configured."""
    courier: Courier | None = None
    """Brings notifications to those who are away; None: there is the inbox only."""
    first_word_seconds_max: float = 20.0
    answer_seconds_max: float = 60.0
    """From the first read to the last word."""
    rhythm: Rhythm = msgspec.field(default_factory=Rhythm)
    """Of all answers of this host."""
    revocations: Revocations = msgspec.field(default_factory=Revocations)
    """What was taken back in the sessions of this host."""
    budgets: Budgets = msgspec.field(default_factory=Budgets)
    voice: Voice | None = None
    """Speaks the lanes of practices."""
    numbers: Numbers | None = None
    """Of this host: messages of practices are told under theirs while they come."""
    practice_link: str = "/practice"
    """Where the app takes up an invitation (BEHEARD_PRACTICE_LINK)."""
    register: Register | None = None
    """Of all users."""
    proofs: Mapping[str, Proof] = {}
    """Provider → who reads its ID tokens; only those whose apps an operator named."""
    locale: str = "en"
    """Whose places to turn to are shown in danger, like ``en-GB`` or ``de``: the hub's
    (BEHEARD_LOCALE), because nothing in the data model says where a user is."""
    places: Places | None = None
    """An operator's own list of them; None = the hub's."""


def as_ai(session_id: str, user_id: str, stage: int) -> Actor:
    """The facilitator serving one user in one session (spec 4.1)."""
    return Actor(id=user_id, role="ai", session_id=session_id, stage=stage)
