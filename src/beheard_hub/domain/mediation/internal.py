"""What only the hub may say to a session: results of reactions, and timers. Never validated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec


class Internal(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what only the hub may say. Not validated: we made it."""


class ModelCall(msgspec.Struct, frozen=True, kw_only=True):
    """What one request to a model cost, in tokens."""

    call: str
    model: str
    input: int
    output: int
    cached: int


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
    audit: tuple[tuple[str, str, Any], ...] = ()
    """As `Audited.entries`."""
    used: tuple[ModelCall, ...] = ()


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


class Renamed(Internal, frozen=True, kw_only=True):
    """internal.renamed: somebody in the session has another name now, or shows presence or not."""

    reminder_id: str
    names: dict[str, str | None]
    """userId → name, of all who are in it."""
    presence: dict[str, bool] = {}
    """userId → whether the partner may be told that they are connected."""

    def __repr__(self) -> str:
        return "Renamed"


class Delivered(Internal, frozen=True, kw_only=True):
    """internal.delivered: what became of telling `Command.user_id` outside the hub."""

    reminder_id: str
    notification_id: str | None = None
    """None where there is nothing to note about it."""
    via: str | None = None
    """Its new "deliveredVia"."""
    retry_at: datetime | None = None
    """None: the reminder is done."""
    token_digest: str | None = None
    """Of the push token that led to no device any more."""


class TokenGone(Internal, frozen=True, kw_only=True):
    """internal.token_gone, to the user's directory: their push token leads nowhere."""

    reminder_id: str
    same: bool
    """Whether it is still the one they have registered."""


class EraseSeat(Internal, frozen=True, kw_only=True):
    """internal.erase_seat: `Command.user_id` leaves; nothing of theirs stays in the session."""

    reminder_id: str


class EraseAccount(Internal, frozen=True, kw_only=True):
    """internal.erase_account, to the leaving user's directory: what is left to do."""

    reminder_id: str
    sessions: tuple[str, ...] = ()
    """Those in which the user still has, or is still awaited in, a seat."""
    asked: tuple[str, ...] = ()
    """Those that were asked already."""


class BudgetReached(Internal, frozen=True, kw_only=True):
    """internal.ai_budget: the daily budget of the user, or that of the hub, is spent."""

    reminder_id: str | None
    """The answer that will not come; None where a command was refused."""
    resets_at: datetime


class DraftChecked(Internal, frozen=True, kw_only=True):
    """internal.draft_checked: what a look at one seat's draft (`Command.user_id`) came to."""

    reminder_id: str
    version: int = 0
    """Of the draft that was looked at."""
    hint: str | None = None
    """None where there is nothing to say, or nobody could look."""
    prompt_version: str | None = None
    items: tuple[dict[str, Any], ...] = ()
    """What the hint was made from, as in a stored bundle."""
    audit: tuple[tuple[str, str, Any], ...] = ()
    """As `Audited.entries`."""
    used: tuple[ModelCall, ...] = ()


class Audited(Internal, frozen=True, kw_only=True):
    """internal.audited: what was sent to a model, or refused to it, outside any reply."""

    entries: tuple[tuple[str, str, Any], ...]
    """(action, outcome, target): ids and words of ours, no text."""
    used: tuple[ModelCall, ...] = ()


class ExtractedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A "UserEvent" row to be."""

    description: str
    """Literally the user's words."""
    attributed_to: str
    emotions: Sequence[str]
    at: datetime
    """When it was told."""


class ExtractedWords(msgspec.Struct, frozen=True, kw_only=True):
    """What speaks from one message."""

    id: str
    needs: Sequence[str]
    emotions: Sequence[str]


class Extracted(Internal, frozen=True, kw_only=True):
    """internal.extracted: what answered messages of one seat (`Command.user_id`) tell of; empty
    where nothing could be had."""

    reminder_id: str
    events: tuple[ExtractedEvent, ...] = ()
    messages: tuple[ExtractedWords, ...] = ()
    audit: tuple[tuple[str, str, Any], ...] = ()
    """As `Audited.entries`."""
    used: tuple[ModelCall, ...] = ()
