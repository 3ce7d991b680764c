"""Events: no hole, no repeat, in order, whatever overtakes what."""

from __future__ import annotations

import asyncio
import random

import pytest

from beheard_hub.actors.host import Host
from beheard_hub.domain.limits import SHARDS
from beheard_hub.domain.refusals import Code
from beheard_hub.link_messages import (
    DeltaFrom,
    EventFrom,
    Refused,
    SnapshotFrom,
    SubscribedFrom,
    UnsubscribeTo,
)
from beheard_hub.ports import Piece
from tests.unit.actors.world import Peer, World, until


async def test_a_new_listener_gets_the_committed_state(world: World, peer: Peer) -> None:
    await peer.acked(peer.command("step"))
    world.database.stall = asyncio.Event()
    peer.command("step")
    sub = peer.subscribe("bob")
    await until(lambda: peer.of(SnapshotFrom), "the snapshot")
    assert peer.of(SnapshotFrom) == [SnapshotFrom(sub, "s1", 1, {"total": 1, "you": "bob"})]
    world.database.stall.set()
    await until(lambda: peer.events(sub), "the second event")
    assert [event.seq for event in peer.events(sub)] == [2]


async def test_a_resumed_listener_gets_what_it_missed(peer: Peer) -> None:
    for _ in range(5):
        await peer.acked(peer.command("step"))
    sub = peer.subscribe(after=2)
    await until(lambda: len(peer.events(sub)) == 3, "what was missed")
    assert peer.of(SubscribedFrom) == [SubscribedFrom(sub, "s1", 5)]
    assert [event.seq for event in peer.events(sub)] == [3, 4, 5]
    assert [event.data for event in peer.events(sub)] == [{"total": n} for n in (3, 4, 5)]
    current = peer.subscribe(after=5)
    await until(lambda: len(peer.of(SubscribedFrom)) == 2, "nothing missed")
    await peer.acked(peer.command("step"))
    await until(lambda: peer.events(current), "live")
    both = peer.of(EventFrom)[-1]
    assert sorted(both.subs) == [sub, current], "encoded once for the gateway"


@pytest.mark.parametrize("after", [0, 99])
async def test_what_the_log_cannot_answer_is_a_snapshot(
    world: World, peer: Peer, after: int
) -> None:
    for _ in range(3):
        await peer.acked(peer.command("step"))
    world.sessions.events_from = 3
    peer.subscribe(after=after)
    await until(lambda: peer.of(SnapshotFrom), "the snapshot")
    assert peer.of(SnapshotFrom)[0].seq == 3
    assert peer.of(SubscribedFrom) == []


async def test_only_members_listen(peer: Peer) -> None:
    strangers = [peer.subscribe("eve"), peer.subscribe("ann", session="none")]
    await until(lambda: len(peer.of(Refused)) == 2, "two refusals")
    assert [(m.rid, m.sub, m.code) for m in peer.of(Refused)] == [
        (None, sub, Code.NOT_FOUND) for sub in strangers
    ]


async def test_deltas_reach_the_own_listeners(host: Host, peer: Peer) -> None:
    ann, bob = peer.subscribe("ann"), peer.subscribe("bob")
    await until(lambda: len(peer.of(SnapshotFrom)) == 2, "two snapshots")
    await until(lambda: len(host.subscriptions) == 2, "both live")
    host.delta("s1", "ann", Piece("m1", "m2", 0, "Once"))
    assert peer.of(DeltaFrom) == [DeltaFrom([ann], "s1", "m1", "m2", 0, "Once")]
    host.received(peer, UnsubscribeTo(ann))
    host.delta("s1", "ann", Piece("m1", "m2", 1, "more"))
    assert len(peer.of(DeltaFrom)) == 1
    host.detached(peer)
    assert len(host.subscriptions) == 0
    assert bob


async def test_who_comes_in_the_middle_of_an_answer_begins_with_the_text_so_far(
    host: Host, peer: Peer
) -> None:
    host.delta("s1", "ann", Piece("m1", "m2", 0, "Once "))
    host.delta("s1", "ann", Piece("m1", "m2", 1, "upon "))
    late, partner = peer.subscribe("ann", after=0), peer.subscribe("bob")
    await until(lambda: peer.of(DeltaFrom), "the text so far")
    host.delta("s1", "ann", Piece("m1", "m2", 2, "a time"))
    assert peer.of(DeltaFrom) == [
        DeltaFrom([late], "s1", "m1", "m2", 1, "Once upon ", reset=True),
        DeltaFrom([late], "s1", "m1", "m2", 2, "a time"),
    ]
    host.answered("s1", "ann", "m2")
    peer.subscribe("ann", after=0)
    await until(lambda: len(peer.of(SubscribedFrom)) == 2, "the second device")
    assert len(peer.of(DeltaFrom)) == 2, "the message tells the rest"
    assert partner


