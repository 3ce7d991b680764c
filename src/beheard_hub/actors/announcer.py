"""Tells the people of a session who is there, and a user's devices what the others do.

Who may be told of whom is the kind's rule (`SessionKind.company`); who is there knows `Presence`.
A gateway passes on only what differs from what it said before, so a thing may be told twice. None
of it is stored or in order with events.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from beheard_hub.actors.activation import Activation
from beheard_hub.actors.cell import Cell
from beheard_hub.actors.fan_out import Ear, by_peer
from beheard_hub.actors.presence import Presence
from beheard_hub.domain.refusals import Refusal
from beheard_hub.link_messages import DeviceFrom, PresenceFrom

WORD = "company"
"""Effect of a decision after which others may be told of, or nobody."""
ONLINE, OFFLINE, SILENT = "online", "offline", ""


class Announcer:
    """Presence of one host's sessions, on its way out. `ears` finds who listens for a user."""

    def __init__(
        self, presence: Presence, activation: Activation,
        ears: Callable[[str, str], Sequence[Ear]],
    ) -> None:  # fmt: skip
        self.presence = presence
        self._activation = activation
        self._ears = ears

    # ---- one connection

    def opened(self, ear: Ear, cell: Cell) -> None:
        """A member listens: the others learn it, and the member who else is there."""
        self._tell_of(cell, ear.user_id)
        for other, shown in self._company(cell, ear.user_id):
            self._tell([ear], other, shown)

    def closed(self, ear: Ear, *, clean: bool) -> None:
        """A connection listens no more."""
        if self.presence.left(ear.session_id, ear.user_id, clean=clean):
            self._gone(ear.session_id, ear.user_id)

    def device(self, ear: Ear, status: str) -> None:
        """What one device does is told to the other devices of its user, and to nobody else."""
        others = [one for one in self._ears(ear.session_id, ear.user_id) if one is not ear]
        for peer, subs in by_peer(others).items():
            peer.send(DeviceFrom(subs, ear.session_id, status))

    # ---- a session, a host

    def effects(self, cell: Cell, effects: Sequence[str]) -> None:
        """A committed turn may have changed who may be told of whom."""
        if WORD in effects:
            for user_id in cell.kind.members(cell.committed):
                self._tell_all(cell, user_id)

    def tick(self) -> None:
        """Time passed."""
        for session_id, user_id in self.presence.missed():
            self._gone(session_id, user_id)
        for session_id in self.presence.known():
            self._with_cell(session_id, self._tell_everybody)

    def _gone(self, session_id: str, user_id: str) -> None:
        if not self.presence.alone(session_id, user_id):
            self._with_cell(session_id, functools.partial(self._tell_of, user_id=user_id))

    def _with_cell(self, session_id: str, then: Callable[[Cell], None]) -> None:
        cell = self._activation.get(session_id)
        if cell is not None:
            then(cell)
            return

        def loaded(outcome: Cell | Refusal) -> None:
            if isinstance(outcome, Cell):
                then(outcome)

        self._activation.park(session_id, loaded)

    # ---- telling

    def _company(self, cell: Cell, user_id: str) -> Sequence[tuple[str, bool]]:
        return tuple(cell.kind.company(cell.committed, user_id).items())

    def _tell_everybody(self, cell: Cell) -> None:
        for user_id in cell.kind.members(cell.committed):
            self._tell_of(cell, user_id)

    def _tell_of(self, cell: Cell, user_id: str) -> None:
        """To all who may know of that user."""
        for other in cell.kind.members(cell.committed):
            for known, shown in self._company(cell, other):
                if known == user_id:
                    self._tell(self._ears(cell.key, other), user_id, shown)

    def _tell_all(self, cell: Cell, user_id: str) -> None:
        """To that user, of all whom they may know of; that there is nobody, too."""
        ears = self._ears(cell.key, user_id)
        company = self._company(cell, user_id)
        for other, shown in company:
            self._tell(ears, other, shown)
        if not company:
            _send(ears, SILENT)

    def _tell(self, ears: Sequence[Ear], of: str, shown: bool) -> None:
        if not ears:
            return
        here = self.presence.here(ears[0].session_id, of) if shown else False
        if here is not None:
            _send(ears, ONLINE if here else OFFLINE)


def _send(ears: Sequence[Ear], partner: str) -> None:
    for peer, subs in by_peer(ears).items():
        peer.send(PresenceFrom(subs, ears[0].session_id, partner))
