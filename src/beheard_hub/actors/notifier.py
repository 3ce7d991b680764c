"""Who is told how (spec 07): those who listen by their devices, the others by a notification.

Decided for each event when its turn is recorded, so that the notification commits with the event.
Who listens then is waited for, briefly; who has not confirmed gets the notification afterwards.

That waiting dies with its host. So whoever takes shards looks back into their log: who was told of
something lately, has no notification of it and does not come back in time is notified as well. Some
of them had it before they left, which the log does not know: a line too many, and none too few.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from beheard_hub.actors.arrivals import Arrivals
from beheard_hub.actors.presence import GRACE_SECONDS, Presence
from beheard_hub.actors.recording import iso
from beheard_hub.actors.unconfirmed import Unconfirmed
from beheard_hub.domain.kernel import Command, Ids
from beheard_hub.domain.notifying import UNDELIVERED, Undelivered
from beheard_hub.domain.sharding import shard_of
from beheard_hub.ports import Clock, SessionStore, Sleep, StoreUnavailable
from beheard_hub.telemetry import logger

Submit = Callable[[str, Command], None]
LOOK_BACK_SECONDS = 300.0
LOOK_BACK_EVENTS_MAX = 5_000

_log = logger("host")


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

    async def look_back(
        self, shards: Collection[int], names: Sequence[str], store: SessionStore,
        arrivals: Arrivals, clock: Clock, sleep: Sleep,
    ) -> None:  # fmt: skip
        """What was told in shards that were just taken; ends after the grace. Cancelling: safe."""
        taken_at = clock.now()
        try:
            found = await store.unnoticed(names, LOOK_BACK_SECONDS, LOOK_BACK_EVENTS_MAX)
        except StoreUnavailable:
            _log.warning("look_back_unavailable", shards=len(shards))
            return
        missed: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for session_id, user_id, event in found:
            if shard_of(session_id) in shards and event.at <= taken_at:
                told = missed.setdefault((session_id, user_id), [])
                told.append((event.name, iso(event.at)))
        if not missed:
            return
        await sleep(GRACE_SECONDS)
        for (session_id, user_id), events in missed.items():
            if not arrivals.after(session_id, user_id, taken_at):
                self.undelivered(session_id, user_id, events)

    def undelivered(self, session_id: str, user_id: str, events: Sequence[tuple[str, str]]) -> None:
        """These events, (name, time), reached no device."""
        command = Command(
            id=self.ids.ordered(), name=UNDELIVERED, user_id=user_id, session_id=session_id,
            data=Undelivered(events=tuple(events)),
        )  # fmt: skip
        self._submit(session_id, command)
