"""The database cut, stalled, away, the lease lost: nothing lost or doubled, no stale word."""

from __future__ import annotations

import asyncio
import random
from typing import Any, cast

import pytest

from beheard_hub.actors.cell import hash_of
from beheard_hub.actors.host import Host
from beheard_hub.domain.refusals import Code
from beheard_hub.link_messages import Acked, EventFrom, Refused, SnapshotFrom
from beheard_hub.ports import Lease
from beheard_hub.testing.memory_stores import Cut
from tests.unit.actors.world import Peer, World, until


@pytest.mark.parametrize("seed", range(40))
async def test_random_cuts_lose_and_double_nothing(world: World, seed: int) -> None:
    dice = random.Random(seed)
    kinds = ["", "", "before", "after"]
    world.database.cut = lambda: cast(Cut, dice.choice(kinds))
    world.session("s2")
    host = await world.host()
    peer = Peer(host)
    subs = {user: peer.subscribe(user) for user in ("ann", "bob")}
    rids = []
    for number in range(60):
        user, session = dice.choice(["ann", "bob"]), dice.choice(["s1", "s2"])
        rids.append(peer.command("step", user=user, session=session, command_id=f"n{number}"))
        for _ in range(dice.randrange(6)):
            await asyncio.sleep(0)
    for rid in rids:
        await peer.acked(rid)
    assert world.database.cut is not None
    assert len(world.database.rows("Step")) == 60
    assert {row["commandId"] for row in world.database.rows("hub.CommandReceipt")} == {
        f"n{number}" for number in range(60)
    }
    for user, sub in subs.items():
        stored = world.database.rows("hub.SessionEvent", sessionId="s1", userId=user)
        assert [row["seq"] for row in stored] == list(range(1, len(stored) + 1))
        count = len(stored)
        await until(lambda s=sub, c=count: len(peer.events(s)) == c, "all events")  # type: ignore[misc]
    assert host.write_behind.retries > 0


async def test_an_outage_stops_acks_and_nothing_else(world: World, host: Host, peer: Peer) -> None:
    await peer.acked(peer.command("step"))
    world.database.available = False
    rids = [peer.command("step") for _ in range(5)]
    parked = peer.command("step", session="elsewhere")
    refused = await peer.refused(parked)
    assert refused.code == Code.SERVICE_UNAVAILABLE
    assert refused.retryable
    await until(lambda: host.write_behind.retries > 3, "a few attempts")
    assert not any(peer.answers(rid) for rid in rids)
    world.database.available = True
    assert [(await peer.acked(rid)).data["total"] for rid in rids] == [2, 3, 4, 5, 6]


async def test_past_the_deadline_nothing_is_answered(world: World, host: Host, peer: Peer) -> None:
    await peer.acked(peer.command("step"))
    world.clock.advance(2.8)
    for rid in (peer.command("step"), peer.command("total"), peer.command("query")):
        assert (await peer.refused(rid)).code == Code.SERVICE_UNAVAILABLE
    host.write_behind._wake.set()
    await until(host.answering, "the heartbeat")
    assert (await peer.acked(peer.command("step"))).data == {"total": 2}


async def test_a_late_commit_is_held_until_the_lease_is_proven(
    world: World, host: Host, peer: Peer
) -> None:
    await peer.acked(peer.command("step"))
    world.database.stall = asyncio.Event()
    rid = peer.command("step")
    await until(lambda: host.write_behind._under_way, "a flush under way")
    world.clock.advance(2.9)
    flushes = host.write_behind.flushes
    world.database.stall.set()
    assert (await peer.acked(rid)).data == {"total": 2}
    assert host.write_behind.flushes >= flushes + 2, "a younger flush proved the lease"


async def test_a_fenced_host_says_nothing_more(world: World, host: Host, peer: Peer) -> None:
    await peer.acked(peer.command("step"))
    world.database.stall = asyncio.Event()
    rid = peer.command("step")
    await until(lambda: host.write_behind._under_way, "a flush under way")
    world.database.leases["h1"].dead = True
    world.database.stall.set()
    await until(lambda: world.fenced, "the fence")
    assert peer.answers(rid) == []
    assert world.fenced == ["h1"]
    assert len(world.database.rows("Step")) == 1
    assert not host.answering()
    refused = await peer.refused(peer.command("total"))
    assert refused.code == Code.SERVICE_UNAVAILABLE


