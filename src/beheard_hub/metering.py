"""What calls to a model cost, and who is charged for them (spec 06: usage is recorded per call).

A provider says `used` after every request that cost tokens, a failed one too; for whom it works it
does not know. Whoever asks it opens a bill with `charged_to`; what is used inside, in this task and
in tasks begun there, stands on it. Without a bill nobody is charged. A bill holds no text.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import datetime
from typing import Protocol

import msgspec

from beheard_hub.facilitation import Usage
from beheard_hub.observability.metrics import AI_TOKENS


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What one request cost."""

    call: str
    """Name of its prompt: ``stage1``, ``synthesis``, ``extract``..."""
    model: str
    usage: Usage


class UsageStore(Protocol):
    """What calls have cost, as it is stored."""

    async def tokens(self, user_id: str | None, since: datetime) -> int:
        """Of one user, or with None of everybody. Raises StoreUnavailable."""


class Bill:
    """What was used for one user in one session, in order."""

    def __init__(self, user_id: str, session_id: str) -> None:
        self.user_id = user_id
        self.session_id = session_id
        self.entries: list[Used] = []


_bill: ContextVar[Bill | None] = ContextVar("bill", default=None)


@contextlib.contextmanager
def charged_to(user_id: str, session_id: str) -> Iterator[Bill]:
    """Opens a bill. One that is opened inside another takes over until it ends."""
    bill = Bill(user_id, session_id)
    token = _bill.set(bill)
    try:
        yield bill
    finally:
        _bill.reset(token)


def used(*, call: str, model: str, usage: Usage) -> None:
    """One request was made and cost `usage`."""
    for kind in usage.__struct_fields__:
        AI_TOKENS.labels(call, kind).inc(getattr(usage, kind))
    bill = _bill.get()
    if bill is not None:
        bill.entries.append(Used(call=call, model=model, usage=usage))


def open_bill() -> Bill | None:
    """The bill that stands open here: for whoever reads it, e.g. an evaluation."""
    return _bill.get()
