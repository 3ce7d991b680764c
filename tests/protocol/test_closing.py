"""Every close code of spec 5.2, and everything that is refused before the upgrade."""

from __future__ import annotations

import asyncio
import base64
import os
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from beheard_hub.gateway.close_codes import CLOSE_CODES, CloseCode

from .conftest import JSON, MSGPACK, PATIENCE_SECONDS, Hub, StartHub, until


async def test_4400_for_the_third_malformed_frame_in_a_minute(hub: Hub) -> None:
    client = await hub.enter()
    for payload in ("not json", "[1]"):
        await client.socket.send(payload)
        assert (await client.expect("error"))["code"] == "VALIDATION_ERROR"
    await client.still_lives()
    await client.socket.send('{"type":"subscribe","sessionId":7}')
    assert (await client.expect("error"))["details"].keys() == {"sessionId"}
    assert await client.closed() == 4400
    assert client.socket.close_reason == "protocol"


async def test_an_unknown_type_costs_nothing(hub: Hub) -> None:
    client = await hub.enter()
    for _ in range(10):
        await client.send(type="typing", sessionId="s1")
        assert (await client.expect("error"))["code"] == "VALIDATION_ERROR"
    await client.still_lives()


@pytest.mark.parametrize(("codec", "payload"), [(JSON, b"\x80"), (MSGPACK, "{}")])
async def test_the_wrong_kind_of_frame_is_malformed(
    hub: Hub, codec: str, payload: str | bytes
) -> None:
    client = await hub.enter("alice", codec)
    await client.socket.send(payload)
    assert (await client.expect("error"))["code"] == "VALIDATION_ERROR"
    await client.still_lives()


@pytest.mark.parametrize("codec", [JSON, MSGPACK])
async def test_4401_for_a_bad_header_token(hub: Hub, codec: str) -> None:
    client = await hub.open("bad", codec)
    error = await client.expect("error")
    assert (error["code"], error["retryable"]) == ("UNAUTHORIZED", False)
    assert await client.closed() == 4401


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer  ", "x" * 7000])
async def test_4401_for_a_header_that_is_no_bearer_token(hub: Hub, header: str) -> None:
    client = await hub.open(None, headers={"Authorization": header})
    assert (await client.expect("error"))["code"] == "UNAUTHORIZED"
    assert await client.closed() == 4401
    assert hub.identities.seen == []


async def test_4401_for_a_bad_first_frame(hub: Hub) -> None:
    client = await hub.open(None)
    await client.send(type="auth", token="bad")
    assert (await client.expect("error"))["code"] == "UNAUTHORIZED"
    assert await client.closed() == 4401


async def test_4401_for_anything_before_auth(hub: Hub) -> None:
    client = await hub.open(None)
    await client.send(type="command", id="c1", name="echo", data={})
    error = await client.expect("error")
    assert (error["code"], error["id"]) == ("UNAUTHORIZED", "c1")
    assert await client.closed() == 4401
    assert hub.host.commands == []


async def test_4401_when_no_auth_comes_in_time(start_hub: StartHub) -> None:
    hub = await start_hub(auth_seconds_max=0.1)
    client = await hub.open(None)
    assert (await client.expect("error"))["code"] == "UNAUTHORIZED"
    assert await client.closed() == 4401


async def test_whoever_ends_while_the_token_is_checked_counts_no_more(start_hub: StartHub) -> None:
    hub = await start_hub(auth_seconds_max=0.1)
    hub.identities.gate = asyncio.Event()
    client = await hub.open("alice")
    assert await client.closed() == 1013
    hub.identities.gate.set()
    await until(lambda: len(hub.gateway.lobby) == 0, "the connection is gone")
    assert hub.gateway.lobby.replace("alice") == 0


async def test_4401_after_expiry_and_grace(start_hub: StartHub) -> None:
    hub = await start_hub(token_grace_seconds=0.2)
    client = await hub.enter("alice:0.2")
    assert (await client.expect("error"))["code"] == "UNAUTHORIZED"
    assert await client.closed() == 4401


async def test_within_the_grace_commands_are_taken(start_hub: StartHub) -> None:
    hub = await start_hub(token_grace_seconds=30)
    client = await hub.enter("alice:0.2")
    assert (await client.expect("error"))["code"] == "UNAUTHORIZED"
    assert (await client.call("c1", "echo", sessionId="s1"))["type"] == "ack"


async def test_renewal_within_the_grace_saves_the_connection(start_hub: StartHub) -> None:
    hub = await start_hub(token_grace_seconds=30)
    client = await hub.enter("alice:0.1")
    assert (await client.expect("error"))["code"] == "UNAUTHORIZED"
    await client.send(type="auth", token="bad")
    assert (await client.expect("error"))["code"] == "UNAUTHORIZED"
    await client.send(type="auth", token="alice:3600")
    await client.expect("hello")
    await client.still_lives()


async def test_4403_for_a_renewal_by_somebody_else(hub: Hub) -> None:
    client = await hub.enter("alice")
    await client.send(type="auth", token="bob")
    assert (await client.expect("error"))["code"] == "FORBIDDEN"
    assert await client.closed() == 4403


