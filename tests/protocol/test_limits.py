"""How much one client may ask (spec 5.2, 5.3)."""

from __future__ import annotations

import pytest

from beheard_hub.gateway import connection_protocol, lobby

from .conftest import JSON, MSGPACK, Hub, StartHub, until


async def test_at_most_64_unacknowledged_commands(start_hub: StartHub) -> None:
    hub = await start_hub(limits=False)
    client = await hub.enter()
    for number in range(65):
        await client.send(type="command", id=f"c{number}", name="hold", data={}, sessionId="s1")
    error = await client.expect("error")
    assert (error["id"], error["code"], error["retryable"]) == ("c64", "RATE_LIMITED", True)
    await until(lambda: len(hub.host.held) == 64, "64 commands at the host")
    hub.host.release()
    acks = [(await client.expect("ack"))["id"] for _ in range(64)]
    assert acks == [f"c{number}" for number in range(64)]
    assert (await client.call("c65", "echo", sessionId="s1"))["type"] == "ack"


async def test_the_rate_is_shared_by_all_connections_of_a_user(hub: Hub) -> None:
    hub.clock.stop()
    first, second, bob = [await hub.enter(name) for name in ("alice", "alice", "bob")]
    answers = [
        await client.call(f"{turn}-{client is first}", "echo", sessionId="s1")
        for turn in range(30)
        for client in (first, second)
    ]
    refused = [answer for answer in answers if answer["type"] == "error"]
    assert len(refused) == 20
    assert all(r["code"] == "RATE_LIMITED" and r["retryAfterMs"] > 0 for r in refused)
    assert (await bob.call("b", "echo", sessionId="s1"))["type"] == "ack"


async def test_messages_have_a_rate_of_their_own(start_hub: StartHub) -> None:
    hub = await start_hub()
    hub.clock.stop()
    client = await hub.enter()
    kinds = [
        (await client.call(f"c{number}", "emotions.record", sessionId="s1"))["type"]
        for number in range(5)
    ]
    assert kinds == ["ack", "ack", "ack", "error", "error"]


async def test_previews_of_invitations_have_a_rate_per_address(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.clock.stop()
    hub.host.moves_invitations_to = "s1"
    addresses = iter(["192.0.2.1", "192.0.2.1", "192.0.2.2"])
    monkeypatch.setattr(lobby, "address_of", lambda scope: next(addresses))
    clients = [await hub.enter(name) for name in ("alice", "bob", "carol")]
    answers = [
        await client.call(f"c{number}", "invitation.get", {"invitationId": "i"})
        for client in clients
        for number in range(6)
    ]
    refused = [n for n, answer in enumerate(answers) if answer["type"] == "error"]
    assert refused == [10, 11]
    assert answers[10]["retryAfterMs"] == 6_000


async def test_limits_can_be_lifted(start_hub: StartHub) -> None:
    hub = await start_hub(limits=False)
    client = await hub.enter()
    for number in range(100):
        answer = await client.call(f"c{number}", "emotions.record", sessionId="s1")
        assert answer["type"] == "ack"


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        ({"type": "command", "id": "x" * 65, "name": "echo", "data": {}}, "id"),
        ({"type": "command", "id": "", "name": "echo", "data": {}}, "id"),
        ({"type": "command", "id": "c", "name": "", "data": {}}, "name"),
        ({"type": "command", "id": "c", "name": "e", "data": {}, "sessionId": ""}, "sessionId"),
        ({"type": "command", "id": "c", "name": "e", "data": {"a": 2**64 - 1}}, "data"),
        ({"type": "subscribe", "sessionId": "s" * 65}, "sessionId"),
        ({"type": "subscribe", "sessionId": "s1", "after": -1}, "after"),
        ({"type": "presence", "sessionId": "s1", "status": "asleep"}, "status"),
        ({"type": "received", "sessionId": "s1", "seq": -1}, "seq"),
    ],
)
@pytest.mark.parametrize("codec", [JSON, MSGPACK])
async def test_a_field_out_of_bounds_is_named(
    hub: Hub, codec: str, frame: dict[str, object], field: str
) -> None:
    client = await hub.enter("alice", codec)
    for _ in range(4):
        await client.send(**frame)
        error = await client.expect("error")
        assert error["code"] == "VALIDATION_ERROR"
        assert set(error["details"]) == {field}
    await client.still_lives()
    assert hub.host.commands == []


async def test_the_same_id_twice_in_flight_is_answered_twice(hub: Hub) -> None:
    client = await hub.enter()
    for _ in range(2):
        await client.send(type="command", id="c1", name="hold", data={}, sessionId="s1")
    await until(lambda: len(hub.host.held) == 2, "both at the host")
    hub.host.release()
    assert [(await client.expect("ack")).get("duplicate", False) for _ in range(2)] == [False, True]


async def test_subscriptions_are_bounded(start_hub: StartHub) -> None:
    hub = await start_hub(subscriptions_max=3)
    client = await hub.enter()
    for number in range(3):
        await client.send(type="subscribe", sessionId=f"s{number}")
        await client.expect("snapshot")
    await client.send(type="subscribe", sessionId="s9")
    assert (await client.expect("error"))["code"] == "RATE_LIMITED"
    await client.send(type="subscribe", sessionId="s1")
    await client.expect("snapshot")


@pytest.mark.parametrize("codec", [JSON, MSGPACK])
async def test_of_a_flood_each_command_is_answered_once_and_what_is_taken_keeps_its_order(
    start_hub: StartHub, codec: str
) -> None:
    hub = await start_hub(limits=False, unacked_commands_max=4)
    client = await hub.enter(codec=codec)
    ids = [f"c{number}" for number in range(200)]
    for command_id in ids:
        await client.send(type="command", id=command_id, name="echo", data={}, sessionId="s1")
    answers = [await client.next() for _ in ids]
    assert sorted(answer["id"] for answer in answers) == sorted(ids)
    refused = [answer for answer in answers if answer["type"] == "error"]
    assert all(r["code"] == "RATE_LIMITED" and r["retryAfterMs"] > 0 for r in refused)
    acked = {answer["id"] for answer in answers if answer["type"] == "ack"}
    assert len(acked) >= 4
    assert [c.id for c in hub.host.commands] == [i for i in ids if i in acked]
    await client.still_lives()


async def test_who_is_refused_is_not_read_until_what_is_under_way_is_answered(
    start_hub: StartHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_protocol, "REST_SECONDS", 1_000.0)
    hub = await start_hub(limits=False, unacked_commands_max=2)
    client, other = await hub.enter(), await hub.enter("bob")
    for number in range(3):
        await client.send(type="command", id=f"c{number}", name="hold", data={}, sessionId="s1")
    assert (await client.expect("error"))["id"] == "c2"
    await client.send(type="ping")
    await other.still_lives()
    hub.host.release()
    assert [(await client.next())["type"] for _ in range(3)] == ["ack", "ack", "pong"]
    await client.still_lives()
