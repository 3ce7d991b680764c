"""What only the hub may say to a practice session: what became of a lane, and timers. Never
validated: we made it."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Internal(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what only the hub may say."""

    reminder_id: str
    """The reminder whose doing this is; it is settled by it."""


class Replied(Internal, frozen=True, kw_only=True):
    """internal.practice_replied: a lane has spoken, and the call that did it cost this."""

    lane: str
    content: str
    """Not blank: a call that said nothing is a failure."""
    model: str
    input_tokens: int
    output_tokens: int
    message_id: int | None = None
    """The number under which its words were told while they came; None: they were not."""

    def __repr__(self) -> str:
        return f"Replied({self.lane})"


class Failed(Internal, frozen=True, kw_only=True):
    """internal.practice_failed: no words could be had of a lane."""

    lane: str
    retryable: bool = True


class Timer(Internal, frozen=True, kw_only=True):
    """internal.practice_timer: a reminder's time has come."""

    kind: str


class Revoked(Internal, frozen=True, kw_only=True):
    """internal.practice_revoked: the invitation of this session was taken back."""

    at: datetime