async def test_nobody_is_told_of_an_answer_while_the_lease_is_unsure(
    host: Host, peer: Peer
) -> None:
    sub = peer.subscribe("ann")
    await until(lambda: peer.of(SnapshotFrom), "the snapshot")
    host.delta("s1", "ann", Piece("m1", "m2", 0, "Once "))
    late = peer.subscribe("ann", after=0)
    host.fenced_off = True
    host.delta("s1", "ann", Piece("m1", "m2", 1, "upon "))
    for _ in range(100):
        await asyncio.sleep(0)
    assert [piece.text for piece in peer.of(DeltaFrom)] == ["Once "]
    host.fenced_off = False
    host.delta("s1", "ann", Piece("m1", "m2", 2, "a time"))
    whole = "Once upon a time"
    assert peer.of(DeltaFrom)[1:] == [DeltaFrom([sub], "s1", "m1", "m2", 2, whole, reset=True)]
    await until(lambda: len(peer.of(DeltaFrom)) == 3, "the late one")
    assert peer.of(DeltaFrom)[2] == DeltaFrom([late], "s1", "m1", "m2", 2, whole, reset=True)


async def test_an_answer_that_moved_away_is_forgotten(host: Host) -> None:
    host.delta("s1", "ann", Piece("m1", "m2", 0, "Once"))
    host.subscriptions.forget_shards(set(range(SHARDS)))
    assert len(host.subscriptions.answers) == 0


async def test_a_read_that_fails_makes_no_hole(world: World, peer: Peer) -> None:
    sub = peer.subscribe("bob")
    await until(lambda: peer.of(SnapshotFrom), "the snapshot")
    world.renderer.available = False
    await peer.acked(peer.command("say", text="hi"))
    await peer.acked(peer.command("step"))
    for _ in range(100):
        await asyncio.sleep(0)
    assert peer.events(sub) == []
    world.renderer.available = True
    await until(lambda: len(peer.events(sub)) == 2, "both events")
    assert [event.seq for event in peer.events(sub)] == [1, 2]


@pytest.mark.parametrize("seed", range(60))
async def test_random_listeners_never_see_a_hole(world: World, host: Host, seed: int) -> None:
    dice = random.Random(seed)
    peers = [Peer(host, "g1"), Peer(host, "g2")]
    first: dict[tuple[Peer, int], int | None] = {}
    rids: list[tuple[Peer, int]] = []
    for _ in range(80):
        peer, deed = dice.choice(peers), dice.random()
        if deed < 0.3:
            after = dice.choice([None, 0, dice.randrange(30)])
            first[peer, peer.subscribe("bob", after=after)] = after
        elif deed < 0.4 and first:
            owner, sub = dice.choice(list(first))
            host.received(owner, UnsubscribeTo(sub))
            check(owner, sub)
            del first[owner, sub]
        elif deed < 0.5:
            world.renderer.available = not world.renderer.available
        elif deed < 0.55 and not host.write_behind.entries:
            for cell in list(host.activation.live.values()):
                if not cell.busy:
                    host.activation.forget(cell)
        else:
            name = dice.choice(["step", "say"])
            rids.append((peer, peer.command(name, user=dice.choice(["ann", "bob"]))))
        for _ in range(dice.randrange(8)):
            await asyncio.sleep(0)
    world.renderer.available = True
    for peer, rid in rids:
        await until(lambda p=peer, r=rid: p.answers(r), "every answer")  # type: ignore[misc]
    newest = len(world.database.rows("hub.SessionEvent", sessionId="s1", userId="bob"))
    for peer, sub in first:
        await until(lambda p=peer, s=sub: position(p, s) == newest, "everything")  # type: ignore[misc]
        check(peer, sub)


def position(peer: Peer, sub: int) -> int:
    """The newest seq that a subscription knows; -1 before its answer."""
    newest = -1
    for message in peer.received:
        if isinstance(message, SubscribedFrom):
            newest = starts_at(peer, sub) if message.sub == sub else newest
        elif isinstance(message, SnapshotFrom):
            newest = message.seq if message.sub == sub else newest
        elif isinstance(message, EventFrom):
            newest = message.seq if sub in message.subs else newest
    return newest


def starts_at(peer: Peer, sub: int) -> int:
    """The `after` of a subscription that was answered without a snapshot."""
    return peer.afters[sub] or 0


def check(peer: Peer, sub: int) -> None:
    """One subscription's stream: a start, then every seq once and in order."""
    seq: int | None = None
    for message in peer.received:
        if isinstance(message, SnapshotFrom) and message.sub == sub:
            seq = message.seq
        elif isinstance(message, SubscribedFrom) and message.sub == sub:
            assert seq is None
            seq = starts_at(peer, sub)
        elif isinstance(message, EventFrom) and sub in message.subs:
            assert seq is not None, "an event before the answer"
            assert message.seq == seq + 1, "a hole or a repeat"
            seq = message.seq
