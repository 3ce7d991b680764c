"""What a link promises, for every adapter: order, asynchrony, death seen at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from beheard_hub.link_messages import Acked, CommandTo, Leaving, ToGateway, ToHost
from beheard_hub.links import tls
from beheard_hub.links.inprocess import InprocessNetwork
from beheard_hub.links.socket_link import LinkServer, SocketDialer
from beheard_hub.ports import GatewayPeer, HostLink, LinkClosed, LinkDialer

from .authority import Authority, Files


class EchoHost:
    """Acks every command with its own data and remembers who came and went."""

    def __init__(self) -> None:
        self.peers: list[GatewayPeer] = []
        self.gone: list[GatewayPeer] = []
        self.commands: list[CommandTo] = []
        self.left = asyncio.Event()

    def attached(self, peer: GatewayPeer) -> None:
        self.peers.append(peer)

    def received(self, peer: GatewayPeer, message: ToHost) -> None:
        assert isinstance(message, CommandTo)
        self.commands.append(message)
        peer.send(Acked(message.rid, message.data, 7))

    def detached(self, peer: GatewayPeer) -> None:
        self.gone.append(peer)
        self.left.set()


class Setting(msgspec.Struct):
    """One adapter with a listening host."""

    host: EchoHost
    endpoint: str
    dialer: Callable[[str], LinkDialer]
    die: Callable[[], Awaitable[None]]


class Gateway:
    """A gateway's callbacks."""

    def __init__(self) -> None:
        self.messages: list[ToGateway] = []
        self.closed = asyncio.Event()
        self.arrived = asyncio.Event()

    def on_message(self, message: ToGateway) -> None:
        self.messages.append(message)
        self.arrived.set()

    async def dial(self, setting: Setting, gateway_id: str = "g1") -> HostLink:
        dialer = setting.dialer(gateway_id)
        return await dialer.dial(setting.endpoint, self.on_message, self.closed.set)

    async def have(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.messages) < count:
                self.arrived.clear()
                await self.arrived.wait()


@contextlib.asynccontextmanager
async def inprocess(_folder: Path) -> AsyncIterator[Setting]:
    network, host = InprocessNetwork(), EchoHost()
    network.listen("memory:h1", "h1", 3, host)

    async def die() -> None:
        network.dies("memory:h1")

    yield Setting(host, "memory:h1", network.dialer, die)
    await die()


@contextlib.asynccontextmanager
async def over_socket(endpoint: str, files: Files | None = None) -> AsyncIterator[Setting]:
    host = EchoHost()
    server = LinkServer(host, "h1", lambda: 3, "secret")
    inside = tls.host_context(files.cert, files.key) if files else None
    outside = tls.gateway_context(files.ca) if files else None
    address = await server.open(endpoint, inside)

    async def die() -> None:
        server.cut()

    yield Setting(host, address, lambda gateway: SocketDialer(gateway, "secret", outside), die)
    await server.close()


ADAPTERS: dict[str, Callable[[Path], contextlib.AbstractAsyncContextManager[Setting]]] = {
    "inprocess": inprocess,
    "unix": lambda folder: over_socket(f"unix:{folder}/link.sock"),
    "tcp": lambda _: over_socket("tcp:127.0.0.1:0"),
    "tls": lambda folder: over_socket("tcp:127.0.0.1:0", Authority(folder).host()),
}


@pytest_asyncio.fixture(params=ADAPTERS)
async def setting(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Setting]:
    """Each adapter in turn."""
    async with ADAPTERS[request.param](tmp_path) as setting:
        yield setting


def command(rid: int, text: str = "") -> CommandTo:
    return CommandTo(rid, "ann", f"c{rid}", "message.send", {"text": text}, "s1")


async def test_the_link_knows_its_host_and_the_host_its_gateway(setting: Setting) -> None:
    link = await Gateway().dial(setting, "g7")
    assert link.host_id == "h1"
    assert [peer.gateway_id for peer in setting.host.peers] == ["g7"]


async def test_messages_arrive_in_order_both_ways(setting: Setting) -> None:
    gateway = Gateway()
    link = await gateway.dial(setting)
    for rid in range(5_000):
        link.send(command(rid))
    await gateway.have(5_000)
    assert [c.rid for c in setting.host.commands] == list(range(5_000))
    assert gateway.messages == [Acked(n, {"text": ""}, 7) for n in range(5_000)]


async def test_nothing_is_delivered_inside_send(setting: Setting) -> None:
    gateway = Gateway()
    link = await gateway.dial(setting)
    link.send(command(1))
    assert setting.host.commands == []
    await gateway.have(1)


async def test_messages_larger_than_a_frame_arrive_whole(setting: Setting) -> None:
    gateway = Gateway()
    link = await gateway.dial(setting)
    sizes = [1, 600_000, 262_139, 262_140, 1, 1_000_000]
    for rid, size in enumerate(sizes):
        link.send(command(rid, "x" * size))
    await gateway.have(len(sizes))
    answers = [m for m in gateway.messages if isinstance(m, Acked)]
    assert [len(m.data["text"]) for m in answers] == sizes


async def test_a_host_that_dies_is_noticed_at_once(setting: Setting) -> None:
    gateway = Gateway()
    link = await gateway.dial(setting)
    await setting.die()
    async with asyncio.timeout(30):
        await gateway.closed.wait()
    with pytest.raises(LinkClosed):
        link.send(command(1))
    with pytest.raises(LinkClosed):
        await Gateway().dial(setting)


async def test_a_gateway_that_leaves_is_noticed_at_once(setting: Setting) -> None:
    link = await Gateway().dial(setting)
    await link.close()
    async with asyncio.timeout(30):
        await setting.host.left.wait()
    assert setting.host.gone == setting.host.peers
    setting.host.peers[0].send(Leaving())


async def test_links_do_not_disturb_each_other(setting: Setting) -> None:
    first, second = Gateway(), Gateway()
    one, two = await first.dial(setting, "g1"), await second.dial(setting, "g2")
    one.send(command(1))
    two.send(command(2))
    await first.have(1)
    await second.have(1)
    await one.close()
    two.send(command(3))
    await second.have(2)
    assert [m.rid for m in second.messages if isinstance(m, Acked)] == [2, 3]
    assert not second.closed.is_set()
