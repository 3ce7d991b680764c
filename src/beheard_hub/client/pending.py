"""Commands that were asked for and are not answered yet: what to send next, and in which order.

Pure: it knows no socket. Commands of one session leave in the order they were asked for. A command
that waits for its next attempt holds back the later ones of its session, never those of others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from beheard_hub.client.errors import HubError, Refused
from beheard_hub.client.frames import Ack, Error
from beheard_hub.client.reconnect import delay_seconds

RETRY_FIRST_SECONDS = 0.2


def refusal_of(error: Error) -> Refused:
    """An ``error`` frame as the exception that its caller gets."""
    return Refused(
        error.code,
        error.message,
        details={field: str(reason) for field, reason in (error.details or {}).items()},
        retryable=error.retryable,
        retry_after_ms=error.retry_after_ms,
    )


@dataclass(slots=True)
class Pending:
    """One command between asking and answer."""

    id: str
    name: str
    session_id: str | None
    frame: Mapping[str, Any] = field(repr=False)
    deadline: float
    answer: asyncio.Future[Ack] = field(repr=False)
    sent: bool = False
    """On the present connection, and not refused there."""
    not_before: float = 0.0
    attempts: int = 0
    refused: Refused | None = None


class Ledger:
    """The pending commands in the order asked for."""

    def __init__(self) -> None:
        self._by_id: dict[str, Pending] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, command_id: str) -> bool:
        return command_id in self._by_id

    @property
    def in_flight(self) -> int:
        """How many are sent and not answered."""
        return sum(1 for pending in self._by_id.values() if pending.sent)

    def add(self, pending: Pending) -> None:
        self._by_id[pending.id] = pending

    def forget(self, command_id: str) -> None:
        """Its caller waits no longer: it is not sent again, and a late answer is dropped."""
        self._by_id.pop(command_id, None)

    def disconnected(self) -> None:
        """Nothing is known of what was sent: all of it is to be sent again, in the same order."""
        for pending in self._by_id.values():
            pending.sent = False
            pending.not_before = 0.0

    def next_to_send(self, now: float) -> tuple[Pending | None, float | None]:
        """The next command to send, or when to look again (None: only after a change)."""
        held: set[str | None] = set()
        look_again: float | None = None
        for pending in self._by_id.values():
            if pending.sent or (pending.session_id in held and pending.session_id is not None):
                continue
            if pending.not_before <= now:
                return pending, None
            held.add(pending.session_id)
            look_again = min(pending.not_before, look_again or pending.not_before)
        return None, look_again

    def acked(self, ack: Ack) -> None:
        """Hands the answer over; an answer nobody waits for is dropped."""
        pending = self._by_id.pop(ack.id, None)
        if pending is not None and not pending.answer.done():
            pending.answer.set_result(ack)

    def refused(self, command_id: str, refusal: Refused, now: float) -> None:
        """Ends the command, or lets it wait for another attempt with the same id."""
        pending = self._by_id.get(command_id)
        if pending is None:
            return
        pause = (refusal.retry_after_ms or 0) / 1000
        if refusal.retryable and now + pause < pending.deadline:
            pending.attempts += 1
            pending.refused = refusal
            pending.sent = False
            pending.not_before = now + pause + delay_seconds(pending.attempts, RETRY_FIRST_SECONDS)
            return
        del self._by_id[command_id]
        if not pending.answer.done():
            pending.answer.set_exception(refusal)

    def fail_all(self, error: HubError) -> None:
        """Nobody will answer any more."""
        for pending in self._by_id.values():
            if not pending.answer.done():
                pending.answer.set_exception(error)
        self._by_id.clear()