async def test_what_waited_for_its_cell_is_not_answered_without_the_lease(
    world: World, host: Host, peer: Peer
) -> None:
    rid = peer.command("total")
    host.write_behind.answer_until = world.clock.mono() - 1
    assert (await peer.refused(rid)).code == Code.SERVICE_UNAVAILABLE


@pytest.mark.parametrize(
    ("name", "stored"), [("step", True), ("refuse", False)], ids=["an ack", "a refusal"]
)
async def test_what_waited_for_its_receipt_is_not_answered_without_the_lease(
    world: World, host: Host, peer: Peer, monkeypatch: pytest.MonkeyPatch, name: str, stored: bool
) -> None:
    await peer.acked(peer.command("step", command_id="one"))
    cell = host.activation.live["s1"]
    command_id = "one" if stored else "two"
    cell.hashes["ann"].extend(hash_of(command_id))
    look, thawed = world.sessions.receipt, asyncio.Event()

    async def frozen(*key: str) -> Any:
        found = await look(*key)
        await thawed.wait()
        return found

    monkeypatch.setattr(world.sessions, "receipt", frozen)
    rid = peer.command(name, command_id=command_id)
    await asyncio.sleep(0)
    host.write_behind.answer_until = world.clock.mono() - 1
    thawed.set()
    assert (await peer.refused(rid)).code == Code.SERVICE_UNAVAILABLE


@pytest.mark.parametrize(
    ("after", "told"), [(None, SnapshotFrom), (0, EventFrom)], ids=["a snapshot", "an event"]
)
async def test_what_waited_for_its_rows_is_not_told_without_the_lease(
    world: World, host: Host, peer: Peer, monkeypatch: pytest.MonkeyPatch, after: int | None,
    told: type,
) -> None:  # fmt: skip
    await peer.acked(peer.command("step"))
    read, thawed, reading = host.subscriptions._rendered, asyncio.Event(), asyncio.Event()

    async def frozen(*of: Any) -> Any:
        found = await read(*of)
        reading.set()
        await thawed.wait()
        return found

    monkeypatch.setattr(host.subscriptions, "_rendered", frozen)
    peer.subscribe(after=after)
    await reading.wait()
    until_then = host.write_behind.answer_until
    host.write_behind.answer_until = world.clock.mono() - 1
    thawed.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not [m for m in peer.received if isinstance(m, told)]
    host.write_behind.answer_until = until_then
    await until(lambda: any(isinstance(m, told) for m in peer.received), "it, with the lease")


async def test_a_host_stops_answering_before_it_gives_its_lease_back(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering: list[bool] = []

    async def closed(lease: Lease) -> None:
        answering.append(host.answering())

    monkeypatch.setattr(host._ports.leases, "close", closed)
    await host.drain()
    assert answering == [False]


async def test_a_resent_command_after_a_takeover_has_one_effect(world: World) -> None:
    first = await world.host("h1")
    peer = Peer(first)
    world.database.cut = lambda: "after"
    rid = peer.command("step", command_id="one")
    await until(lambda: world.database.rows("Step"), "the commit whose reply is lost")
    second = await world.host("h2")
    assert await second.adopt("h1") == 256
    world.database.cut = lambda: ""
    await until(lambda: world.fenced, "the fence of the old host")
    other = Peer(second)
    again = await other.acked(other.command("step", command_id="one"))
    assert again.duplicate
    assert again.data == {"total": 1}
    assert not [m for m in peer.answers(rid) if isinstance(m, Acked)]
    assert (await other.acked(other.command("step"))).data == {"total": 2}


async def test_draining_answers_what_it_has(world: World, host: Host, peer: Peer) -> None:
    rids = [peer.command("step") for _ in range(5)]
    await until(lambda: host.turns.decided == 5, "five turns")
    await host.drain()
    for rid in rids:
        await peer.acked(rid)
    refused = peer.answers(peer.command("step"))[0]
    assert isinstance(refused, Refused)
    assert refused.code == Code.SERVICE_UNAVAILABLE
    assert world.database.leases["h1"].dead
