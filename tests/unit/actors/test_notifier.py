"""Who is not there is notified in the same commit; who is there is given three seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from beheard_hub.actors.background import Background
from beheard_hub.actors.host import Host
from beheard_hub.actors.looking_back import LookBack
from beheard_hub.actors.presence import GRACE_SECONDS
from beheard_hub.actors.recording import Event
from beheard_hub.actors.unconfirmed import RECEIVE_SECONDS, Unconfirmed
from beheard_hub.domain.limits import SHARDS
from beheard_hub.domain.sharding import shard_of
from beheard_hub.link_messages import ReceivedTo, UnsubscribeTo
from beheard_hub.ports import Sleep, StoreUnavailable
from beheard_hub.testing.memory_stores import ManualClock
from tests.unit.actors.world import Peer, World, until


def event(seq: int, user: str = "bob") -> Event:
    return Event(user, seq, "nudged", {}, "2026-01-01T00:00:00Z")


# ---- what is waited for


def test_what_is_confirmed_is_not_overdue() -> None:
    clock = ManualClock()
    waiting = Unconfirmed(clock.mono)
    waiting.wait("s1", event(1))
    waiting.wait("s1", event(2))
    waiting.received("s1", "bob", 1)
    clock.advance(RECEIVE_SECONDS - 0.1)
    assert waiting.overdue() == {}
    clock.advance(0.1)
    assert waiting.overdue() == {("s1", "bob"): [event(2)]}
    assert waiting.overdue() == {}
    assert len(waiting) == 0


def test_a_word_of_one_is_no_word_of_another() -> None:
    clock = ManualClock()
    waiting = Unconfirmed(clock.mono)
    waiting.wait("s1", event(1))
    waiting.received("s1", "ann", 9)
    waiting.received("s2", "bob", 9)
    clock.advance(RECEIVE_SECONDS)
    assert list(waiting.overdue()) == [("s1", "bob")]


def test_an_old_word_says_nothing_of_what_comes_later() -> None:
    clock = ManualClock()
    waiting = Unconfirmed(clock.mono)
    waiting.received("s1", "bob", 9)
    waiting.wait("s1", event(1))
    clock.advance(RECEIVE_SECONDS)
    assert waiting.overdue() == {("s1", "bob"): [event(1)]}


# ---- through a host


async def listening(peer: Peer, host: Host, user: str) -> int:
    sub = peer.subscribe(user)
    await until(lambda: host.subscriptions.whose(peer, sub), f"{user} listens")
    return sub


async def later(world: World, host: Host, seconds: float) -> None:
    world.clock.advance(seconds)
    host.write_behind.answer_until += seconds  # as if heartbeats had come
    world.database.leases[host.host_id].expires_at += seconds
    host._notifier.tick()
    await until(lambda: host.write_behind.entries == 0, "what it caused is durable")


def notified(world: World) -> list[tuple[str, str]]:
    """(user, type) of all notifications; each has its reminder in the same commit."""
    rows = world.database.rows("hub.Notification")
    for row in rows:
        [reminder] = [
            reminder
            for reminder in world.database.rows("hub.Reminder", kind="push", userId=row["userId"])
            if reminder["payload"] == {"notificationId": row["id"]}
        ]
        batches = [
            batch
            for batch in world.database.batches
            if any(row in op["rows"] or reminder in op["rows"] for op in batch["ops"])
        ]
        assert len(batches) == 1, "one commit"
        assert row["sessionId"] == reminder["sessionId"] == "s1"
    return [(row["userId"], row["type"]) for row in rows]


async def test_who_is_away_is_notified_in_the_same_commit(
    world: World, host: Host, peer: Peer
) -> None:
    await peer.acked(peer.command("nudge"))
    assert notified(world) == [("bob", "nudged")]
    assert [due.kind for _, due in world.reactions.dues] == ["push"]
    assert len(world.database.batches) == 1
    [row] = world.database.rows("hub.Notification")
    [told] = world.database.rows("hub.SessionEvent", userId="bob")
    assert row["createdAt"] == told["at"]


async def test_who_is_there_and_says_so_costs_nothing(world: World, host: Host, peer: Peer) -> None:
    bob = await listening(peer, host, "bob")
    await peer.acked(peer.command("nudge"))
    await until(lambda: peer.events(bob), "the event")
    host.received(peer, ReceivedTo(bob, peer.events(bob)[0].seq))
    await later(world, host, RECEIVE_SECONDS)
    assert notified(world) == []
    assert len(world.database.batches) == 1


async def test_a_socket_that_only_looks_alive_counts_as_away(
    world: World, host: Host, peer: Peer
) -> None:
    await listening(peer, host, "bob")
    await peer.acked(peer.command("nudge"))
    await later(world, host, RECEIVE_SECONDS - 0.1)
    assert notified(world) == []
    await later(world, host, 0.1)
    assert notified(world) == [("bob", "nudged")]
    await later(world, host, 60)
    assert notified(world) == [("bob", "nudged")]


async def test_one_device_speaks_for_all(world: World, host: Host, peer: Peer) -> None:
    phone, tablet = await listening(peer, host, "bob"), await listening(peer, host, "bob")
    await peer.acked(peer.command("nudge"))
    host.received(peer, ReceivedTo(tablet, 1))
    host.received(peer, UnsubscribeTo(phone))
    await later(world, host, RECEIVE_SECONDS)
    assert notified(world) == []


async def test_grace_is_for_the_partner_and_not_for_delivery(
    world: World, host: Host, peer: Peer
) -> None:
    bob = await listening(peer, host, "bob")
    host.received(peer, UnsubscribeTo(bob))
    assert host.presence.here("s1", "bob") is True
    assert GRACE_SECONDS > RECEIVE_SECONDS
    await peer.acked(peer.command("nudge"))
    assert notified(world) == [("bob", "nudged")]


async def test_other_events_notify_nobody(world: World, host: Host, peer: Peer) -> None:
    await peer.acked(peer.command("step"))
    assert notified(world) == []


# ---- after a takeover


def looking_back(world: World, host: Host, looks: Background, sleep: Sleep) -> LookBack:
    """A look back of its own, on a host."""
    return LookBack(
        ["nudged"], world.sessions, host._arrivals, world.clock, sleep, looks,
        host._notifier.undelivered,
    )  # fmt: skip


async def test_who_was_told_by_a_host_that_died_and_stays_away_is_notified(world: World) -> None:
    first = await world.host("h1")
    peer = Peer(first)
    await listening(peer, first, "bob")
    await peer.acked(peer.command("nudge"))
    assert notified(world) == []
    second = await world.host("h2")
    await second.adopt("h1")
    await until(lambda: notified(world), "the notification")
    assert notified(world) == [("bob", "nudged")], "who raised it is not notified"


@pytest.mark.parametrize("comes", [True, False])
async def test_who_comes_back_in_time_is_not_notified(world: World, comes: bool) -> None:
    host = await world.host()
    peer = Peer(host)
    await listening(peer, host, "bob")
    await peer.acked(peer.command("nudge"))
    world.clock.advance(0.1)
    waited = []

    async def meanwhile(seconds: float) -> None:
        waited.append(seconds)
        world.clock.advance(0.1)
        if comes:
            await listening(Peer(host, "other"), host, "bob")

    looks = Background()
    looking_back(world, host, looks, meanwhile).took(range(SHARDS))
    await until(lambda: not looks, "the end of the look")
    await until(lambda: host.write_behind.entries == 0, "what it caused is durable")
    assert waited == [GRACE_SECONDS]
    assert notified(world) == ([] if comes else [("bob", "nudged")])


async def test_what_is_taken_meanwhile_is_looked_for_together_until_the_database_answers(
    world: World, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that leaves gives a few shards at a time, and a look reads the log of all."""
    peer, unnoticed, looked = Peer(host), world.sessions.unnoticed, list[int]()
    await listening(peer, host, "bob")
    await peer.acked(peer.command("nudge"))
    shard, looks = shard_of("s1"), Background()
    first, others = (shard + 1) % SHARDS, [(shard + 2) % SHARDS, shard, (shard + 3) % SHARDS]

    async def once_away(names: Sequence[str], seconds: float, limit: int) -> Any:
        looked.append(limit)
        if len(looked) == 2:
            raise StoreUnavailable("away")
        return await unnoticed(names, seconds, limit)

    async def meanwhile(_seconds: float) -> None:
        world.clock.advance(0.1)
        while others:
            looking.took([others.pop()])

    monkeypatch.setattr(world.sessions, "unnoticed", once_away)
    looking = looking_back(world, host, looks, meanwhile)
    looking.took([first])
    await until(lambda: not looks, "the end of the looks")
    await until(lambda: host.write_behind.entries == 0, "what they caused is durable")
    assert len(looked) == 3
    assert notified(world) == [("bob", "nudged")]
