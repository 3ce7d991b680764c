"""Every row of the two frame tables of spec 5.2, over real sockets, in both codecs."""

from __future__ import annotations

from datetime import datetime

import pytest

from .conftest import JSON, MSGPACK, Hub


@pytest.mark.parametrize("codec", [JSON, MSGPACK])
async def test_hello_answers_a_header_token(hub: Hub, codec: str) -> None:
    client = await hub.open("alice", codec)
    hello = await client.expect("hello")
    assert client.socket.subprotocol == codec
    assert hello["userId"] == "alice"
    assert hello["protocol"] == codec
    assert hello["heartbeatMs"] == 20_000
    assert hello["limits"]["frameBytes"] == 262_144
    assert hello["limits"]["unackedCommands"] == 64
    assert datetime.fromisoformat(hello["serverTime"]).utcoffset() is not None
    assert set(hello) == {
        "type",
        "connectionId",
        "userId",
        "protocol",
        "serverTime",
        "heartbeatMs",
        "limits",
    }


@pytest.mark.parametrize("codec", [JSON, MSGPACK])
async def test_hello_answers_a_first_frame(hub: Hub, codec: str) -> None:
    client = await hub.open(None, codec)
    await client.send(type="auth", token="bob")
    assert (await client.expect("hello"))["userId"] == "bob"


async def test_without_a_subprotocol_it_is_json(hub: Hub) -> None:
    client = await hub.open("alice", None)
    assert (await client.expect("hello"))["protocol"] == JSON
    assert client.socket.subprotocol is None


async def test_auth_again_renews(hub: Hub) -> None:
    client = await hub.enter("alice:3")
    await client.send(type="auth", token="alice:4000")
    assert (await client.expect("hello"))["userId"] == "alice"
    assert hub.identities.seen == ["alice:3", "alice:4000"]


@pytest.mark.parametrize("codec", [JSON, MSGPACK])
async def test_a_command_is_acked(hub: Hub, codec: str) -> None:
    client = await hub.enter("alice", codec)
    data = {"content": "äöü 🌿", "n": 3, "flag": None, "list": [1, 2.5, True]}
    ack = await client.call("c1", "echo", data, sessionId="s1")
    assert ack == {"type": "ack", "id": "c1", "data": {"name": "echo", **data}, "seq": 0}
    sent = hub.host.commands[0]
    assert (sent.user_id, sent.id, sent.name, sent.session_id) == ("alice", "c1", "echo", "s1")


async def test_a_repeated_id_is_a_duplicate(hub: Hub) -> None:
    client = await hub.enter()
    await client.call("c1", "echo", sessionId="s1")
    assert (await client.call("c1", "echo", sessionId="s1"))["duplicate"] is True


async def test_a_refusal_is_an_error_with_the_id(hub: Hub) -> None:
    client = await hub.enter()
    error = await client.call("c1", "refuse", {"code": "GATE_NOT_SATISFIED"}, sessionId="s1")
    assert error == {
        "type": "error",
        "id": "c1",
        "code": "GATE_NOT_SATISFIED",
        "message": "No.",
        "retryable": False,
        "details": {"content": "no"},
    }


async def test_a_command_without_a_session(hub: Hub) -> None:
    client = await hub.enter()
    assert (await client.call("c1", "session.list"))["type"] == "ack"
    assert hub.host.commands[0].session_id == ""


@pytest.mark.parametrize("codec", [JSON, MSGPACK])
async def test_subscribe_without_after_gives_a_snapshot_then_events(hub: Hub, codec: str) -> None:
    hub.host.emit("s1", "alice", "old", {})
    client = await hub.enter("alice", codec)
    await client.send(type="subscribe", sessionId="s1")
    assert await client.expect("snapshot") == {
        "type": "snapshot",
        "sessionId": "s1",
        "seq": 1,
        "state": {"status": "ACTIVE"},
    }
    hub.host.emit("s1", "alice", "partner.joined", {"x": 1})
    assert await client.expect("event") == {
        "type": "event",
        "sessionId": "s1",
        "seq": 2,
        "name": "partner.joined",
        "data": {"x": 1},
        "at": "2026-01-01T00:00:00.000Z",
    }


async def test_subscribe_with_after_gives_what_was_missed_then_live(hub: Hub) -> None:
    for number in range(5):
        hub.host.emit("s1", "alice", "old", {"number": number})
    client = await hub.listen(after=2)
    assert [(await client.expect("event"))["seq"] for _ in range(3)] == [3, 4, 5]
    hub.host.emit("s1", "alice", "new", {})
    assert (await client.expect("event"))["seq"] == 6


async def test_an_after_that_is_too_old_gives_a_snapshot(hub: Hub) -> None:
    for _ in range(5):
        hub.host.emit("s1", "alice", "old", {})
    hub.world.log_begins_at = 3
    client = await hub.listen(after=1)
    assert (await client.expect("snapshot"))["seq"] == 5


async def test_subscribing_to_what_is_not_yours(hub: Hub) -> None:
    client = await hub.enter()
    await client.send(type="subscribe", sessionId="other-1")
    error = await client.expect("error")
    assert error["code"] == "NOT_FOUND"
    assert error["details"] == {"sessionId": "other-1"}
    await client.still_lives()


async def test_unsubscribe(hub: Hub) -> None:
    client = await hub.listen()
    await client.send(type="unsubscribe", sessionId="s1")
    assert await client.expect("unsubscribed") == {"type": "unsubscribed", "sessionId": "s1"}
    hub.host.emit("s1", "alice", "unheard", {})
    await client.send(type="ping")
    await client.expect("pong")


async def test_every_device_of_a_user_hears_and_nobody_else(hub: Hub) -> None:
    first, second = await hub.listen(), await hub.listen()
    bob = await hub.listen("bob")
    hub.host.emit("s1", "alice", "for.alice", {})
    assert (await first.expect("event"))["name"] == "for.alice"
    assert (await second.expect("event"))["name"] == "for.alice"
    await bob.send(type="ping")
    await bob.expect("pong")


async def test_an_ack_comes_before_later_events(hub: Hub) -> None:
    client = await hub.listen()
    await client.send(type="command", id="c1", name="emit", data={"a": 1}, sessionId="s1")
    assert [(await client.next())["type"] for _ in range(2)] == ["event", "ack"]


async def test_deltas(hub: Hub) -> None:
    client = await hub.listen()
    hub.host.delta("s1", "Hel", 0)
    assert await client.expect("delta") == {
        "type": "delta",
        "sessionId": "s1",
        "replyTo": "m0",
        "messageId": "m1",
        "index": 0,
        "text": "Hel",
    }


@pytest.mark.parametrize("codec", [JSON, MSGPACK])
async def test_ping_presence_and_received(hub: Hub, codec: str) -> None:
    client = await hub.enter("alice", codec)
    await client.send(type="presence", sessionId="s1", status="away")
    await client.send(type="received", sessionId="s1", seq=4)
    await client.send(type="ping")
    assert await client.next() == {"type": "pong"}
