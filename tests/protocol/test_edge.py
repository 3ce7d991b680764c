"""What strangers may do to the one port: little, and not for long (SECURITY.md)."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
from typing import Any

import pytest

from beheard_hub.gateway.wire import HEAD_BYTES_MAX

from .conftest import PATIENCE_SECONDS, Hub, StartHub, until
from .test_closing import upgrade_request
from .test_rest import ONE, Caller, refusal

SHORT = 0.2
TIME_FOR_ONE_SECONDS = 1.5
"""Short, and enough for a request that does come, also where the machine is busy."""
HEAD = b"GET /healthz HTTP/1.1\r\nHost: hub\r\n"


class Stranger:
    """A bare TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def at(cls, hub: Hub, **options: Any) -> Stranger:
        return cls(*await asyncio.open_connection("127.0.0.1", hub.gateway.port, **options))

    async def all_that_comes(self) -> bytes:
        """Until the hub ends the connection, however it does."""
        heard = b""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while piece := await self.reader.read(65_536):
                    heard += piece
        self.writer.close()
        return heard

    async def drip_until_ended(self, piece: bytes) -> None:
        """Sends `piece` again and again until the hub has had enough."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            with contextlib.suppress(ConnectionError):
                while not self.reader.at_eof() and self.reader.exception() is None:
                    self.writer.write(piece)
                    await self.writer.drain()
                    await asyncio.sleep(0.01)
        self.writer.close()


def sockets(hub: Hub) -> int:
    assert hub.gateway._server is not None
    return len(hub.gateway._server.server_state.connections)


async def test_a_connection_that_asks_nothing_is_ended(start_hub: StartHub) -> None:
    hub = await start_hub(request_seconds_max=SHORT)
    assert await (await Stranger.at(hub)).all_that_comes() == b""
    await until(lambda: sockets(hub) == 0, "the connection to be forgotten")


async def test_a_websocket_may_be_silent_for_longer_than_a_request(start_hub: StartHub) -> None:
    hub = await start_hub(request_seconds_max=TIME_FOR_ONE_SECONDS)
    client = await hub.enter()
    assert await (await Stranger.at(hub)).all_that_comes() == b""  # the time is over
    await client.send(type="ping")
    await client.expect("pong")


@pytest.mark.parametrize("begin", [b"GE", HEAD, HEAD + b"Upgrade: websocket\r\n"])
async def test_a_head_by_the_drop_is_ended(start_hub: StartHub, begin: bytes) -> None:
    hub = await start_hub(request_seconds_max=SHORT)
    stranger = await Stranger.at(hub)
    stranger.writer.write(begin)
    await stranger.drip_until_ended(b"x")
    await until(lambda: sockets(hub) == 0, "the connection to be forgotten")


async def test_the_head_of_a_further_request_has_no_more_time(start_hub: StartHub) -> None:
    hub = await start_hub(request_seconds_max=TIME_FOR_ONE_SECONDS)
    stranger = await Stranger.at(hub)
    stranger.writer.write(HEAD + b"\r\n")
    assert b"200 OK" in await stranger.reader.readuntil(b"}")
    stranger.writer.write(HEAD)
    await stranger.drip_until_ended(b"x")


async def test_a_body_by_the_drop_is_ended_though_the_answer_is_long_there(
    start_hub: StartHub,
) -> None:
    hub = await start_hub(request_seconds_max=TIME_FOR_ONE_SECONDS)
    stranger = await Stranger.at(hub)
    stranger.writer.write(b"POST /none HTTP/1.1\r\nHost: hub\r\nContent-Length: 100000\r\n\r\n")
    assert b" 404 " in await stranger.reader.readline()
    await stranger.drip_until_ended(b"x")
    await until(lambda: sockets(hub) == 0, "the connection to be forgotten")


async def test_a_request_that_waits_long_for_its_answer_is_not_ended(start_hub: StartHub) -> None:
    hub = await start_hub(request_seconds_max=TIME_FOR_ONE_SECONDS, limits=False)
    async with Caller(hub) as alice:
        async with asyncio.timeout(PATIENCE_SECONDS):
            hub.host.holds = True
            asked = asyncio.create_task(alice.ask("GET", ONE))
            await until(lambda: len(hub.host.held) == 1, "the request at the host")
            assert await (await Stranger.at(hub)).all_that_comes() == b""  # as long as is allowed
            hub.host.release()
            assert (await asked).status_code == 200


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"X: " + b"x" * HEAD_BYTES_MAX + b"\r\n\r\n",
        HEAD + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 1_000) for n in range(40)) + b"\r\n",
        b"GET /" + b"x" * HEAD_BYTES_MAX + b" HTTP/1.1\r\nHost: hub\r\n\r\n",
        HEAD + b"X: " + b"x" * (2 * HEAD_BYTES_MAX),
    ],
    ids=["header", "headers", "target", "no end"],
)
async def test_a_head_too_large_is_refused(hub: Hub, head: bytes) -> None:
    stranger = await Stranger.at(hub)
    stranger.writer.write(head)
    assert (await stranger.all_that_comes()).startswith(b"HTTP/1.1 400 ")


async def test_an_upgrade_with_a_head_too_large_is_refused(hub: Hub) -> None:
    stranger = await Stranger.at(hub)
    stranger.writer.write(upgrade_request(hub.gateway.port, more={"X": "x" * HEAD_BYTES_MAX}))
    assert (await stranger.all_that_comes()).startswith(b"HTTP/1.1 400 ")
    assert len(hub.gateway.lobby) == 0


async def test_a_socket_too_many_is_cut_off_and_the_others_stay(start_hub: StartHub) -> None:
    hub = await start_hub(sockets_max=2)
    client = await hub.enter()
    waiting = await Stranger.at(hub)
    await until(lambda: sockets(hub) == 2, "both connections")
    assert await (await Stranger.at(hub)).all_that_comes() == b""
    await client.still_lives()
    waiting.writer.close()
    await until(lambda: sockets(hub) == 1, "room for another one")
    async with Caller(hub) as alice:
        assert (await alice.ask("GET", ONE)).status_code == 200


async def test_a_response_that_nobody_reads_is_given_up(start_hub: StartHub) -> None:
    hub = await start_hub(crowded_seconds_max=SHORT, limits=False)
    stranger = await Stranger.at(hub, limit=1_024)
    ask = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: hub\r\n\r\n"
    stranger.writer.write(ask * 400)
    stranger.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await until(lambda: sockets(hub) == 1, "the connection")
    await until(lambda: sockets(hub) == 0, "the connection to be given up")
    stranger.writer.transport.abort()


async def test_compression_is_never_agreed_to(hub: Hub) -> None:
    client = await hub.open("alice", compression="deflate")
    await client.expect("hello")
    assert client.socket.response is not None
    assert "Sec-WebSocket-Extensions" not in client.socket.response.headers


async def test_a_frame_that_claims_compression_ends_the_connection(hub: Hub) -> None:
    client = await hub.enter()
    client.socket.transport.write(b"\xc1\x80\x00\x00\x00\x00")  # FIN, RSV1, text; masked, empty
    assert await client.closed() == 1002


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, identity"])
async def test_a_compressed_body_is_refused_and_not_unpacked(hub: Hub, encoding: str) -> None:
    bomb = gzip.compress(b'{"content": "' + b"x" * 50_000_000 + b'"}')
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    async with Caller(hub) as alice:
        response = await alice.ask("POST", f"{ONE}/messages", content=bomb, headers=headers)
    error = refusal(response)
    assert (error["code"], set(error["details"])) == ("VALIDATION_ERROR", {"Content-Encoding"})
    assert hub.host.commands == []


async def test_answers_are_not_compressed(hub: Hub) -> None:
    """A secret beside text of somebody else's choice, compressed, tells its length (BREACH)."""
    async with Caller(hub) as alice:
        response = await alice.ask("GET", ONE, headers={"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize("name", ["token", "access_token", "Authorization", "jwt"])
async def test_a_token_in_the_url_opens_nothing_by_rest(hub: Hub, name: str) -> None:
    async with Caller(hub, token=None) as nobody, Caller(hub) as alice:
        unknown = await nobody.ask("GET", f"{ONE}?{name}=alice")
        known = await alice.ask("GET", f"{ONE}?{name}=alice")
    assert refusal(unknown)["code"] == "UNAUTHORIZED"
    assert (refusal(known)["code"], known.status_code) == ("VALIDATION_ERROR", 400)
    assert "alice" not in known.text
    assert hub.host.commands == []


async def test_nothing_that_a_stranger_sends_is_logged(
    hub: Hub, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for request in (
        b"CANARY\r\n\r\n",
        b"GET /CANARY?CANARY=CANARY HTTP/1.1\r\nHost: CANARY\r\nConnection: close\r\n\r\n",
        HEAD + b"CANARY: CANARY\r\nConnection: Upgrade\r\nUpgrade: CANARY\r\n\r\n",
        HEAD + b"X: CANARY" + b"x" * HEAD_BYTES_MAX + b"\r\n\r\n",
    ):
        stranger = await Stranger.at(hub)
        stranger.writer.write(request)
        stranger.writer.write_eof()
        await stranger.reader.read(1_024)
        stranger.writer.close()
    written = capsys.readouterr()
    assert "CANARY" not in caplog.text + written.out + written.err
