"""A host hears that a guest is somebody else now: what it held of the guest is out of date."""

from __future__ import annotations

from beheard_hub.actors.activation import ActivationLimits
from beheard_hub.actors.host import Host
from beheard_hub.actors.mergers import REMEMBERED_MAX
from beheard_hub.domain.refusals import Code
from beheard_hub.link_messages import MergedFrom, MergedTo
from tests.unit.actors.world import Peer, World


def merge(world: World, peer: Peer, guest: str = "ann", user: str = "zoe") -> None:
    """A guest is that user: in the rows, then in the hosts."""
    [row] = [row for row in world.database.tables["Member"] if row["userId"] == guest]
    row["userId"] = user
    peer.host.received(peer, MergedTo(guest, user, [row["sessionId"]]))


async def test_a_live_session_comes_back_as_the_users(world: World) -> None:
    peer = Peer(await world.host())
    await peer.acked(peer.command("step"))
    merge(world, peer)
    assert (await peer.acked(peer.command("step", user="zoe"))).data == {"total": 2}
    assert (await peer.refused(peer.command("step"))).code == Code.NOT_FOUND
    loads = world.sessions.loads
    peer.host.received(peer, MergedTo("ann", "zoe", ["s1", "of another host"]))
    await peer.acked(peer.command("step", user="zoe"))
    assert world.sessions.loads == loads, "told again it changes nothing"


async def test_a_session_that_sleeps_comes_back_as_the_users(world: World) -> None:
    world.limits = ActivationLimits(idle_seconds=0.0)
    host = await world.host()
    peer = Peer(host)
    await peer.acked(peer.command("step"))
    while host.activation.sweep():
        pass
    assert host.activation.packed
    merge(world, peer)
    assert (await peer.acked(peer.command("step", user="zoe"))).data == {"total": 2}


async def test_what_is_under_way_may_be_sent_again(world: World) -> None:
    peer = Peer(await world.host())
    loading = peer.command("step")
    merge(world, peer)
    assert (await peer.refused(loading)).code == Code.SERVICE_UNAVAILABLE, "read before the merge"
    await peer.acked(peer.command("step", user="zoe"))
    buffered = peer.command("step", user="bob")
    merge(world, peer, "zoe", "yan")
    assert (await peer.refused(buffered)).code == Code.SERVICE_UNAVAILABLE, "not yet on its way"
    assert (await peer.acked(peer.command("step", user="yan"))).data == {"total": 2}


async def test_every_gateway_is_told(world: World) -> None:
    host = await world.host()
    one, other = Peer(host), Peer(host, "another")
    host.merged("ann", "zoe", ["s1"])
    for peer in (one, other):
        assert peer.of(MergedFrom) == [MergedFrom("ann", "zoe", ["s1"])]


async def test_what_was_begun_for_the_guest_ends_for_the_user(world: World) -> None:
    host: Host = await world.host()
    peer = Peer(host)
    assert host._mergers.who("ann") == "ann"
    merge(world, peer)
    assert host._mergers.who("ann") == "zoe"
    for number in range(REMEMBERED_MAX):
        host.merged(f"guest-{number}", "somebody", [])
    assert host._mergers.who("ann") == "ann", "of so many that it is long ago"
