"""Who is told how (spec 07): those who listen by their devices, the others by a notification.

Decided for each event when its turn is recorded, so that the notification commits with the event.
Who listens then is waited for, briefly; who has not confirmed gets the notification afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from beheard_hub.actors.presence import Presence
from beheard_hub.actors.unconfirmed import Unconfirmed
from beheard_hub.domain.kernel import Command, Ids
from beheard_hub.domain.notifying import UNDELIVERED, Undelivered

Submit = Callable[[str, Command], None]


class Notifier:
    """Routing of one host's events. `submit` puts internal commands into a session's mailbox."""

    def __init__(
        self, presence: Presence, unconfirmed: Unconfirmed, ids: Ids, submit: Submit
    ) -> None:
        self.ids = ids
        self.listens = presence.online
        self.wait = unconfirmed.wait
        self.received = unconfirmed.received
        self._unconfirmed = unconfirmed
        self._submit = submit

    def tick(self) -> None:
        """Time passed: what was not confirmed is notified of after all."""
        for (session_id, user_id), events in self._unconfirmed.overdue().items():
            self.undelivered(session_id, user_id, [(event.name, event.at) for event in events])

    def undelivered(self, session_id: str, user_id: str, events: Sequence[tuple[str, str]]) -> None:
        """These events, (name, time), reached no device."""
        command = Command(
            id=self.ids.ordered(), name=UNDELIVERED, user_id=user_id, session_id=session_id,
            data=Undelivered(events=tuple(events)),
        )  # fmt: skip
        self._submit(session_id, command)
