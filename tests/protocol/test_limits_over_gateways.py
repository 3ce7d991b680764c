"""Limits are per user, also when the user is on several gateways (spec 5.3)."""

from __future__ import annotations

import asyncio
from typing import Any

from beheard_hub.domain.limits import SHARDS
from beheard_hub.gateway.close_codes import CloseCode

from .conftest import Client, Hub, StartHub, until
from .fake_host import World
from .test_rest import Caller


async def gateways(start_hub: StartHub, count: int = 2, **options: Any) -> list[Hub]:
    world = World()
    world.host("h1", owns_all=True)
    world.host("h2")
    options = {"refresh_seconds": 0.1, **options}
    hubs = [await start_hub(world, **options) for _ in range(count)]
    for hub in hubs:
        await until(lambda hub=hub: hub.gateway.lobby.router.ready, "all shards reachable")  # type: ignore[misc]
    return hubs


async def at_one_instant(start_hub: StartHub) -> list[Hub]:
    """Two whose users regain nothing, however long the machine takes."""
    hubs = await gateways(start_hub)
    for hub in hubs:
        hub.clock.stop()
    return hubs


async def knows(hub: Hub, connections: int, user: str = "alice") -> None:
    tally = hub.gateway.lobby.tally
    await until(lambda: tally.elsewhere(user) == connections, f"{connections} elsewhere")


async def taken(client: Client, name: str, prefix: str, count: int) -> int:
    """How many of `count` commands are not refused."""
    answers = [await client.call(f"{prefix}{n}", name, sessionId="s1") for n in range(count)]
    assert {a["code"] for a in answers if a["type"] == "error"} <= {"RATE_LIMITED"}
    return sum(answer["type"] == "ack" for answer in answers)


async def test_ten_connections_over_all_gateways(start_hub: StartHub) -> None:
    first, second = await gateways(start_hub)
    for _ in range(6):
        await first.enter()
    for _ in range(4):
        await second.enter()
    await knows(second, 6)
    await knows(first, 4)
    for hub in (first, second):
        eleventh = await hub.open()
        await eleventh.expect("error")
        assert await eleventh.closed() == CloseCode.TOO_MANY
        await hub.enter("bob")
    await second.clients[0].socket.close()
    await knows(first, 3)
    await first.enter()


async def test_of_two_who_come_at_once_the_later_one_goes(start_hub: StartHub) -> None:
    first, second = await gateways(start_hub, connections_per_user_max=1)
    clients = await asyncio.gather(first.open(), second.open())
    lobbies = [hub.gateway.lobby for hub in (first, second)]
    await until(lambda: sorted(map(len, lobbies)) == [0, 1], "one of the two to be ended")
    gone = clients[0] if len(lobbies[0]) == 0 else clients[1]
    stays = clients[1] if gone is clients[0] else clients[0]
    assert await gone.closed() == CloseCode.TOO_MANY
    await stays.still_lives()


async def test_of_too_many_the_newest_is_ended(hub: Hub) -> None:
    older, newer = await hub.enter(), await hub.enter()
    hub.gateway.lobby.tally._on_excess("alice", 1)
    assert await newer.closed() == CloseCode.TOO_MANY
    await older.still_lives()


async def test_what_is_spent_on_one_gateway_is_missing_on_the_other(start_hub: StartHub) -> None:
    first, second = await at_one_instant(start_hub)
    one = await first.enter()
    assert await taken(one, "emotions.record", "a", 2) == 2
    two = await second.enter()
    await knows(second, 1)
    await knows(first, 1)
    rates = second.gateway.lobby.rates
    now = second.gateway.lobby.clock.mono
    await until(lambda: rates.owed("alice", now()).get("emotions.record", 0) > 1.5, "the debt")
    assert await taken(two, "emotions.record", "b", 2) == 1
    elsewhere = first.gateway.lobby.rates
    await until(lambda: elsewhere.owed("alice", now()).get("emotions.record", 0) > 2.5, "its word")
    assert await taken(one, "emotions.record", "c", 1) == 0


async def test_a_new_connection_elsewhere_is_no_fresh_bucket(start_hub: StartHub) -> None:
    first, second = await at_one_instant(start_hub)
    one = await first.enter()
    assert await taken(one, "emotions.record", "a", 4) == 3
    await one.socket.close()
    await until(lambda: len(first.gateway.lobby) == 0, "the connection to be forgotten")
    two = await second.enter()
    rates, now = second.gateway.lobby.rates, second.gateway.lobby.clock.mono
    await until(lambda: rates.owed("alice", now()).get("emotions.record", 0) > 2.5, "the debt")
    assert await taken(two, "emotions.record", "b", 1) == 0


async def test_users_who_left_and_owe_nothing_are_forgotten(start_hub: StartHub) -> None:
    first, second = await gateways(start_hub, limits=False)
    for hub in (first, second):
        await hub.enter()
        await hub.clients[0].socket.close()
    for hub in (first, second):
        await until(lambda hub=hub: len(hub.gateway.lobby.tally) == 0, "nobody counted")  # type: ignore[misc]
    await until(lambda: len(first.host.tally) == 0, "nobody counted at the host")


async def test_the_next_owner_of_the_home_counts_again(start_hub: StartHub) -> None:
    first, second = await gateways(start_hub)
    await first.enter()
    await second.enter()
    await knows(first, 1)
    world = first.world
    heir = world.hosts["h2"]
    world.owners = ["h2"] * SHARDS
    await until(lambda: len(heir.tally) == 1, "the user at the next owner")
    await until(lambda: len(world.hosts["h1"].tally) == 0, "the first owner to be told")
    await second.enter()
    await knows(first, 2)
    heir.die()
    heir.alive = False
    world.owners = ["h1"] * SHARDS
    await until(lambda: len(world.hosts["h1"].tally) == 1, "the user back at the first owner")
    await second.clients[0].socket.close()
    await knows(first, 1)


async def test_a_gateway_that_dies_is_not_counted(start_hub: StartHub) -> None:
    first, second = await gateways(start_hub)
    await first.enter()
    await second.enter()
    await knows(first, 1)
    link = next(link for link in first.host.links if link.open and second_uses(second, link))
    first.host.alive = False  # or the second gateway is back before anybody could see it gone
    link.cut()
    await knows(first, 0)
    first.host.alive = True
    await knows(first, 1)


def second_uses(hub: Hub, link: Any) -> bool:
    return any(line.link is link for line in hub.gateway.lobby.router.hosts._lines.values())


async def test_requests_count_on_all_gateways_without_any_connection(start_hub: StartHub) -> None:
    first, second = await gateways(start_hub)
    async with Caller(first) as one, Caller(second) as two:
        path = "/sessions/s1/emotions"
        assert [(await one.ask("POST", path)).status_code for _ in range(2)] == [200, 200]
        assert (await two.ask("GET", path)).status_code == 200
        rates = second.gateway.lobby.rates
        now = second.gateway.lobby.clock.mono
        await until(
            lambda: rates.owed("alice", now()).get("emotions.record", 0) > 1, "the first's word"
        )
        assert [(await two.ask("POST", path)).status_code for _ in range(2)] == [200, 429]
