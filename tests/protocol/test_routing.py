"""Hosts come and go behind the gateway; clients see neither a loss nor a repeat (spec 01, 5.2)."""

from __future__ import annotations

import asyncio
from typing import Any

from beheard_hub.domain.limits import SHARDS
from beheard_hub.domain.sharding import shard_of
from beheard_hub.gateway.gauges import probe
from beheard_hub.link_messages import (
    Acked,
    DeltaFrom,
    EventFrom,
    Leaving,
    Moved,
    Refused,
    SnapshotFrom,
    ToGateway,
)
from beheard_hub.observability.metrics import COMMANDS_UNANSWERED

from .conftest import Client, Hub, StartHub, until
from .fake_host import AT, World


async def hold(client: Client, command_id: str) -> None:
    await client.send(type="command", id=command_id, name="hold", data={}, sessionId="s1")


async def two_hosts(start_hub: StartHub, **bounds: Any) -> Hub:
    world = World()
    world.host("h1", owns_all=True)
    world.host("h2")
    hub = await start_hub(world, **{"refresh_seconds": 0.1, "limits": False, **bounds})
    await until(lambda: hub.gateway.lobby.router.ready, "all shards reachable")
    return hub


async def test_commands_in_flight_are_sent_again_to_the_next_owner(start_hub: StartHub) -> None:
    hub = await two_hosts(start_hub)
    client = await hub.enter()
    for number in range(20):
        await hold(client, f"c{number}")
    await until(lambda: len(hub.host.held) == 20, "the commands at the first host")
    hub.host.die()
    await hold(client, "c20")
    hub.world.owners = ["h2"] * SHARDS
    second = hub.world.hosts["h2"]
    await until(lambda: len(second.held) == 21, "the commands at the second host")
    assert [command.id for command in second.commands] == [f"c{number}" for number in range(21)]
    assert shown_unanswered(hub) == 21
    second.release()
    assert [(await client.expect("ack"))["id"] for _ in range(21)] == [f"c{n}" for n in range(21)]
    assert shown_unanswered(hub) == 0


def shown_unanswered(hub: Hub) -> float:
    """What an operator sees."""
    probe(hub.gateway.lobby)()
    return float(COMMANDS_UNANSWERED._value.get())


async def test_what_was_committed_before_the_death_is_a_duplicate(start_hub: StartHub) -> None:
    hub = await two_hosts(start_hub)
    client = await hub.enter()
    await hold(client, "c1")
    await until(lambda: len(hub.host.held) == 1, "the command at the first host")
    hub.world.receipts["alice", "c1"] = {"stored": True}
    hub.host.die()
    hub.world.owners = ["h2"] * SHARDS
    second = hub.world.hosts["h2"]
    await until(lambda: len(second.held) == 1, "the command at the second host")
    second.release()
    ack = await client.expect("ack")
    assert (ack["data"], ack["duplicate"]) == ({"stored": True}, True)


async def test_subscriptions_go_on_at_the_next_owner_from_the_last_seq(start_hub: StartHub) -> None:
    hub = await two_hosts(start_hub)
    client = await hub.listen()
    await hub.listen("rita", **{"as": "observer"})
    hub.host.emit("s1", "alice", "one", {})
    assert (await client.expect("event"))["seq"] == 1
    hub.host.die()
    second = hub.world.hosts["h2"]
    second.emit("s1", "alice", "two", {})
    hub.world.owners = ["h2"] * SHARDS
    assert (await client.expect("event"))["seq"] == 2
    again = {(one.user_id, one.after, one.observer) for one in second.subscribes}
    assert again == {("alice", 1, False), ("rita", 0, True)}
    second.emit("s1", "alice", "three", {})
    assert (await client.expect("event"))["seq"] == 3


async def test_a_link_that_breaks_alone_is_dialled_again(hub: Hub) -> None:
    client = await hub.listen()
    await hold(client, "c1")
    await until(lambda: len(hub.host.held) == 1, "the command at the host")
    hub.host.link.cut()
    await until(lambda: len(hub.host.held) == 2, "the command at the host again")
    hub.host.release()
    assert (await client.expect("ack"))["id"] == "c1"
    hub.host.emit("s1", "alice", "one", {})
    assert (await client.expect("event"))["seq"] == 1