async def test_4409_when_the_operator_replaces(hub: Hub) -> None:
    alice, bob = await hub.enter("alice"), await hub.enter("bob")
    assert hub.gateway.lobby.replace("alice") == 1
    assert await alice.closed() == 4409
    await bob.still_lives()


async def test_4429_for_the_eleventh_connection_of_a_user(hub: Hub) -> None:
    first = [await hub.enter("alice") for _ in range(10)]
    eleventh = await hub.open("alice")
    assert (await eleventh.expect("error"))["code"] == "RATE_LIMITED"
    assert await eleventh.closed() == 4429
    await hub.enter("bob")
    await first[0].socket.close()
    await until(lambda: len(hub.gateway.lobby) == 10, "the closed connections to be gone")
    await hub.enter("alice")


async def test_4429_for_a_flood_of_frames(start_hub: StartHub) -> None:
    hub = await start_hub(frames_rate=(1, 1.0, 20))
    hub.clock.stop()
    client = await hub.enter()
    for _ in range(30):
        await client.send(type="ping")
    assert await client.closed() == 4429


async def test_1009_for_a_frame_over_256_kb(hub: Hub) -> None:
    client = await hub.enter()
    room = 262_144 - len('{"type":"ping","x":""}')
    await client.socket.send('{"type":"ping","x":"' + "a" * room + '"}')
    await client.expect("pong")
    await client.socket.send('{"type":"ping","x":"' + "a" * (room + 1) + '"}')
    assert await client.closed() == 1009


async def test_1009_for_a_large_frame_in_pieces(hub: Hub) -> None:
    client = await hub.enter()
    await client.socket.send(["x" * 100_000] * 3)
    assert await client.closed() == 1009


async def test_1012_after_draining(hub: Hub) -> None:
    alice, bob = await hub.listen("alice"), await hub.listen("bob")
    await alice.send(type="command", id="c1", name="hold", data={}, sessionId="s1")
    await until(lambda: len(hub.host.held) == 1, "the command at the host")
    drain = asyncio.create_task(hub.gateway.drain())
    waits = [(await client.expect("draining"))["reconnectAfterMs"] for client in (alice, bob)]
    assert all(500 <= wait <= 3_000 for wait in waits)
    await bob.send(type="command", id="c2", name="echo", data={}, sessionId="s1")
    assert (await bob.expect("error"))["retryable"] is True
    with pytest.raises(InvalidStatus) as refused:
        await hub.open("carol")
    assert refused.value.response.status_code == 503
    hub.host.release()
    assert (await alice.expect("ack"))["id"] == "c1"
    assert [await alice.closed(), await bob.closed()] == [1012, 1012]
    await asyncio.wait_for(drain, PATIENCE_SECONDS)


async def test_a_gateway_that_gives_way_serves_until_its_clients_have_gone(hub: Hub) -> None:
    alice = await hub.listen("alice")
    way = asyncio.create_task(hub.gateway.give_way())
    wait = (await alice.expect("draining"))["reconnectAfterMs"]
    assert 500 <= wait <= 3_000
    await alice.send(type="command", id="c1", name="echo", data={}, sessionId="s1")
    assert (await alice.expect("ack"))["id"] == "c1", "until it goes it is served as ever"
    with pytest.raises(OSError, match="Connect"):
        await hub.open("carol")
    await alice.socket.close()
    await asyncio.wait_for(way, PATIENCE_SECONDS)


async def test_who_does_not_go_by_itself_is_closed(start_hub: StartHub) -> None:
    hub = await start_hub(drain_seconds_max=0.05, reconnect_ms=(1, 2))
    client = await hub.enter()
    await asyncio.wait_for(hub.gateway.give_way(), PATIENCE_SECONDS)
    assert await client.closed() == 1012


async def test_draining_does_not_wait_for_ever(start_hub: StartHub) -> None:
    hub = await start_hub(drain_seconds_max=0.1)
    client = await hub.enter()
    await client.send(type="command", id="c1", name="hold", data={}, sessionId="s1")
    await until(lambda: len(hub.host.held) == 1, "the command at the host")
    await asyncio.wait_for(hub.gateway.drain(), PATIENCE_SECONDS)
    assert await client.closed() == 1012


async def test_1013_when_the_gateway_is_full(start_hub: StartHub) -> None:
    hub = await start_hub(connections_max=2)
    await hub.enter("alice")
    await hub.enter("bob")
    assert await (await hub.open("carol")).closed() == 1013


async def test_a_peer_that_does_not_answer_pings_is_gone(start_hub: StartHub) -> None:
    hub = await start_hub(ping_seconds=0.05, pong_seconds_max=0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.gateway.port)
    writer.write(upgrade_request(hub.gateway.port, token="alice"))
    async with asyncio.timeout(PATIENCE_SECONDS):
        received = await reader.read()
    assert b"\x88" in received
    await until(lambda: len(hub.gateway.lobby) == 0, "the connection to be forgotten")
    writer.close()


