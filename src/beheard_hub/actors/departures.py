"""Who has left the hub (spec 4.5) is known to no cell and no gateway any more; who has another role
is asked anew, wherever they watch (spec 08)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from beheard_hub.actors.cell import Cell
from beheard_hub.link_messages import GoneFrom, RoleFrom
from beheard_hub.ports import GatewayPeer

GONE = "gone"
TOLD: Mapping[str, Callable[[str], GoneFrom | RoleFrom]] = {GONE: GoneFrom, "role": RoleFrom}
"""Words of `Decision.effects` about a user → what every gateway is told."""


class Departures:
    """Called with the effects of every committed turn, after its ack and events."""

    def __init__(self, peers: Collection[GatewayPeer]) -> None:
        self._peers = peers
        """The host's gateways, as they come and go."""

    def __call__(self, cell: Cell, effects: Sequence[str]) -> None:
        """The cell forgets who is gone, and every gateway is told."""
        for effect in effects:
            word, _, user_id = effect.partition(":")
            if word == GONE:
                cell.forget(user_id)
            if (message := TOLD.get(word)) is not None:
                for peer in self._peers:
                    peer.send(message(user_id))
