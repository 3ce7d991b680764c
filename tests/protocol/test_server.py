"""The life of the one port."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from .conftest import PATIENCE_SECONDS, Hub, StartHub, until


async def test_small_frames_are_not_held_back(hub: Hub) -> None:
    """Nagle would put 40 ms between an event and the ack behind it."""
    await hub.enter()
    server = hub.gateway._server
    assert server is not None
    [wire] = server.server_state.connections
    sock = wire.transport.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


async def test_a_taken_port_is_an_error_at_once(hub: Hub, start_hub: StartHub) -> None:
    other = (await start_hub()).gateway
    with pytest.raises(OSError, match="in use"):
        await other.serve("127.0.0.1", hub.gateway.port)


async def test_stop_ends_serve_and_says_1012(hub: Hub) -> None:
    client = await hub.enter()
    hub.gateway.stop()
    assert await client.closed() == 1012


async def test_drain_with_nobody_there_is_quick(start_hub: StartHub) -> None:
    hub = await start_hub(drain_seconds_max=60, close_seconds_max=60)
    await asyncio.wait_for(hub.gateway.drain(), PATIENCE_SECONDS)


async def test_nothing_of_a_request_is_logged(
    hub: Hub, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, logger="uvicorn")
    client = await hub.open("alice", headers={"X-Canary": "CANARY-1"})
    await client.expect("hello")
    await client.call("CANARY-2", "refuse", {"content": "CANARY-3"}, sessionId="s1")
    await client.socket.send('{"CANARY-4')
    await client.expect("error")
    await client.socket.close()
    await until(lambda: len(hub.gateway.lobby) == 0, "the connection to be forgotten")
    written = capsys.readouterr()
    assert "CANARY" not in caplog.text + written.out + written.err
    assert "alice" not in caplog.text
