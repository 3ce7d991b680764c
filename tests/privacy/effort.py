"""How much the hub does for an answer: its statements and the tables it writes, not milliseconds.

What is not there and what is another's must cost the same, or the time would tell them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from beheard_hub.persistence import sql
from beheard_hub.persistence.database import Transaction
from beheard_hub.persistence.flush_store import PostgresFlushStore

POLLED = frozenset(map(sql.text, ("lease.routing", "reminders.due", "user.log_in")))
"""What the hub asks from time to time: by itself, or about who it is that asks."""


class Effort:
    """All that was asked of the database since it was last taken."""

    def __init__(self) -> None:
        self._noted: list[str] = []

    def note(self, what: str) -> None:
        """One statement, or a table that a flush writes."""
        if what not in POLLED:
            self._noted.append(what)

    def take(self) -> Sequence[str]:
        """In order, and begins anew."""
        noted, self._noted = self._noted, []
        return tuple(noted)


@contextmanager
def counted() -> Iterator[Effort]:
    """Notes every statement of this process while it lasts."""
    effort = Effort()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fetch", "fetchrow", "fetchval"):
            patch.setattr(Transaction, name, _noting(effort, getattr(Transaction, name)))
        patch.setattr(PostgresFlushStore, "flush", _flushing(effort, PostgresFlushStore.flush))
        yield effort


def _noting(effort: Effort, inner: Callable[..., Any]) -> Callable[..., Any]:
    async def noting(self: Transaction, statement: str, *args: object) -> Any:
        effort.note(statement)
        return await inner(self, statement, *args)

    return noting


def _flushing(effort: Effort, inner: Callable[..., Any]) -> Callable[..., Any]:
    async def flushing(self: PostgresFlushStore, lease: Any, number: int, batch: bytes) -> None:
        for operation in msgspec.json.decode(batch)["ops"]:
            effort.note(f"{operation['op']} {operation['t']}: {len(operation['rows'])}")
        await inner(self, lease, number, batch)

    return flushing
