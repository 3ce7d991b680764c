"""What only the hub may say to a session: results of reactions, and timers. Never validated."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class Internal(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what only the hub may say. Not validated: we made it."""


class AiReplied(Internal, frozen=True, kw_only=True):
    """internal.ai_replied: the facilitator has answered one seat (`Command.user_id`)."""

    reminder_id: str
    answered: tuple[str, ...] = ()
    """Ids of the user's messages that the answer is to."""
    opening: bool = False
    stage: int = 0
    message: dict[str, Any] | None = None
    """{id, content, promptVersion, bundle}; None where nothing was to be said."""
    support_type: str | None = None
    offer_feel_heard: bool = False
    safety: dict[str, Any] | None = None
    """{severity, resources}"""
    consent: dict[str, Any] | None = None
    """What the facilitator would ask leave to share: {contentType, originalContentId, preview,
    description}."""


class AiFailed(Internal, frozen=True, kw_only=True):
    """internal.ai_failed: no answer could be had."""

    reminder_id: str
    retryable: bool = True


class Safety(Internal, frozen=True, kw_only=True):
    """internal.safety: resources to show at once, before any answer."""

    severity: str
    resources: Any = ()


class CommonGroundFound(Internal, frozen=True, kw_only=True):
    """internal.common_ground: what the two consented lists have in common."""

    reminder_id: str | None = None
    content_ids: tuple[str, ...] = ()
    """The active contents that were analysed; if they are others now, it is done again."""
    items: tuple[dict[str, Any], ...] = ()
    """{need, category, description, sourceContentIds}"""


class Timer(Internal, frozen=True, kw_only=True):
    """internal.timer: a reminder's time has come."""

    reminder_id: str
    kind: str
    agreement_id: str | None = None


class BudgetReached(Internal, frozen=True, kw_only=True):
    """internal.ai_budget: the daily budget of the user is spent."""

    reminder_id: str
    resets_at: datetime
