"""Presence through a host: what leaves for which gateway, and what never does."""

from __future__ import annotations

import pytest

from beheard_hub.actors.host import Host
from beheard_hub.actors.presence import GRACE_SECONDS
from beheard_hub.link_messages import DeviceFrom, PresenceFrom, PresenceTo, UnsubscribeTo
from tests.unit.actors.world import Peer, World, until


class Told:
    """What each subscription was told last, as a gateway would remember it."""

    def __init__(self, *peers: Peer) -> None:
        self.peers = peers

    def of(self, peer: Peer, sub: int) -> list[str]:
        """Differing words only: repeats are the gateway's to drop."""
        said: list[str] = []
        for message in peer.of(PresenceFrom):
            if sub in message.subs and (not said or said[-1] != message.partner):
                said.append(message.partner)
        return said


@pytest.fixture
async def settled(world: World) -> Host:
    """A host that knows its shards."""
    host = await world.host()
    await wait(world, host, GRACE_SECONDS)
    return host


async def wait(world: World, host: Host, seconds: float) -> None:
    world.clock.advance(seconds)
    host.write_behind.answer_until += seconds  # as if heartbeats had come
    world.database.leases[host.host_id].expires_at += seconds
    host.subscriptions.announcer.tick()


async def live(peer: Peer, host: Host, user: str, after: int | None = None) -> int:
    sub = peer.subscribe(user, after=after)
    known = host.subscriptions._of_peer[peer]
    await until(lambda: known[sub].live, f"{user} listens")
    return sub


async def test_both_learn_that_the_other_is_there(world: World, settled: Host) -> None:
    peer, told = Peer(settled), Told()
    ann = await live(peer, settled, "ann")
    assert told.of(peer, ann) == ["offline"]
    bob = await live(peer, settled, "bob")
    assert told.of(peer, ann) == ["offline", "online"]
    assert told.of(peer, bob) == ["online"]


async def test_a_goodbye_is_told_without_time_passing(world: World, settled: Host) -> None:
    peer, told = Peer(settled), Told()
    ann, bob = await live(peer, settled, "ann"), await live(peer, settled, "bob")
    settled.received(peer, UnsubscribeTo(bob, clean=True))
    assert told.of(peer, ann)[-1] == "offline"


async def test_users_of_a_dead_gateway_are_away_after_the_grace(
    world: World, settled: Host
) -> None:
    one, other, told = Peer(settled, "one"), Peer(settled, "other"), Told()
    ann = await live(one, settled, "ann")
    await live(other, settled, "bob")
    settled.detached(other)
    await wait(world, settled, GRACE_SECONDS - 0.1)
    assert told.of(one, ann)[-1] == "online"
    await wait(world, settled, 0.1)
    assert told.of(one, ann)[-1] == "offline"


async def test_a_flap_over_to_another_gateway_is_silent(world: World, settled: Host) -> None:
    one, other, told = Peer(settled, "one"), Peer(settled, "other"), Told()
    ann = await live(one, settled, "ann")
    await live(other, settled, "bob")
    before = told.of(one, ann)
    settled.detached(other)
    await wait(world, settled, GRACE_SECONDS - 1)
    await live(one, settled, "bob")
    await wait(world, settled, 60)
    assert told.of(one, ann) == before


async def test_one_of_two_devices_leaving_is_silent(world: World, settled: Host) -> None:
    one, other, told = Peer(settled, "one"), Peer(settled, "other"), Told()
    ann = await live(one, settled, "ann")
    phone, _ = await live(other, settled, "bob"), await live(one, settled, "bob")
    before = told.of(one, ann)
    settled.received(other, UnsubscribeTo(phone, clean=True))
    settled.detached(other)
    await wait(world, settled, 60)
    assert told.of(one, ann) == before


async def test_nothing_is_said_while_it_rests_and_all_of_it_afterwards(
    world: World, settled: Host
) -> None:
    peer, told = Peer(settled), Told()
    ann, bob = await live(peer, settled, "ann"), await live(peer, settled, "bob")
    await peer.acked(peer.command("pause"))
    assert told.of(peer, ann)[-1] == ""
    said = len(peer.of(PresenceFrom))
    settled.received(peer, UnsubscribeTo(bob, clean=True))
    again = await live(peer, settled, "bob")
    settled.received(peer, UnsubscribeTo(again, clean=True))
    assert len(peer.of(PresenceFrom)) == said
    await peer.acked(peer.command("resume"))
    assert told.of(peer, ann)[-1] == "offline"


async def test_who_hides_is_offline_whatever_they_do(world: World, settled: Host) -> None:
    peer, told = Peer(settled), Told()
    ann, bob = await live(peer, settled, "ann"), await live(peer, settled, "bob")
    await peer.acked(peer.command("hide", user="bob"))
    before = told.of(peer, ann)
    assert before[-1] == "offline"
    settled.received(peer, UnsubscribeTo(bob, clean=True))
    bob = await live(peer, settled, "bob")
    assert told.of(peer, ann) == before
    assert told.of(peer, bob) == ["online"], "one may hide and see"


async def test_a_stranger_moves_nobody(world: World, settled: Host) -> None:
    peer, told = Peer(settled), Told()
    ann = await live(peer, settled, "ann")
    stranger = peer.subscribe("eve")
    await until(
        lambda: stranger not in settled.subscriptions._of_peer[peer], "the stranger is refused"
    )
    assert told.of(peer, ann) == ["offline"]
    assert told.of(peer, stranger) == []


async def test_after_a_takeover_nobody_is_away_before_the_grace(world: World) -> None:
    host = await world.host()
    peer, told = Peer(host), Told()
    ann = await live(peer, host, "ann")
    await wait(world, host, GRACE_SECONDS - 0.1)
    assert told.of(peer, ann) == []
    await wait(world, host, 0.1)
    assert told.of(peer, ann) == ["offline"]


async def test_what_a_device_does_is_told_to_the_own_devices_alone(
    world: World, settled: Host
) -> None:
    one, other = Peer(settled, "one"), Peer(settled, "other")
    phone, tablet = await live(one, settled, "ann"), await live(other, settled, "ann")
    bob = await live(other, settled, "bob")
    settled.received(one, PresenceTo(phone, "typing"))
    assert one.of(DeviceFrom) == []
    assert other.of(DeviceFrom) == [DeviceFrom([tablet], "s1", "typing")]
    settled.received(other, PresenceTo(bob, "away"))
    assert len(other.of(DeviceFrom)) == 1
