"""A fault of ours is answered as one: nobody waits in vain, and nobody else has anything of it."""

from __future__ import annotations

from typing import Any, Never

import pytest

from beheard_hub.actors.host import Host
from beheard_hub.actors.placement import PATIENT_LOOKS
from beheard_hub.domain.kernel import Decision, Loaded, Ref, Reply
from beheard_hub.domain.refusals import Code
from beheard_hub.link_messages import Refused
from tests.unit.actors.toy import State, Toy
from tests.unit.actors.world import Peer, World, until

LOOPS = 3
"""Of a host that sleep between their rounds."""


class Fault(Exception):
    """Something that nobody expects."""


async def broken(*_: Any) -> Never:
    raise Fault


BREAKS = {
    "a receipt": ("sessions", "receipt", "step", "s1"),
    "a query": ("renderer", "read", "query", "s1"),
    "a name": ("sessions", "load", "join", ""),
    "an invitation": ("sessions", "session_of_invitation", "join", ""),
    "a directory": ("sessions", "load_directory", "count", ""),
}


@pytest.mark.parametrize("what", BREAKS)
async def test_a_read_that_breaks_is_answered_and_may_be_asked_again(
    world: World, peer: Peer, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    port, method, name, session = BREAKS[what]
    await peer.acked(peer.command("step", command_id="once"))
    data = {"invitationId": "invitation-s1"} if name == "join" else {}
    user = "eve" if name == "join" else "ann"
    with monkeypatch.context() as patch:
        patch.setattr(getattr(world, port), method, broken)
        rids = [peer.command(name, user, "once", session, **data) for _ in range(2)]
        for rid in rids:
            assert (await peer.refused(rid)).code == Code.INTERNAL_ERROR
    await peer.acked(peer.command(name, user, "once", session, **data))


async def test_a_reply_that_cannot_be_rendered_is_answered_and_holds_nobody_up(
    peer: Peer, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await peer.acked(peer.command("say", command_id="once", text="hello"))
    with monkeypatch.context() as patch:
        patch.setattr(world.renderer, "render", broken)
        again = peer.command("say", command_id="once", text="hello")
        behind = peer.command("step")
        assert (await peer.refused(again)).code == Code.SERVICE_UNAVAILABLE
        await peer.acked(behind)
    assert (await peer.acked(peer.command("say", command_id="once", text="hello"))).duplicate


async def test_an_answer_that_cannot_be_made_is_the_callers_alone(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(*_: Any) -> Never:
        raise Fault

    ann = peer.subscribe()
    await until(lambda: peer.received, "a snapshot")
    monkeypatch.setattr(Toy, "from_state", odd)
    monkeypatch.setattr(
        Toy, "_total", lambda kind, state, *_: Decision(state, Reply({"me": Ref("me", "s1")}))
    )
    assert (await peer.refused(peer.command("total"))).code == Code.INTERNAL_ERROR
    said = peer.command("say", text="hello")
    behind = peer.command("total")
    for rid in (said, behind):
        assert (await peer.refused(rid)).code == Code.INTERNAL_ERROR
    await until(lambda: peer.events(ann), "the event")


async def test_what_waits_for_a_commit_does_not_wait_for_what_follows_it(
    world: World, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(*_: Any) -> Never:
        raise Fault

    monkeypatch.setattr(world.reactions, "committed", odd)
    reminded, behind = peer.command("remind", amount=0), peer.command("total")
    await peer.acked(reminded)
    await peer.acked(behind)


async def test_a_session_that_cannot_be_loaded_fails_alone(
    world: World, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = Toy.load

    def odd(kind: Toy, loaded: Loaded) -> State:
        if loaded.session_id == "t2":
            raise Fault
        return load(kind, loaded)

    for number in range(5):
        world.session(f"t{number}")
    with monkeypatch.context() as patch:
        patch.setattr(Toy, "load", odd)
        rids = [peer.command("step", session=f"t{number}") for number in range(5)]
        for number in (0, 1, 3, 4):
            assert (await peer.acked(rids[number])).data == {"total": 1}
        assert (await peer.refused(rids[2])).code == Code.INTERNAL_ERROR
    assert (await peer.acked(peer.command("step", session="t2"))).data == {"total": 1}


async def test_a_host_goes_on_tending_after_a_fault(
    world: World, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = Peer(host)
    await peer.acked(peer.command("remind", amount=1))
    world.clock.advance(2)
    with monkeypatch.context() as patch:
        patch.setattr(world.sessions, "reminders", broken)
        await until(lambda: len(world.sleeper.waiting) == LOOPS, "a host that sleeps")
        world.sleeper.wake()
        await until(lambda: len(world.sleeper.waiting) == LOOPS, "all loops asleep again")
    world.sleeper.wake()
    await until(lambda: world.reactions.dues, "the reminder")


async def test_a_host_goes_on_looking_for_shards_after_a_fault(
    world: World, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = await world.host("h2")
    with monkeypatch.context() as patch:
        patch.setattr(host.placement._store, "routing", broken)
        await until(lambda: len(world.sleeper.waiting) == 2 * LOOPS, "hosts that sleep")
        world.sleeper.wake()
        await until(lambda: len(world.sleeper.waiting) == 2 * LOOPS, "all loops asleep again")
    for _ in range(PATIENT_LOOKS + 2):
        world.sleeper.wake()
        await until(lambda: len(world.sleeper.waiting) == 2 * LOOPS, "all loops asleep once more")
    assert second.placement.generations, "the first one gave some of its shards"


@pytest.mark.parametrize(
    ("port", "method", "after"),
    [
        ("sessions", "events", 0), ("renderer", "render", 0), ("sessions", "load", 0),
        ("sessions", "load", None),
    ],
)  # fmt: skip
async def test_a_subscription_that_breaks_is_refused_and_may_be_tried_again(
    world: World, host: Host, monkeypatch: pytest.MonkeyPatch,
    port: str, method: str, after: int | None,
) -> None:  # fmt: skip
    peer = Peer(host)
    await peer.acked(peer.command("say", text="hello"))
    for cell in host.activation.forget_shards(list(host.placement.generations)):
        host.turns.drop(cell)
    with monkeypatch.context() as patch:
        patch.setattr(getattr(world, port), method, broken)
        sub = peer.subscribe(after=after)
        await until(lambda: peer.of(Refused), "a refusal")
    [refusal] = peer.of(Refused)
    assert (refusal.sub, refusal.retryable) == (sub, True)
    peer.subscribe(after=0)
    await until(lambda: peer.events(sub + 1), "what was missed")