@pytest.mark.parametrize("parameter", ["token", "access_token", "Authorization", "JWT"])
async def test_a_token_in_the_url_is_refused(hub: Hub, parameter: str) -> None:
    assert await status_of(hub, f"?{parameter}=alice") == 400
    assert hub.identities.seen == []


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://127.0.0.1:{port}", True),
        ("http://evil.example", False),
        ("null", False),
        ("http://127.0.0.1:{port}.evil.example", False),
    ],
)
async def test_the_same_origin_is_allowed_by_default(hub: Hub, origin: str, allowed: bool) -> None:
    headers = {"Origin": origin.format(port=hub.gateway.port)}
    assert await status_of(hub, "", headers) == (101 if allowed else 403)


async def test_elsewhere_is_not_found(hub: Hub) -> None:
    assert await status_of(hub, "/more") == 403


async def test_health(hub: Hub) -> None:
    base = hub.url.replace("ws", "http", 1).removesuffix("/v1/ws")
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http:
        assert (await http.get(f"{base}/healthz")).status_code == 200
        assert (await http.get(f"{base}/readyz")).json() == {"status": "ready"}
        hub.host.die()
        assert (await http.get(f"{base}/readyz")).status_code == 503
        assert (await http.get(f"{base}/healthz")).json() == {"status": "ok"}
        assert (await http.get(f"{base}/nowhere")).status_code == 404


async def test_1013_when_a_token_cannot_be_checked(hub: Hub) -> None:
    hub.identities.broken = True
    by_header = await hub.open("alice")
    by_frame = await hub.open(None)
    await by_frame.send(type="auth", token="alice")
    for client in (by_header, by_frame):
        error = await client.expect("error")
        assert (error["code"], error["retryable"]) == ("SERVICE_UNAVAILABLE", True)
        assert await client.closed() == 1013
    hub.identities.broken = False
    await (await hub.open("alice")).expect("hello")


async def test_a_live_connection_outlives_an_identity_that_is_away(hub: Hub) -> None:
    client = await hub.open("alice")
    await client.expect("hello")
    hub.identities.broken = True
    await client.send(type="auth", token="alice")
    assert (await client.expect("error"))["code"] == "SERVICE_UNAVAILABLE"
    hub.identities.broken = False
    await client.send(type="auth", token="alice")
    await client.expect("hello")


async def test_frames_sent_with_the_upgrade_are_not_lost(hub: Hub) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.gateway.port)
    frames = [
        b'{"type":"auth","token":"alice"}',
        b'{"type":"command","id":"c1","name":"echo","data":{},"sessionId":"s1"}',
    ]
    request = upgrade_request(hub.gateway.port)
    writer.write(request + b"".join(masked(frame) for frame in frames))
    received = b""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while b'"ack"' not in received:
            chunk = await reader.read(65_536)
            assert chunk, received
            received += chunk
    assert b'"hello"' in received
    writer.close()


async def test_frames_sent_while_a_token_is_checked_wait_for_it(hub: Hub) -> None:
    hub.identities.gate = asyncio.Event()
    client = await hub.open("alice")
    await client.send(type="command", id="c1", name="echo", data={}, sessionId="s1")
    await until(lambda: hub.identities.seen == ["alice"], "the token to be looked at")
    hub.identities.gate.set()
    await client.expect("hello")
    assert (await client.expect("ack"))["id"] == "c1"


async def test_text_that_is_not_utf8_closes_1007(hub: Hub) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.gateway.port)
    writer.write(upgrade_request(hub.gateway.port, token="alice") + masked(b"\xff\xfe"))
    async with asyncio.timeout(PATIENCE_SECONDS):
        received = await reader.read()
    assert received.endswith(b"\x88\x02" + (1007).to_bytes(2, "big"))
    writer.close()


def test_the_table_of_close_codes_is_whole() -> None:
    assert set(CLOSE_CODES) == set(CloseCode)
    assert len({row.slug for row in CLOSE_CODES.values()}) == len(CLOSE_CODES)
    assert all(len(row.slug) <= 120 for row in CLOSE_CODES.values())


async def status_of(hub: Hub, suffix: str, headers: dict[str, str] | None = None) -> int:
    """HTTP status of an upgrade, 101 when it is accepted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.gateway.port)
    writer.write(upgrade_request(hub.gateway.port, suffix, more=headers))
    async with asyncio.timeout(PATIENCE_SECONDS):
        line = await reader.readline()
    writer.close()
    return int(line.split()[1])


def upgrade_request(
    port: int, suffix: str = "", token: str | None = None, more: dict[str, str] | None = None
) -> bytes:
    headers: dict[str, Any] = {
        "Host": f"127.0.0.1:{port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        **(more or {}),
    }
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    lines = [
        f"GET /v1/ws{suffix} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def masked(payload: bytes) -> bytes:
    """A text frame as a client sends it."""
    key = os.urandom(4)
    body = bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))
    assert len(payload) < 126
    return bytes([0x81, 0x80 | len(payload)]) + key + body
