"""What must still happen: the due "Reminder" rows of this host's shards, handed to the reactions.

New ones that are due at once go from the commit straight to the reactions; the scan finds those of
adopted shards, those whose time has come, and those whose reaction was lost on the way. A time has
come when this host's clock says so: it is the clock by which the session then decides. What waits
for no time does not wait either where the clock of the host that wrote it was ahead of this one's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from beheard_hub.domain.kernel import Due
from beheard_hub.ports import Clock, DueReminder, Reactions, SessionStore, StoreUnavailable

REMINDERS_AT_ONCE_MAX = 500
PAGES_MAX = 40
"""Of one scan: more reminders wait for the next one, as long as these are not settled."""
SETTLED_REMEMBERED_SECONDS = 30.0


class Reminders:
    """Scans of one host."""

    def __init__(
        self, store: SessionStore, clock: Clock, reactions: Reactions, at_once: Collection[str]
    ) -> None:
        self._store = store
        self._at_once = at_once
        """Kinds that wait for no time."""
        self._clock = clock
        self._reactions = reactions
        self._settled: dict[str, float] = {}

    def settled(self, ids: Sequence[str]) -> None:
        """These are done, durably; a scan that began earlier may still name them."""
        now = self._clock.mono()
        self._settled.update((reminder, now) for reminder in ids)

    async def scan(self, shards: Sequence[int]) -> None:
        """Hands on what is due, all of it: those in front may be waiting for something that keeps
        them for a day, and those behind must not wait for them. Those under way are the reactions'
        to recognise."""
        self._forget()
        now, last = self._clock.now(), None
        for _ in range(PAGES_MAX):
            try:
                due = await self._store.reminders(
                    shards, now, self._at_once, last, REMINDERS_AT_ONCE_MAX
                )
            except StoreUnavailable:
                return
            self._hand_on(due)
            if len(due) < REMINDERS_AT_ONCE_MAX:
                return
            last = due[-1]

    def _hand_on(self, due: Sequence[DueReminder]) -> None:
        for reminder in due:
            if reminder.id in self._settled:
                continue
            what = Due(
                id=reminder.id,
                kind=reminder.kind,
                at=reminder.due_at,
                user_id=reminder.user_id,
                payload=reminder.payload,
            )
            self._reactions.committed(reminder.session_id or "", [what])

    def _forget(self) -> None:
        limit = self._clock.mono() - SETTLED_REMEMBERED_SECONDS
        for reminder in [r for r, at in self._settled.items() if at < limit]:
            del self._settled[reminder]
