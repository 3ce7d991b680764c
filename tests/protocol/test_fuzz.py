"""Strange frames and strange bytes on real sockets: the gateway and good connections stay."""

from __future__ import annotations

import asyncio
import gc
import random

import pytest

from beheard_hub.gateway.connection import Connection
from beheard_hub.gateway.frames import CODECS
from tests.unit.gateway.test_fuzz import strange

from .conftest import JSON, MSGPACK, PATIENCE_SECONDS, Hub, StartHub, until
from .test_closing import masked, upgrade_request

FRAMES = 2_000
"""Per codec."""


@pytest.mark.parametrize("codec", [JSON, MSGPACK])
async def test_a_connection_that_should_live_lives(start_hub: StartHub, codec: str) -> None:
    hub = await start_hub(malformed_per_minute_max=10_000, limits=False)
    witness = await hub.enter("witness")
    client = await hub.enter("alice", codec)
    rng = random.Random(7)

    async def read() -> int:
        seen = 0
        while (frame := await client.next()).get("id") != "the end":
            seen += frame["type"] == "error"
        return seen

    reading = asyncio.create_task(read())
    for _ in range(FRAMES):
        payload = strange(rng, CODECS[codec])
        if b"auth" not in (payload if isinstance(payload, bytes) else payload.encode()):
            await client.socket.send(payload)
    await client.send(type="command", id="the end", name="echo", data={})
    async with asyncio.timeout(60):
        assert await reading >= FRAMES / 2
    await witness.still_lives()
    assert (await witness.call("c1", "echo", sessionId="s1"))["type"] == "ack"


async def test_the_third_strange_frame_closes_and_nothing_stays(hub: Hub) -> None:
    witness = await hub.enter("witness")
    codes = []
    for number in range(100):
        client = await hub.open(f"user{number}")
        await client.expect("hello")
        for _ in range(3):
            await client.socket.send("{" * (number % 9))
        codes.append(await client.closed())
    assert codes == [4400] * 100
    await until(lambda: len(hub.gateway.lobby) == 1, "the closed connections to be forgotten")
    await witness.still_lives()
    hub.clients = [witness]
    gc.collect()
    left = [found for found in gc.get_objects() if type(found) is Connection]
    assert len(left) <= 2, "the witness, and at most one that its task still holds"


async def test_bytes_that_are_no_websocket_at_all(hub: Hub) -> None:
    witness = await hub.enter("witness")
    rng = random.Random(11)
    port = hub.gateway.port
    for number in range(150):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        start = upgrade_request(port, token="alice") if number % 3 else b""
        frame = masked(b'{"type":"ping"}') if number % 2 else b""
        writer.write(start + frame + rng.randbytes(rng.randrange(1, 200)))
        writer.write_eof()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await drain(reader)
        writer.close()
    await until(lambda: len(hub.gateway.lobby) == 1, "the broken connections to be forgotten")
    await witness.still_lives()


async def drain(reader: asyncio.StreamReader) -> None:
    """Reads to the end, however it comes."""
    try:
        while await reader.read(65_536):
            pass
    except ConnectionResetError:
        return


async def test_clients_that_vanish_in_the_middle(hub: Hub) -> None:
    witness = await hub.listen("witness")
    for number in range(60):
        client = await hub.open(f"user{number}")
        await client.send(type="subscribe", sessionId="s1")
        await client.send(type="command", id="c", name="hold", data={}, sessionId="s1")
        if number % 2:
            await client.expect("hello")
        client.socket.transport.abort()
        await client.closed()
    await until(lambda: len(hub.gateway.lobby) == 1, "the vanished to be forgotten")
    hub.host.release()
    await until(lambda: hub.gateway.lobby.router.unanswered == 0, "all answers")
    assert len(hub.gateway.lobby.router.subscriptions) == 1
    await witness.still_lives()
