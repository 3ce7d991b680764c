"""What only sockets can do wrong: secrets, versions, bytes, and a gateway that does not read."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
import uvloop

from beheard_hub.link_messages import DeltaFrom, Hello, ToHost
from beheard_hub.links import line, socket_link
from beheard_hub.links.socket_link import VERSION, LinkServer, SocketDialer, proof
from beheard_hub.ports import GatewayPeer, LinkClosed

OTHER = VERSION + 1

CUT_SECONDS_MAX = 30.0
"""Earlier than whoever says nothing is cut off, in these tests."""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is borne for longer, so that who is cut off is not cut off for it."""
    monkeypatch.setattr(socket_link, "HELLO_SECONDS_MAX", 2 * CUT_SECONDS_MAX)


class Host:
    """Remembers."""

    def __init__(self) -> None:
        self.peers: list[GatewayPeer] = []
        self.gone = asyncio.Event()

    def attached(self, peer: GatewayPeer) -> None:
        self.peers.append(peer)

    def received(self, peer: GatewayPeer, message: ToHost) -> None:
        raise AssertionError("nothing is sent here")

    def detached(self, peer: GatewayPeer) -> None:
        self.gone.set()


@pytest.fixture
def host() -> Host:
    return Host()


@pytest_asyncio.fixture
async def server(host: Host, tmp_path: Path) -> AsyncIterator[LinkServer]:
    server = LinkServer(host, "h1", lambda: 1, "right")
    await server.open(f"unix:{tmp_path}/link.sock")
    yield server
    await server.close()


async def raw(server: LinkServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(server.endpoint.removeprefix("unix:"))


def framed(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + payload


async def test_a_wrong_secret_is_no_link(server: LinkServer, host: Host) -> None:
    dialer = SocketDialer("g1", "wrong")
    with pytest.raises(LinkClosed):
        await dialer.dial(server.endpoint, lambda message: None, lambda: None)
    assert host.peers == []


@pytest.mark.parametrize(
    "payload",
    [
        msgspec.msgpack.encode([Hello(OTHER, "g", b"n", proof("right", OTHER, "g", b"n"))]),
        msgspec.msgpack.encode([Hello(VERSION, "other", b"n", proof("right", VERSION, "g", b"n"))]),
        msgspec.msgpack.encode([["cmd", 1, "ann", "c", "step", {}]]),
        b"\xc1 not MessagePack",
    ],
    ids=["version", "another's proof", "no hello", "garbage"],
)
async def test_whoever_does_not_prove_the_secret_is_cut_off(
    server: LinkServer, host: Host, payload: bytes
) -> None:
    reader, writer = await raw(server)
    writer.write(framed(payload))
    async with asyncio.timeout(CUT_SECONDS_MAX):
        assert await reader.read() == b""
    writer.close()
    assert host.peers == []


async def test_a_length_beyond_the_bound_is_cut_off(server: LinkServer) -> None:
    reader, writer = await raw(server)
    writer.write((2**30).to_bytes(4, "big"))
    async with asyncio.timeout(CUT_SECONDS_MAX):
        assert await reader.read() == b""
    writer.close()


async def test_silence_is_cut_off(server: LinkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_link, "HELLO_SECONDS_MAX", 0.01)
    reader, writer = await raw(server)
    async with asyncio.timeout(CUT_SECONDS_MAX):
        assert await reader.read() == b""
    writer.close()


async def test_a_gateway_that_does_not_read_is_cut_off(
    server: LinkServer, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "LINE_BYTES_MAX", 1_000_000)
    reader, writer = await raw(server)
    hello = Hello(VERSION, "g", b"n", proof("right", VERSION, "g", b"n"))
    writer.write(framed(msgspec.msgpack.encode([hello])))
    await reader.readexactly(4)  # the welcome began: the host knows the peer
    delta = DeltaFrom([1], "s1", "m", "m", 1, "x" * 10_000)
    sent = 0
    while not host.gone.is_set():
        host.peers[0].send(delta)
        sent += 1
        assert sent < 10_000, "a line that nobody drains must be bounded"
        await asyncio.sleep(0)
    writer.close()


async def test_a_line_does_not_end_within_a_call_of_its_sender(
    server: LinkServer, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = await raw(server)
    hello = Hello(VERSION, "g", b"n", proof("right", VERSION, "g", b"n"))
    writer.write(framed(msgspec.msgpack.encode([hello])))
    await reader.readexactly(4)
    monkeypatch.setattr(line, "LINE_BYTES_MAX", 1)
    host.peers[0].send(DeltaFrom([1], "s1", "m", "m", 1, "more than a byte"))
    assert not host.gone.is_set(), "whoever tells all gateways must not lose one under its hands"
    async with asyncio.timeout(CUT_SECONDS_MAX):
        await host.gone.wait()
    writer.close()


async def test_only_the_own_user_may_connect(server: LinkServer) -> None:
    mode = os.stat(server.endpoint.removeprefix("unix:")).st_mode  # noqa: PTH116
    assert mode & 0o077 == 0


async def test_an_endpoint_that_is_none_is_closed() -> None:
    for endpoint in ("", "unix:", "tcp:nowhere", "unix:/nobody/listens/here"):
        with pytest.raises(LinkClosed):
            await SocketDialer("g", "s").dial(endpoint, lambda message: None, lambda: None)


def test_it_runs_on_uvloop_too(tmp_path: Path) -> None:
    async def round_trip() -> str:
        host = Host()
        server = LinkServer(host, "h1", lambda: 1, "right")
        endpoint = await server.open(f"unix:{tmp_path}/uv.sock")
        closed = asyncio.Event()
        link = await SocketDialer("g1", "right").dial(endpoint, lambda message: None, closed.set)
        server.cut()
        async with asyncio.timeout(CUT_SECONDS_MAX):
            await closed.wait()
        await server.close()
        return link.host_id

    assert uvloop.run(round_trip()) == "h1"
