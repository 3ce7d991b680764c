"""What the gateways must know of each other about one user: connections, and commands spent.

Limits are per user (spec 5.3), and each gateway sees only its own part. The host of a user's home
shard is where their gateways meet: it adds up connections and hands on what was spent. Nothing is
stored: after a move of the shard the gateways say it again to the next owner. A user who is on one
gateway only costs one message for each connection that comes or goes, and no answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from beheard_hub.link_messages import ElsewhereFrom, HereTo
from beheard_hub.ports import GatewayPeer


class Tally:
    """Users by gateway, as one host was told."""

    def __init__(self) -> None:
        self._users: dict[str, dict[GatewayPeer, int]] = {}
        self._of_peer: dict[GatewayPeer, set[str]] = {}

    def __len__(self) -> int:
        return len(self._users)

    def connected(self) -> Sequence[str]:
        """Users who have a connection."""
        return [user_id for user_id, by in self._users.items() if any(by.values())]

    def heard(self, peer: GatewayPeer, message: HereTo) -> None:
        """A gateway speaks of one user. It is answered when it has more connections than before:
        in the order in which gateways are heard, the later one is over the limit."""
        user_id = message.user_id
        if message.connections is None:
            self._forget(peer, user_id)
            return
        gateways = self._users.setdefault(user_id, {})
        before = gateways.get(peer)
        gateways[peer] = message.connections
        self._of_peer.setdefault(peer, set()).add(user_id)
        if len(gateways) == 1:
            return
        if before != message.connections or message.spent or message.owed:
            for other in gateways:
                if other is not peer:
                    self._tell(user_id, other, message)
        if before is None or message.connections > before:
            self._tell(user_id, peer, None)

    def detached(self, peer: GatewayPeer) -> None:
        """The line is gone: its connections count no more."""
        for user_id in self._of_peer.pop(peer, set()):
            self._forget(peer, user_id)

    def _forget(self, peer: GatewayPeer, user_id: str) -> None:
        self._of_peer.get(peer, set()).discard(user_id)
        gateways = self._users.get(user_id, {})
        if gateways.pop(peer, None) is None:
            return
        if not gateways:
            del self._users[user_id]
        for other in gateways:
            self._tell(user_id, other, HereTo(user_id, None))

    def _tell(self, user_id: str, peer: GatewayPeer, heard: HereTo | None) -> None:
        """What `peer` must know: of another gateway's word, or (None) in answer to its own."""
        gateways = self._users[user_id]
        peer.send(
            ElsewhereFrom(
                user_id,
                sum(gateways.values()) - gateways[peer],
                len(gateways) - 1,
                heard.spent if heard is not None else {},
                heard.owed if heard is not None else {},
                heard is None,
            )
        )
