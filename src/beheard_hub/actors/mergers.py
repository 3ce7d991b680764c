"""A guest was merged with a user (spec 08): hosts and gateways go on with the user.

The rows have moved when this is told. What a host still holds of the guest's practices is out of
date: it is dropped, and comes back from Postgres with the next command. What was begun for the
guest and is not done (a lane that speaks, a timer) is the user's when it comes back.

The word may come after a command of the guest, or be lost. So whoever is refused what only a
stranger is refused is looked up first: where the database knows whom they became, the word goes out
before the refusal, and the gateway sends the command again for the user. And those who are
connected and ask for nothing are looked up every `LOOKED_SECONDS`, by the host of their home.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence

from beheard_hub.actors.activation import UNAVAILABLE, Activation
from beheard_hub.actors.background import Background
from beheard_hub.actors.cell import Cell
from beheard_hub.domain.refusals import Refusal
from beheard_hub.link_messages import MergedFrom
from beheard_hub.ports import Clock, GatewayPeer, SessionStore, StoreUnavailable

REMEMBERED_MAX = 1_000
LOOKED_SECONDS = 10.0
"""How long an idle connection of a guest who was merged stays the guest's, where the word was lost,
at most; longer only while the database is away."""


class Mergers:
    """Guests of one host who became somebody else lately."""

    def __init__(
        self, peers: Collection[GatewayPeer], store: SessionStore, activation: Activation,
        abandon: Callable[[Cell], None], follow: Callable[[str, str, str], None],
        connected: Callable[[], Sequence[str]], clock: Clock, background: Background,
    ) -> None:  # fmt: skip
        self._peers = peers
        """The host's gateways, as they come and go."""
        self._store = store
        self._activation = activation
        self._abandon = abandon
        self._follow = follow
        """Told session, guest and user: those who listen go on there."""
        self._connected = connected
        """Answers which users have a connection, of those whose home is here."""
        self._clock = clock
        self._background = background
        self._looked_at = clock.mono()
        self._became: OrderedDict[str, str] = OrderedDict()

    def who(self, user_id: str) -> str:
        """Who that user is by now."""
        return self._became.get(user_id, user_id)

    async def sought(self, user_id: str) -> bool:
        """Whether that user was merged, as the database knows: then all are told, whatever they
        heard before. Raises StoreUnavailable."""
        found = await self._store.became(user_id)
        if found is not None:
            self.tell(user_id, *found)
        return found is not None

    def tick(self) -> None:
        """Time passed."""
        now = self._clock.mono()
        if now - self._looked_at >= LOOKED_SECONDS:
            self._looked_at = now
            if connected := self._connected():
                self._background.spawn(self._look(connected))

    async def _look(self, connected: Sequence[str]) -> None:
        try:
            found = await self._store.became_of(connected)
        except StoreUnavailable:
            return  # the next round asks
        for guest_id, user_id, sessions in found:
            self.tell(guest_id, user_id, sessions)

    async def cell_of(self, key: str, user_id: str) -> Cell | Refusal:
        """As `Activation.cell_of`; who was merged is to ask again, as whom they became."""
        outcome = await self._activation.cell_of(key, user_id)
        if not isinstance(outcome, Refusal) or outcome.retryable:
            return outcome
        try:
            return UNAVAILABLE if await self.sought(user_id) else outcome
        except StoreUnavailable:
            return UNAVAILABLE

    def tell(self, guest_id: str, user_id: str, sessions: Sequence[str]) -> None:
        """To all gateways, which tell all hosts."""
        self.heard(guest_id, user_id, sessions)
        for peer in self._peers:
            peer.send(MergedFrom(guest_id, user_id, sessions))

    def heard(self, guest_id: str, user_id: str, sessions: Sequence[str]) -> None:
        """This host goes on with the user. Heard again it changes nothing."""
        self._became[guest_id] = user_id
        self._became.move_to_end(guest_id)
        if len(self._became) > REMEMBERED_MAX:
            self._became.popitem(last=False)
        for session_id in sessions:
            self._activation.outdate(session_id)
            cell = self._activation.get(session_id)
            if cell is not None and cell.is_member(guest_id):
                self._abandon(cell)
            self._follow(session_id, guest_id, user_id)
