"""One connection's ear at one session."""

from __future__ import annotations

from beheard_hub.link_messages import SubscribeTo
from beheard_hub.ports import GatewayPeer


class Subscription:
    """Whose events it is sent, and how far it has come."""

    __slots__ = (
        "closed", "live", "observer", "peer", "sent_seq", "session_id", "sub", "user_id",
    )  # fmt: skip

    def __init__(self, peer: GatewayPeer, message: SubscribeTo) -> None:
        self.peer = peer
        self.sub = message.sub
        self.session_id = message.session_id
        self.observer = message.user_id if message.observer else None
        """Who watches the events of somebody else, read-only; None for a member's own."""
        self.user_id = "" if message.observer else message.user_id
        """Whose events these are; of what an observer watches it is known once they may."""
        self.sent_seq = 0
        self.live = False
        self.closed = False

    @property
    def key(self) -> tuple[str, str]:
        """Names the stream."""
        return (self.session_id, self.user_id)
