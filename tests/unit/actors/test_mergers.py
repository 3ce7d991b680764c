"""A host hears that a guest is somebody else now: what it held of the guest is out of date."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from beheard_hub.actors.activation import ActivationLimits
from beheard_hub.actors.host import Host
from beheard_hub.actors.mergers import LOOKED_SECONDS, REMEMBERED_MAX
from beheard_hub.domain.refusals import Code
from beheard_hub.link_messages import (
    HereTo,
    MergedFrom,
    MergedTo,
    Refused,
    SnapshotFrom,
    UnsubscribeTo,
)
from beheard_hub.ports import RowRefused
from tests.unit.actors.world import Peer, World, soon, until


def merge(world: World, peer: Peer, guest: str = "ann", user: str = "zoe") -> None:
    """A guest is that user: in the rows, then in the hosts."""
    [row] = [row for row in world.database.tables["Member"] if row["userId"] == guest]
    row["userId"] = user
    word = {"guestId": guest, "userId": user, "sessions": [row["sessionId"]]}
    world.database.tables.setdefault("hub.MergedGuest", []).append(word)
    peer.host.received(peer, MergedTo(guest, user, [row["sessionId"]]))


async def test_a_live_session_comes_back_as_the_users(world: World) -> None:
    peer = Peer(await world.host())
    await peer.acked(peer.command("step"))
    merge(world, peer)
    assert (await peer.acked(peer.command("step", user="zoe"))).data == {"total": 2}
    assert (await peer.refused(peer.command("step"))).code == Code.SERVICE_UNAVAILABLE
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
    others = peer.command("step", user="bob")
    assert (await peer.refused(loading)).code == Code.SERVICE_UNAVAILABLE, "read before the merge"
    assert (await peer.acked(others)).data == {"total": 1}, "which is read again"
    buffered = peer.command("step", user="bob")
    merge(world, peer, "zoe", "yan")
    assert (await peer.refused(buffered)).code == Code.SERVICE_UNAVAILABLE, "not yet on its way"
    assert (await peer.acked(peer.command("step", user="yan"))).data == {"total": 2}


@pytest.mark.parametrize("merged", [False, True])
async def test_the_word_goes_out_before_a_refusal(world: World, merged: bool) -> None:
    peer = Peer(await world.host())
    world.session("s2", "ann")
    await peer.acked(peer.command("step"))
    rows = world.database.tables
    if merged:
        word = {"guestId": "ann", "userId": "zoe", "sessions": ["s1", "s2"]}
        rows["hub.MergedGuest"] = [word]

    async def told(ask: Callable[[], int], else_code: Code) -> None:
        peer.received.clear()
        refused = await peer.refused(ask())
        assert refused.code == (Code.SERVICE_UNAVAILABLE if merged else else_code)
        assert [type(m) for m in peer.received] == [MergedFrom] * merged + [Refused]

    refused = RowRefused("23503")  # nobody of that id is there any more
    world.database.refuse = lambda row: refused if row.get("userId") == "ann" else None
    await told(lambda: peer.command("step"), Code.INTERNAL_ERROR)
    for row in rows["Member"]:
        row["userId"] = row["userId"].replace("ann", "zoe")
    await peer.acked(peer.command("total", user="bob"))
    for session in ("s1", "s2", "nowhere"):
        await told(partial(peer.command, "step", session=session), Code.NOT_FOUND)
    if merged:
        await told(lambda: peer.command("count", session=""), Code.SERVICE_UNAVAILABLE)
    ear = peer.subscribe()
    await until(lambda: peer.of(Refused)[-1].sub == ear, "the ear is refused")
    assert peer.of(Refused)[-1].retryable == merged, "the gateway registers it for the user"


def moved(world: World) -> None:
    """The rows are the user's, and nobody has been told."""
    for table in ("hub.CommandReceipt", "hub.SessionEvent", "Member"):
        for row in world.database.tables[table]:
            row["userId"] = row["userId"].replace("ann", "zoe")
    word = {"guestId": "ann", "userId": "zoe", "sessions": ["s1"]}
    world.database.tables["hub.MergedGuest"] = [word]


async def test_a_command_whose_receipt_has_moved_is_no_new_one(world: World) -> None:
    """Decided again it could be refused for good: what it asks for has been done."""
    peer = Peer(await world.host())
    await peer.acked(peer.command("step", command_id="once"))
    moved(world)
    decided = peer.host.turns.decided
    again = await peer.refused(peer.command("step", command_id="once"))
    assert (again.code, again.retryable) == (Code.SERVICE_UNAVAILABLE, True)
    assert peer.of(MergedFrom) == [MergedFrom("ann", "zoe", ["s1"])]
    assert peer.host.turns.decided == decided
    as_user = await peer.acked(peer.command("step", user="zoe", command_id="once"))
    assert (as_user.data, as_user.duplicate) == ({"total": 1}, True)


async def test_who_was_away_hears_a_log_that_has_moved_as_the_user(world: World) -> None:
    """Not a snapshot, which says less than the events that other devices heard."""
    peer = Peer(await world.host())
    for _ in range(2):
        await peer.acked(peer.command("step"))
    moved(world)
    ear = peer.subscribe(after=1)
    await until(lambda: peer.of(MergedFrom), "all are told")
    peer.host.received(peer, UnsubscribeTo(ear, False))
    await soon()
    assert peer.of(SnapshotFrom) == []
    anew = peer.subscribe("zoe", after=1)
    await until(lambda: peer.events(anew), "the events as the user's")
    assert [event.seq for event in peer.events(anew)] == [2]


async def test_who_is_connected_and_asks_for_nothing_is_looked_up(world: World) -> None:
    host = await world.host()
    peer, other = Peer(host), Peer(host, "another")
    no: list[str] = []
    rows = [{"guestId": g, "userId": "zoe", "sessions": no} for g in ("ann", "eve", "gus")]
    world.database.tables["hub.MergedGuest"] = rows
    for user, connections in (("ann", 1), ("bob", 2), ("eve", 0)):
        host.received(peer, HereTo(user, connections))

    async def look() -> list[MergedFrom]:
        world.clock.advance(LOOKED_SECONDS)
        host._mergers.tick()
        await soon()
        return other.of(MergedFrom)

    host._mergers.tick()
    world.database.available = False
    assert await look() == []
    world.database.available = True
    assert await look() == [MergedFrom("ann", "zoe", [])]
    host.received(peer, HereTo("ann", 0))
    assert await look() == [MergedFrom("ann", "zoe", [])], "followed: nobody is told again"


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
