"""Reminders of a user who leaves (spec 4.5): they turn into internal commands and nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from beheard_hub.domain.kernel import Command, Due
from beheard_hub.domain.mediation.internal import EraseAccount, EraseSeat
from beheard_hub.domain.sharding import home_of
from beheard_hub.ports import Actor
from beheard_hub.reactions.tools import Tools


class Sender(Protocol):
    """What of the reactor is needed here."""

    tools: Tools

    def submit(self, session_id: str, command: Command) -> None:
        """Puts an internal command into a mailbox."""


async def _erase_seat(sender: Sender, session_id: str, due: Due) -> None:
    data = EraseSeat(reminder_id=due.id)
    user_id = due.payload["userId"]
    sender.submit(
        session_id,
        Command(
            id=due.id, name="internal.erase_seat", user_id=user_id, session_id=session_id, data=data
        ),
    )


async def _erase_account(sender: Sender, session_id: str, due: Due) -> None:
    """Looks for seats that are left, as the leaving user, and tells the user's directory."""
    user_id = due.payload["userId"]
    rows = await sender.tools.reads.read(Actor(user_id), "seats.left", {})
    data = EraseAccount(
        reminder_id=due.id,
        sessions=tuple(row["sessionId"] for row in rows),
        asked=tuple(due.payload["asked"]),
    )
    command = Command(id=due.id, name="internal.erase_account", user_id=user_id, data=data)
    sender.submit(home_of("", user_id), command)


HANDLERS: Mapping[str, Callable[[Sender, str, Due], Awaitable[None]]] = {
    "erase_seat": _erase_seat,
    "erase_account": _erase_account,
}
