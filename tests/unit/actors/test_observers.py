"""Who watches: admitted by what is stored, asked again, and told what one member is told."""

from __future__ import annotations

import pytest

from beheard_hub.actors import observers
from beheard_hub.actors.host import Host
from beheard_hub.domain.refusals import Code
from beheard_hub.link_messages import DeltaFrom, Refused, RoleTo, SnapshotFrom
from beheard_hub.ports import Piece
from tests.unit.actors.world import Peer, World, soon, until

MANY = 30
SECONDS = 0.1


@pytest.fixture(autouse=True)
def staff(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rita is of the staff, and asked again before a lease runs out."""
    monkeypatch.setattr(observers, "ASKED_AGAIN_SECONDS", SECONDS)
    world.database.tables["Staff"] = [{"userId": "rita"}]


def refusals(peer: Peer, sub: int) -> list[tuple[str, bool]]:
    """(code, retryable) of all that this subscription was refused with."""
    return [(m.code, m.retryable) for m in peer.of(Refused) if m.sub == sub]


def shown(peer: Peer, sub: int) -> str:
    """What stands there by the pieces alone."""
    text = ""
    for piece in peer.of(DeltaFrom):
        if sub in piece.subs:
            text = ("" if piece.reset else text) + piece.text
    return text


def ask(world: World, host: Host) -> None:
    """A round of questions begins."""
    world.clock.advance(SECONDS)
    host.subscriptions.tick()


async def watching(peer: Peer) -> int:
    sub = peer.watch()
    await until(lambda: [m for m in peer.of(SnapshotFrom) if m.sub == sub], "a snapshot")
    return sub


async def test_the_snapshot_is_the_members_with_the_transcript(peer: Peer) -> None:
    await peer.acked(peer.command("step"))
    sub = await watching(peer)
    state = {"total": 1, "you": "ann", "transcript": {"query": "steps", "total": 1}}
    assert peer.of(SnapshotFrom) == [SnapshotFrom(sub, "s1", 1, state)]
    await peer.acked(peer.command("step", user="bob"))
    await until(lambda: peer.events(sub), "an event")
    assert [(event.seq, event.data) for event in peer.events(sub)] == [(2, {"total": 2})]
    assert (await peer.refused(peer.command("watch", user="rita"))).code == Code.VALIDATION_ERROR


async def test_a_database_that_is_away_is_no_answer(world: World, host: Host, peer: Peer) -> None:
    await peer.acked(peer.command("step"))
    world.database.available = False
    early = peer.watch()
    await until(lambda: refusals(peer, early), "a refusal")
    assert refusals(peer, early) == [(Code.SERVICE_UNAVAILABLE, True)]
    world.database.available, world.renderer.available = True, False
    later = peer.watch()
    await until(lambda: len(host.subscriptions.observers) == 1, "somebody who is let in")
    world.renderer.available = True
    await until(lambda: peer.of(SnapshotFrom), "the snapshot")
    assert [m.sub for m in peer.of(SnapshotFrom)] == [later]


async def test_whoever_watches_is_asked_again(world: World, host: Host, peer: Peer) -> None:
    sub = await watching(peer)
    world.database.tables["Staff"] = []
    world.database.available = False
    ask(world, host)
    await soon()
    world.database.available = True
    ask(world, host)
    await until(lambda: refusals(peer, sub), "the end")
    assert refusals(peer, sub) == [(Code.NOT_FOUND, False)]
    await peer.acked(peer.command("step"))
    assert peer.events(sub) == []
    assert len(host.subscriptions.observers) == 0


async def test_who_has_another_role_is_asked_at_once(world: World, host: Host, peer: Peer) -> None:
    world.database.tables["Staff"].append({"userId": "rosa"})
    ritas, rosas = await watching(peer), peer.watch("rosa")
    await until(lambda: len(host.subscriptions.observers) == 2, "both watch")
    world.database.tables["Staff"] = []
    for stranger in ("ann", "rita"):
        host.received(peer, RoleTo(stranger))
    await until(lambda: refusals(peer, ritas), "the end")
    assert (refusals(peer, ritas), refusals(peer, rosas)) == ([(Code.NOT_FOUND, False)], [])
    host.role_changed("rosa")  # by the operator
    await until(lambda: refusals(peer, rosas), "the end")


async def test_when_another_member_is_shown_everybody_comes_anew(
    world: World, host: Host, peer: Peer
) -> None:
    sub = await watching(peer)
    world.database.tables["Member"] = [{"sessionId": "s1", "userId": "carl"}]
    host.activation.forget(host.activation.live["s1"])
    await host.activation.cell("s1")
    ask(world, host)
    await until(lambda: refusals(peer, sub), "that it has to")
    assert refusals(peer, sub) == [(Code.SERVICE_UNAVAILABLE, True)]
    again = await watching(peer)
    assert peer.of(SnapshotFrom)[-1].state["you"] == "carl"
    await peer.acked(peer.command("step", user="carl"))
    await until(lambda: peer.events(again), "an event")


async def test_many_are_told_less_often_and_all_the_same(
    world: World, host: Host, peer: Peer
) -> None:
    ann = peer.subscribe("ann")
    subs = [await watching(peer) for _ in range(MANY)]
    for index, text in enumerate(("I ", "hear ", "that ")):
        host.delta("s1", "ann", Piece("m0", "m1", index, text))
    assert (shown(peer, ann), {shown(peer, sub) for sub in subs}) == ("I hear that ", {"I "})
    late = await watching(peer)
    assert {shown(peer, sub) for sub in (*subs, late)} == {"I hear that "}
    host.delta("s1", "ann", Piece("m0", "m1", 3, "it hurt."))
    assert shown(peer, late) == "I hear that "
    world.clock.advance(1.0)
    host.subscriptions.tick()
    assert {shown(peer, sub) for sub in (*subs, late)} == {"I hear that it hurt."}
    told = [piece for piece in peer.of(DeltaFrom) if subs[0] in piece.subs]
    assert [len(piece.subs) for piece in told] == [MANY, MANY, MANY + 1]
