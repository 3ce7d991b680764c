"""Links without sockets: one process, the same order, the same asynchronous delivery.

For most tests, for `BEHEARD_LINK=inprocess`, and as the bench's baseline. Messages are handed over
as they are (they are frozen), in batches of whatever queued until the loop came round.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from beheard_hub.link_messages import ToGateway, ToHost
from beheard_hub.ports import HostEndpoint, LinkClosed

M = TypeVar("M")


class _Pipe(Generic[M]):
    """One direction: what is sent now is delivered when the loop comes round."""

    def __init__(self, deliver: Callable[[M], None]) -> None:
        self._deliver = deliver
        self._queue: list[M] = []
        self._loop = asyncio.get_running_loop()
        self.closed = False

    def send(self, message: M) -> None:
        if not self._queue:
            self._loop.call_soon(self._drain)
        self._queue.append(message)

    def _drain(self) -> None:
        batch, self._queue = self._queue, []
        for message in batch:
            if self.closed:
                return
            self._deliver(message)


class InprocessPeer:
    """The host's end."""

    def __init__(self, gateway_id: str, deliver: Callable[[ToGateway], None]) -> None:
        self.gateway_id = gateway_id
        self.pipe: _Pipe[ToGateway] = _Pipe(deliver)

    def send(self, message: ToGateway) -> None:
        """Queues a message; without effect once the gateway is gone."""
        if not self.pipe.closed:
            self.pipe.send(message)


class InprocessLink:
    """The gateway's end."""

    def __init__(
        self, host_id: str, epoch: int, host: HostEndpoint, peer: InprocessPeer,
        on_close: Callable[[], None], on_end: Callable[[InprocessLink], None],
    ) -> None:  # fmt: skip
        self.host_id = host_id
        self.epoch = epoch
        self._host = host
        self._peer = peer
        self._on_close = on_close
        self._on_end = on_end
        self._pipe: _Pipe[ToHost] = _Pipe(lambda message: host.received(peer, message))

    def send(self, message: ToHost) -> None:
        """Queues a message. Raises LinkClosed."""
        if self._pipe.closed:
            raise LinkClosed
        self._pipe.send(message)

    async def close(self) -> None:
        """Ends the link from the gateway's side."""
        self.cut()

    def cut(self) -> None:
        """Both ends learn at once that the line is gone."""
        if self._pipe.closed:
            return
        self._pipe.closed = True
        self._peer.pipe.closed = True
        self._on_end(self)
        self._host.detached(self._peer)
        self._on_close()


class InprocessNetwork:
    """Where in-process hosts listen and gateways dial (`LinkDialer`)."""

    def __init__(self, gateway_id: str = "gateway") -> None:
        self._gateway_id = gateway_id
        self._hosts: dict[str, tuple[str, int, HostEndpoint]] = {}
        self._links: dict[str, list[InprocessLink]] = {}

    def listen(self, endpoint: str, host_id: str, epoch: int, host: HostEndpoint) -> None:
        """Makes a host reachable under an address of your choice."""
        self._hosts[endpoint] = (host_id, epoch, host)

    def dies(self, endpoint: str) -> None:
        """The host is gone: nobody answers there, and its links end."""
        self._hosts.pop(endpoint, None)
        for link in self._links.pop(endpoint, []):
            link.cut()

    def dialer(self, gateway_id: str) -> InprocessNetwork:
        """The same network as seen by another gateway."""
        other = InprocessNetwork(gateway_id)
        other._hosts = self._hosts
        other._links = self._links
        return other

    async def dial(
        self,
        endpoint: str,
        on_message: Callable[[ToGateway], None],
        on_close: Callable[[], None],
    ) -> InprocessLink:
        """Connects. Raises LinkClosed when nobody listens there."""
        found = self._hosts.get(endpoint)
        if found is None:
            raise LinkClosed
        host_id, epoch, host = found
        peer = InprocessPeer(self._gateway_id, on_message)
        links = self._links.setdefault(endpoint, [])
        link = InprocessLink(
            host_id, epoch, host, peer, on_close,
            lambda ended: links.remove(ended) if ended in links else None,
        )  # fmt: skip
        links.append(link)
        host.attached(peer)
        return link