async def test_a_command_without_an_owner_waits(start_hub: StartHub) -> None:
    world = World()
    world.host("h1")
    hub = await start_hub(world)
    client = await hub.enter()
    await client.send(type="command", id="c1", name="echo", data={}, sessionId="s1")
    await client.send(type="subscribe", sessionId="s1")
    await client.still_lives()
    world.owners = ["h1"] * SHARDS
    assert {(await client.next())["type"] for _ in range(2)} == {"ack", "snapshot"}


async def test_a_command_without_an_owner_is_refused_in_the_end(start_hub: StartHub) -> None:
    world = World()
    world.host("h1")
    hub = await start_hub(world, owner_seconds_max=0.3)
    client = await hub.enter()
    await client.send(type="command", id="c1", name="echo", data={}, sessionId="s1")
    error = await client.expect("error")
    assert (error["id"], error["code"], error["retryable"]) == ("c1", "SERVICE_UNAVAILABLE", True)
    await client.send(type="subscribe", sessionId="s1")
    error = await client.expect("error")
    assert (error["details"], error["retryable"]) == ({"sessionId": "s1"}, True)
    assert hub.gateway.lobby.router.unanswered == 0


async def test_a_host_that_never_answers(start_hub: StartHub) -> None:
    hub = await start_hub(answer_seconds_max=0.3, refresh_seconds=0.05)
    client = await hub.enter()
    await hold(client, "c1")
    assert (await client.expect("error"))["code"] == "SERVICE_UNAVAILABLE"
    hub.host.release()
    await client.still_lives()


async def test_moved_is_followed_and_order_is_kept(start_hub: StartHub) -> None:
    hub = await two_hosts(start_hub, refresh_seconds=30)
    client = await hub.enter()
    second = hub.world.hosts["h2"]
    hub.world.owners[shard_of("s1")] = "h2"
    for number in range(10):
        data = {"number": number}
        await client.send(type="command", id=f"c{number}", name="echo", data=data, sessionId="s1")
    assert [(await client.expect("ack"))["id"] for _ in range(10)] == [f"c{n}" for n in range(10)]
    assert [command.id for command in second.commands] == [f"c{n}" for n in range(10)]


async def test_moved_of_a_subscription_is_followed(start_hub: StartHub) -> None:
    hub = await two_hosts(start_hub, refresh_seconds=30)
    hub.world.owners[shard_of("s1")] = "h2"
    await hub.listen()
    assert len(hub.world.hosts["h2"].subscribes) == 1


async def test_an_invitation_is_followed_to_its_session(start_hub: StartHub) -> None:
    hub = await two_hosts(start_hub)
    hub.world.owners[shard_of("s1")] = "h2"
    hub.host.moves_invitations_to = "s1"
    client = await hub.enter()
    assert (await client.call("c1", "invitation.accept", {"invitationId": "i"}))["type"] == "ack"
    arrived = hub.world.hosts["h2"].commands[0]
    assert (arrived.id, arrived.session_id) == ("c1", "s1")


async def test_frames_of_a_host_without_the_shard_are_dropped(start_hub: StartHub) -> None:
    hub = await two_hosts(start_hub)
    client = await hub.listen()
    await hold(client, "c1")
    await until(lambda: len(hub.host.held) == 1, "the command at the first host")
    old_link, old = hub.host.held[0]
    [old_sub] = old_link.subs
    hub.world.owners = ["h2"] * SHARDS
    second = hub.world.hosts["h2"]
    await until(lambda: len(second.held) == 1, "the command at the second host")
    old_link.answer(Acked(old.rid, {"stale": True}, 9))
    old_link.answer(EventFrom([old_sub], "s1", 1, "stale", {}, AT))
    hub.host.delta("s1", "stale", 0)
    await client.still_lives()
    second.release()
    assert "stale" not in (await client.expect("ack"))["data"]


