"""Who has left the hub (spec 4.5) is known to no cell and no gateway any more."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from beheard_hub.actors.cell import Cell
from beheard_hub.link_messages import GoneFrom
from beheard_hub.ports import GatewayPeer

PREFIX = "gone:"


class Departures:
    """Called with the effects of every committed turn, after its ack and events."""

    def __init__(self, peers: Collection[GatewayPeer]) -> None:
        self._peers = peers
        """The host's gateways, as they come and go."""

    def __call__(self, cell: Cell, effects: Sequence[str]) -> None:
        """The cell forgets who is gone, and every gateway is told."""
        for effect in effects:
            if effect.startswith(PREFIX):
                user_id = effect.removeprefix(PREFIX)
                cell.forget(user_id)
                for peer in self._peers:
                    peer.send(GoneFrom(user_id))
