"""The turn: what is decided, when it is answered, and what a repeated id does."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from beheard_hub.actors.host import Host
from beheard_hub.domain.refusals import Code
from beheard_hub.link_messages import Acked, EventFrom, Moved, Refused, SnapshotFrom
from beheard_hub.ports import RowRefused
from tests.unit.actors.world import Peer, World, until


async def test_a_command_is_acked_after_its_commit(world: World, host: Host, peer: Peer) -> None:
    world.database.stall = asyncio.Event()
    rid = peer.command("step", amount=2)
    await until(lambda: host.activation.get("s1") and host.turns.decided, "the decision")
    assert peer.answers(rid) == []
    assert world.database.rows("Step") == []
    world.database.stall.set()
    ack = await peer.acked(rid)
    assert ack.data == {"total": 2}
    assert ack.seq == 1
    assert not ack.duplicate
    assert [row["total"] for row in world.database.rows("Step")] == [2]
    receipt = world.database.rows("hub.CommandReceipt")[0]
    assert receipt["reply"] == {"total": 2}
    assert receipt["sessionId"] == "s1"


async def test_turns_follow_each_other_in_the_order_sent(world: World, peer: Peer) -> None:
    rids = [peer.command("step", user=user) for _ in range(10) for user in ("ann", "bob")]
    totals = [(await peer.acked(rid)).data["total"] for rid in rids]
    assert totals == list(range(1, 21))
    assert [row["total"] for row in world.database.rows("Step")] == totals


async def test_a_clock_that_goes_back_turns_nothing_around(
    world: World, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await peer.acked(peer.command("step"))
    earlier = world.clock.now() - timedelta(hours=1)
    monkeypatch.setattr(world.clock, "now", lambda: earlier)
    for _ in range(2):
        await peer.acked(peer.command("step"))
    events = world.database.rows("hub.SessionEvent", userId="ann")
    times = [datetime.fromisoformat(row["at"]) for row in events]
    assert times == sorted(set(times))


async def test_the_ack_comes_before_the_commands_own_event(peer: Peer) -> None:
    sub = peer.subscribe()
    await until(lambda: peer.received, "the snapshot")
    await peer.acked(peer.command("step"))
    await until(lambda: peer.events(sub), "the event")
    assert [type(m) for m in peer.received[1:]] == [Acked, EventFrom]


async def test_the_same_id_in_flight_joins(world: World, peer: Peer) -> None:
    world.database.stall = asyncio.Event()
    first = peer.command("step", command_id="one")
    joined = [peer.command("step", command_id="one") for _ in range(9)]
    other = peer.command("step", command_id="one", amount=5)
    await until(lambda: peer.answers(other), "the conflict")
    assert (await peer.refused(other)).code == Code.CONFLICT
    world.database.stall.set()
    assert not (await peer.acked(first)).duplicate
    assert all([(await peer.acked(rid)).duplicate for rid in joined])
    assert len(world.database.rows("Step")) == 1


@pytest.mark.parametrize("reactivated", ["live", "reloaded", "packed"])
async def test_a_repeated_id_has_no_second_effect(
    world: World, host: Host, peer: Peer, reactivated: str
) -> None:
    assert (await peer.acked(peer.command("step", command_id="one"))).data == {"total": 1}
    cell = host.activation.live["s1"]
    if reactivated == "reloaded":
        host.activation.forget(cell)
    elif reactivated == "packed":
        world.clock.advance(2)
        world.database.leases["h1"].expires_at += 100
        host.write_behind.answer_until += 100
        world.clock.advance(90)
        host.activation.sweep()
        assert "s1" in host.activation.packed
    again = await peer.acked(peer.command("step", command_id="one"))
    assert again.duplicate
    assert again.data == {"total": 1}
    assert again.seq == 1
    conflict = await peer.refused(peer.command("step", command_id="one", amount=7))
    assert conflict.code == Code.CONFLICT
    assert len(world.database.rows("Step")) == 1
    assert (await peer.acked(peer.command("step"))).data == {"total": 2}


async def test_reads_and_refusals_wait_for_what_they_saw(world: World, peer: Peer) -> None:
    world.database.stall = asyncio.Event()
    peer.command("step")
    gated = [peer.command(name) for name in ("total", "query", "refuse")]
    stranger = peer.command("total", user="eve")
    for _ in range(50):
        await asyncio.sleep(0)
    assert peer.received == []
    world.database.stall.set()
    assert (await peer.acked(gated[0])).data == {"total": 1}
    assert (await peer.acked(gated[1])).data == {"query": "steps", "total": 1}
    assert (await peer.refused(gated[2])).code == Code.CONFLICT
    assert (await peer.refused(stranger)).code == Code.NOT_FOUND
    assert len(world.database.rows("hub.CommandReceipt")) == 1


async def test_what_is_not_yours_is_not_there(peer: Peer) -> None:
    for rid in (peer.command("step", user="eve"), peer.command("step", session="none")):
        assert (await peer.refused(rid)).code == Code.NOT_FOUND
    refused = await peer.refused(peer.command("step", amount="many"))
    assert refused.code == Code.VALIDATION_ERROR
    for name in ("unheard", "internal.timer"):
        assert (await peer.refused(peer.command(name))).code == Code.VALIDATION_ERROR


async def test_a_fault_of_ours_changes_nothing_and_says_nothing(
    world: World, peer: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    await peer.acked(peer.command("step"))
    refused = await peer.refused(peer.command("break"))
    assert refused.code == Code.INTERNAL_ERROR
    assert refused.details is not None
    logged = capsys.readouterr()
    assert refused.details["reference"] in logged.err + logged.out
    assert "secret" not in logged.err + logged.out
    assert (await peer.acked(peer.command("step"))).data == {"total": 2}


async def test_full_buffers_refuse_and_empty_again(world: World, host: Host, peer: Peer) -> None:
    await peer.acked(peer.command("step"))
    world.database.stall = asyncio.Event()
    rids = [peer.command("step") for _ in range(70)]
    refused = [rid for rid in rids if peer.answers(rid)]
    assert refused == rids[64:]
    answer = await peer.refused(refused[0])
    assert answer.code == Code.SERVICE_UNAVAILABLE
    assert answer.retryable
    world.database.stall.set()
    for rid in rids[:64]:
        await peer.acked(rid)
    assert host.write_behind.bytes == 0
    host.write_behind.bytes = 8 * 1024 * 1024
    assert (await peer.refused(peer.command("step"))).code == Code.SERVICE_UNAVAILABLE
    host.write_behind.bytes = 0


async def test_a_poisonous_row_fails_its_session_alone(
    world: World, host: Host, peer: Peer
) -> None:
    world.session("s2")
    for session in ("s1", "s2"):
        await peer.acked(peer.command("step", session=session))
    world.database.refuse = lambda row: RowRefused("23514") if row.get("id") == "poison" else None
    world.database.stall = asyncio.Event()
    first = peer.command("total", session="s2")
    await peer.acked(first)
    blocker = peer.command("step", session="s2")
    await until(lambda: host.write_behind._under_way, "a flush under way")
    healthy = peer.command("step", session="s2")
    poison = peer.command("poison")
    read = peer.command("total")
    later = peer.command("step")
    world.database.stall.set()
    await peer.acked(blocker)
    assert (await peer.acked(healthy)).data == {"total": 3}
    assert (await peer.refused(poison)).code == Code.INTERNAL_ERROR
    for rid in (read, later):
        answer = await peer.refused(rid)
        assert answer.retryable
    assert host.write_behind.rows_refused == 1
    assert (await peer.acked(peer.command("step", command_id=f"c{later}"))).data == {"total": 2}
    assert [e["seq"] for e in world.database.rows("hub.SessionEvent", userId="ann")] == [
        1, 1, 2, 3, 2,
    ]  # fmt: skip


async def test_work_is_joined_and_applied_once(world: World, host: Host, peer: Peer) -> None:
    world.reactions.results["amount"] = {"amount": 10}
    world.reactions.gate = asyncio.Event()
    asked = peer.command("later", command_id="w")
    joined = peer.command("later", command_id="w")
    assert (await peer.acked(peer.command("step"))).data == {"total": 1}
    world.reactions.gate.set()
    assert (await peer.acked(asked)).data == {"total": 11}
    assert (await peer.acked(joined)).duplicate
    assert (await peer.acked(peer.command("later", command_id="w"))).duplicate
    assert len(world.database.rows("Step")) == 2


async def test_work_that_fails_applies_nothing(world: World, peer: Peer) -> None:
    world.reactions.results["amount"] = TimeoutError()
    refused = await peer.refused(peer.command("later"))
    assert refused.code == Code.SERVICE_UNAVAILABLE
    world.reactions.results["amount"] = ValueError("private")
    assert (await peer.refused(peer.command("later"))).code == Code.INTERNAL_ERROR
    assert world.database.rows("Step") == []


async def test_own_words_come_fresh_and_are_read_for_the_other(world: World, peer: Peer) -> None:
    ann, bob = peer.subscribe("ann"), peer.subscribe("bob")
    await until(lambda: len(peer.of(SnapshotFrom)) == 2, "two snapshots")
    world.renderer.gate = asyncio.Event()
    ack = await peer.acked(peer.command("say", text="hello"))
    assert ack.data["step"]["text"] == "hello"
    assert ack.data["me"] == {"id": "ann", "total": 1}
    await until(lambda: peer.events(ann), "the own event, which needs no read")
    await peer.acked(peer.command("step"))
    await until(lambda: len(peer.events(ann)) == 2, "the next one")
    assert peer.events(bob) == []
    world.renderer.gate.set()
    await until(lambda: len(peer.events(bob)) == 2, "both in order")
    assert [event.name for event in peer.events(bob)] == ["said", "stepped"]
    assert peer.events(bob)[0].data["step"]["by"] == "bob"
    receipt = world.database.rows("hub.CommandReceipt")[0]
    assert receipt["reply"]["step"]["$"] == "ref"
    again = await peer.acked(peer.command("say", command_id="c1", text="hello"))
    assert again.duplicate
    assert again.data["step"]["read"] == "step"


async def test_commands_without_a_session_are_serialised_per_user(world: World, peer: Peer) -> None:
    rids = [peer.command("open", session="", command_id=f"o{n}") for n in range(3)]
    numbers = [(await peer.acked(rid)).data["number"] for rid in rids]
    assert numbers == [2, 3, 4]
    again = await peer.acked(peer.command("open", session="", command_id="o0"))
    assert again.duplicate
    assert again.data["number"] == 2
    count = await peer.acked(peer.command("count", session=""))
    assert count.data == {"sessions": 4}
    assert {r["sessionId"] for r in world.database.rows("hub.CommandReceipt")} == {""}


async def test_an_invitation_leads_to_its_session(world: World, host: Host, peer: Peer) -> None:
    invited = {"user": "eve", "session": "", "command_id": "join"}
    accepted = peer.command("join", invitationId="invitation-s1", **invited)
    await peer.acked(accepted)
    assert (await peer.acked(peer.command("total", user="eve"))).data == {"total": 0}
    repeated = await peer.acked(peer.command("join", invitationId="invitation-s1", **invited))
    assert repeated.duplicate
    unknown = await peer.refused(peer.command("join", session="", invitationId="none"))
    assert unknown.code == Code.NOT_FOUND
    del host.placement.generations[host.activation.live["s1"].shard]
    rid = peer.command("join", session="", invitationId="invitation-s1")
    assert await peer.answer(rid) == Moved(rid, "s1")


async def test_a_unique_violation_of_a_command_alone_is_conflict(world: World, peer: Peer) -> None:
    world.database.refuse = lambda row: RowRefused("23505") if row.get("userId") else None
    rid = peer.command("join", user="eve", session="", invitationId="invitation-s1")
    answer = await peer.answer(rid)
    assert isinstance(answer, Refused)
    assert answer.code == Code.CONFLICT
    world.database.refuse = lambda row: None
    assert (await peer.refused(peer.command("total", user="eve"))).code == Code.NOT_FOUND
