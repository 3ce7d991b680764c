"""The lines between gateways and hosts, and where gateways learn who owns what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from beheard_hub.link_messages import ToGateway, ToHost
from beheard_hub.ports.stores import RoutingTable


class LinkClosed(Exception):
    """The other end of a link is gone."""


class HostLink(Protocol):
    """A gateway's end of the line to one host."""

    host_id: str

    def send(self, message: ToHost) -> None:
        """Queues a message; what queues while a frame is being written goes into the next one.

        Ordering: as called. Raises LinkClosed.
        """

    async def close(self) -> None:
        """Ends the link."""


class LinkDialer(Protocol):
    """How a gateway reaches hosts."""

    async def dial(
        self,
        endpoint: str,
        on_message: Callable[[ToGateway], None],
        on_close: Callable[[], None],
    ) -> HostLink:
        """Connects and proves the secret. Raises LinkClosed when nobody answers there."""


class GatewayPeer(Protocol):
    """A host's end of the line to one gateway."""

    gateway_id: str

    def send(self, message: ToGateway) -> None:
        """Queues a message; never blocks. A gateway that does not drain its line is cut off."""


class HostEndpoint(Protocol):
    """What a link server calls on a host; all synchronous, on the host's loop."""

    def attached(self, peer: GatewayPeer) -> None:
        """A gateway connected and proved the secret."""

    def received(self, peer: GatewayPeer, message: ToHost) -> None:
        """One message of that gateway."""

    def detached(self, peer: GatewayPeer) -> None:
        """The line is gone: its subscriptions are too."""


class Routing(Protocol):
    """Where the gateway learns who owns which shard."""

    async def routing(self) -> RoutingTable:
        """The table as the database knows it."""