async def test_a_host_cannot_speak_to_those_who_listen_at_another(start_hub: StartHub) -> None:
    hub = await two_hosts(start_hub)
    other = hub.world.hosts["h2"]
    await until(lambda: "h2" in hub.gateway.lobby.router.hosts._lines, "a line to the other host")
    client = await hub.listen()
    [asked] = hub.host.subscribes
    forged: list[ToGateway] = [
        EventFrom([asked.sub], "s1", 1, "forged", {}, AT),
        DeltaFrom([asked.sub], "s1", "m0", "m1", 0, "forged"),
        SnapshotFrom(asked.sub, "s1", 9, {"status": "FORGED"}),
        Refused(None, "NOT_FOUND", "Forged.", False, sub=asked.sub),
        Moved(None, sub=asked.sub),
    ]
    for message in forged:
        other.link.answer(message)
    hub.host.emit("s1", "alice", "told", {})
    event = await client.expect("event")
    assert (event["name"], event["seq"]) == ("told", 1)
    assert hub.host.subscribes == [asked]


async def test_a_hole_is_filled_from_the_log(hub: Hub) -> None:
    client = await hub.listen()
    hub.host.emit("s1", "alice", "one", {})
    hub.host.emit("s1", "alice", "two", {}, lose=True)
    hub.host.emit("s1", "alice", "three", {})
    assert [(await client.expect("event"))["seq"] for _ in range(3)] == [1, 2, 3]


async def test_a_repeat_is_dropped(hub: Hub) -> None:
    client = await hub.listen()
    hub.host.emit("s1", "alice", "one", {})
    hub.host.tell("s1", "alice", 1, "one", {})
    hub.host.emit("s1", "alice", "two", {})
    assert [(await client.expect("event"))["seq"] for _ in range(2)] == [1, 2]


async def test_a_host_that_leaves_gets_nothing_more(start_hub: StartHub) -> None:
    hub = await two_hosts(start_hub)
    client = await hub.enter()
    await hold(client, "c1")
    await until(lambda: len(hub.host.held) == 1, "the command at the first host")
    hub.host.link.answer(Leaving())
    await client.still_lives()
    await client.send(type="command", id="c2", name="echo", data={}, sessionId="s1")
    hub.host.release()
    assert (await client.expect("ack"))["id"] == "c1"
    hub.world.owners = ["h2"] * SHARDS
    assert (await client.expect("ack"))["id"] == "c2"
    assert [command.id for command in hub.host.commands] == ["c1"]


async def test_a_host_that_came_back_with_another_epoch_gets_a_new_line(hub: Hub) -> None:
    client = await hub.enter()
    first = hub.host.link
    hub.host.epoch = 2
    hub.gateway.lobby.router.hosts.refresh_soon()
    await until(lambda: not first.open, "the old line to be closed")
    assert (await client.call("c1", "echo", sessionId="s1"))["type"] == "ack"


async def test_routing_that_cannot_be_read_changes_nothing(hub: Hub) -> None:
    client = await hub.enter()
    working, calls = hub.world.routing, 0

    async def broken() -> Any:
        nonlocal calls
        calls += 1
        raise ConnectionError

    hub.world.routing = broken  # type: ignore[method-assign]
    hub.gateway.lobby.router.hosts.refresh_soon()
    await until(lambda: calls > 0, "a failed look at the table")
    assert (await client.call("c1", "echo", sessionId="s1"))["type"] == "ack"
    hub.world.routing = working  # type: ignore[method-assign]


async def test_a_client_that_left_leaves_nothing_behind(hub: Hub) -> None:
    clients = [await hub.listen(f"user{number}") for number in range(20)]
    await hold(clients[0], "c1")
    await until(lambda: len(hub.host.held) == 1, "the command at the host")
    assert len(hub.gateway.lobby.router.subscriptions) == 20
    await asyncio.gather(*(client.socket.close() for client in clients))
    await until(lambda: len(hub.gateway.lobby) == 0, "the connections to be forgotten")
    assert len(hub.gateway.lobby.router.subscriptions) == 0
    await until(lambda: not hub.host.link.subs, "the host to have been told")
    hub.host.release()
    await until(lambda: hub.gateway.lobby.router.unanswered == 0, "the last answer")
