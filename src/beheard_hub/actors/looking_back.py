"""A look back into the log of shards that were just taken (spec 07).

Whoever is told of an event by a device has a moment to confirm it, and who does not is notified.
That waiting dies with its host. So the next owner looks back: who was told of something lately, has
no notification of it and does not come back in time is notified as well. Some of them had it before
they left, which the log does not know: a line too many, and none too few.

It looks when that time is over, once for all shards that came meanwhile: just now there are people
who wait for the sessions themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from beheard_hub.actors.arrivals import Arrivals
from beheard_hub.actors.background import Background
from beheard_hub.actors.presence import GRACE_SECONDS
from beheard_hub.actors.recording import iso
from beheard_hub.domain.sharding import shard_of
from beheard_hub.ports import Clock, SessionStore, Sleep, StoreUnavailable
from beheard_hub.telemetry import logger

LOOK_BACK_SECONDS = 300.0
LOOK_BACK_EVENTS_MAX = 5_000

_log = logger("host")


class LookBack:
    """What one host still has to look for. `undelivered` is told of events that reached nobody:
    session, user, and each event's name and time."""

    def __init__(
        self, names: Sequence[str], store: SessionStore, arrivals: Arrivals, clock: Clock,
        sleep: Sleep, background: Background,
        undelivered: Callable[[str, str, Sequence[tuple[str, str]]], None],
    ) -> None:  # fmt: skip
        self._names = names
        """Events of which somebody is notified."""
        self._store = store
        self._arrivals = arrivals
        self._clock = clock
        self._sleep = sleep
        self._background = background
        self._undelivered = undelivered
        self._taken: dict[int, datetime] = {}
        self._looking = False

    def took(self, shards: Sequence[int]) -> None:
        """These are this host's from now on."""
        self._taken |= dict.fromkeys(shards, self._clock.now())
        if not self._looking:
            self._looking = True
            self._background.spawn(self._look())

    async def _look(self) -> None:
        try:
            while self._taken:
                taken, self._taken = self._taken, {}
                await self._sleep(GRACE_SECONDS)
                try:
                    await self._notify(taken)
                except StoreUnavailable:
                    _log.warning("look_back_unavailable", shards=len(taken))
                    self._taken = taken | self._taken
        finally:
            self._looking = False

    async def _notify(self, taken: Mapping[int, datetime]) -> None:
        """Who was told before their shard was taken and has not begun to listen since."""
        missed: dict[tuple[str, str], list[tuple[str, str]]] = {}
        found = await self._store.unnoticed(self._names, LOOK_BACK_SECONDS, LOOK_BACK_EVENTS_MAX)
        for session_id, user_id, event in found:
            at = taken.get(shard_of(session_id))
            if at is None or event.at > at or self._arrivals.after(session_id, user_id, at):
                continue
            missed.setdefault((session_id, user_id), []).append((event.name, iso(event.at)))
        for (session_id, user_id), events in missed.items():
            self._undelivered(session_id, user_id, events)
