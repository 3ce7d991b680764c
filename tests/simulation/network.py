"""Lines between gateways and hosts: ordered, slow, and cut in the middle of a sentence.

As on a real line, both ends learn of its end later, and whatever was under way is lost or not. A
noisy line brings some messages twice, and some events behind later ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from beheard_hub.actors.host import Host
from beheard_hub.link_messages import Acked, CommandTo, EventFrom, SnapshotFrom, ToGateway, ToHost
from beheard_hub.ports import LinkClosed
from tests.simulation.loop import Process

TWICE = (CommandTo, Acked, EventFrom)
"""Messages that a noisy line may bring twice."""
OVERTAKEN = (EventFrom,)
"""Messages that a noisy line may bring behind later ones."""
WORDS = (Acked, EventFrom, SnapshotFrom)
"""What tells something of a session; a refusal tells nothing."""
NOISE_CHANCE = 0.15
NOISE_SECONDS_MAX = 0.2


class Noise:
    """How bad all lines are at the moment."""

    def __init__(self) -> None:
        self.loud = False


class Direction:
    """One direction of a line."""

    def __init__(
        self, dice: Random, network: Network, to: Process, deliver: Callable[[Any], None]
    ) -> None:
        self._dice = dice
        self._pace = network.pace
        self._noise = network.noise
        self._to = to
        self._deliver = deliver
        self._last = 0.0
        self._lost_after = float("inf")
        self.ended = False

    def send(self, message: Any) -> None:
        """On its way; nothing happens once the line was cut."""
        if self.ended:
            return
        loop = asyncio.get_running_loop()
        at = max(self._last, loop.time() + self._dice.expovariate(1 / self._pace))
        if self._noise.loud and self._dice.random() < NOISE_CHANCE:
            late = at + self._dice.random() * NOISE_SECONDS_MAX
            if isinstance(message, OVERTAKEN) and self._dice.random() < 0.5:
                loop.call_at(late, self._arrived, message, context=self._to.context)
                return
            if isinstance(message, TWICE):
                loop.call_at(late, self._arrived, message, context=self._to.context)
        self._last = at
        loop.call_at(at, self._arrived, message, context=self._to.context)

    def end(self, ended: Callable[[], None], lost: bool) -> None:
        """Nothing more is sent. The other end learns it behind what still arrives."""
        loop = asyncio.get_running_loop()
        self.ended = True
        if lost:
            self._lost_after = loop.time()
        at = max(self._last, loop.time() + self._dice.random() * 0.05)
        loop.call_at(at, ended, context=self._to.context)

    def _arrived(self, message: Any) -> None:
        if asyncio.get_running_loop().time() <= self._lost_after:
            self._deliver(message)


class Peer:
    """A host's end."""

    def __init__(self, gateway_id: str, heard: Callable[[], None]) -> None:
        self.gateway_id = gateway_id
        self.out: Direction
        self._heard = heard

    def send(self, message: ToGateway) -> None:
        """See `ports.GatewayPeer`."""
        if isinstance(message, WORDS):
            self._heard()
        self.out.send(message)


class Line:
    """A gateway's end; implements `ports.HostLink`."""

    def __init__(self, host_id: str, gateway: Process, host: Process) -> None:
        self.host_id = host_id
        self.gateway = gateway
        self.host = host
        self.out: Direction
        self.back: Direction
        self._ended = False
        self.on_end: list[Callable[[], None]] = []
        """At the gateway, at the host."""

    def send(self, message: ToHost) -> None:
        """See the port."""
        if self.out.ended:
            raise LinkClosed
        self.out.send(message)

    async def close(self) -> None:
        """Ends the line."""
        self.cut(lost=False)

    def cut(self, *, lost: bool) -> None:
        """Both ends learn it; with `lost` what is under way never arrives."""
        if self.out.ended:
            return
        at_gateway, at_host = self.on_end
        self.out.end(at_host, lost)
        self.back.end(at_gateway, lost)


class Listener(msgspec.Struct):
    """A host that can be dialled."""

    host: Host
    process: Process
    spoken: Callable[[], None]


class Network:
    """All lines of a run."""

    def __init__(self, seed: int, pace: float) -> None:
        self._seed = seed
        self.pace = pace
        self.noise = Noise()
        self.listeners: dict[str, Listener] = {}
        self.lines: list[Line] = []

    def dice(self) -> Random:
        """Of one line, so that no line's fortune depends on the traffic of another."""
        return Random(f"{self._seed}:{len(self.lines)}")

    def dialer(self, gateway: Process) -> Dialer:
        """How a gateway reaches hosts."""
        return Dialer(self, gateway)

    def gone(self, process: Process, *, lost: bool) -> None:
        """All lines of a process that died."""
        for line in self.lines:
            if process in (line.gateway, line.host):
                line.cut(lost=lost)


class Dialer:
    """Implements `ports.LinkDialer`."""

    def __init__(self, network: Network, gateway: Process) -> None:
        self._network = network
        self._gateway = gateway

    async def dial(
        self, endpoint: str, on_message: Callable[[ToGateway], None], on_close: Callable[[], None]
    ) -> Line:
        """See the port; a frozen host answers when it goes on."""
        network = self._network
        found = network.listeners.get(endpoint)
        if found is None or found.process.state == "dead":
            await asyncio.sleep(0.001)
            raise LinkClosed
        loop = asyncio.get_running_loop()
        welcome: asyncio.Future[None] = loop.create_future()
        loop.call_later(0.001, _done, welcome, context=found.process.context)
        await welcome
        if not hasattr(found.host, "lease"):  # its epoch is part of the welcome
            raise LinkClosed
        host, dice = found.host, network.dice()
        line = Line(host.host_id, self._gateway, found.process)
        peer = Peer(self._gateway.name, found.spoken)
        line.out = Direction(
            dice, network, found.process, lambda message: host.received(peer, message)
        )
        line.back = Direction(dice, network, self._gateway, on_message)
        peer.out = line.back
        line.on_end = [on_close, lambda: host.detached(peer)]
        network.lines.append(line)
        loop.call_soon(host.attached, peer, context=found.process.context)
        return line


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
