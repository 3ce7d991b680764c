"""Shards: shared out, taken over, given away; what is due is found by the new owner."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from beheard_hub.actors import placement
from beheard_hub.actors.host import LAST_LOOKS_MAX, Host
from beheard_hub.actors.placement import (
    GIVE_SHARDS_MAX,
    LEAVE_SHARDS_MAX,
    free_shards,
    portion,
    shards_of,
    shared_out,
    surplus,
)
from beheard_hub.actors.sent_away import HEARD_SECONDS_MAX
from beheard_hub.domain.kernel import Command, Loaded
from beheard_hub.domain.limits import SHARDS
from beheard_hub.domain.sharding import home_of, shard_of
from beheard_hub.link_messages import Acked, Leaving, Moved, ToGateway
from beheard_hub.ports import HostEntry, Lease, RoutingTable, StoreUnavailable
from tests.unit.actors.world import Peer, World, soon, until


def table(owners: dict[str, int], *dead: str) -> RoutingTable:
    """A table in which hosts own that many shards, the rest is nobody's."""
    listed: list[str | None] = [host for host, count in owners.items() for _ in range(count)]
    hosts = {host: HostEntry(host, 1, "", host not in dead) for host in owners}
    return RoutingTable(listed + [None] * (256 - len(listed)), hosts)


def test_free_shards_are_shared_out_without_rest() -> None:
    free = free_shards(table({"a": 100, "b": 50, "c": 0}, "b"))
    assert free == list(range(100, 256))
    parts = [portion(free, host, ["a", "c"]) for host in ("a", "c")]
    assert sorted(parts[0] + parts[1]) == free
    assert abs(len(parts[0]) - len(parts[1])) <= 1


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host gives at the first look at which it is the richer one."""
    monkeypatch.setattr(placement, "PATIENT_LOOKS", -1)


@pytest.mark.parametrize(
    ("owners", "gift"),
    [
        ({"a": 256, "b": 0}, ("b", 127)),
        ({"a": 128, "b": 128}, ("b", 0)),
        ({"a": 129, "b": 127}, ("b", 0)),
        ({"a": 256}, ("", 0)),
        ({"a": 128, "b": 128, "c": 0}, ("c", 42)),
    ],
)
def test_only_a_rich_host_gives(owners: dict[str, int], gift: tuple[str, int]) -> None:
    to, count = surplus(table(owners), "a")
    assert (to, count) == gift or (count == 0 and gift[1] == 0)


def test_what_a_leaving_host_has_makes_the_others_equal() -> None:
    before = table({"a": 128, "b": 128, "c": 0})
    mine = shards_of(before, "a")
    assert shared_out(before, mine, ["b", "c"]) == {"c": mine}
    given = shared_out(table({"a": 100, "b": 100, "c": 56}), range(100), ["b", "c"])
    assert (len(given["b"]), len(given["c"])) == (28, 72)
    assert sorted(given["b"] + given["c"]) == list(range(100))


async def test_who_has_just_come_is_given_nothing_yet(
    world: World, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "PATIENT_LOOKS", 1_000)
    second = await world.host("h2")
    for _ in range(10):
        await host.placement.watch()
        await second.placement.watch()
    assert (len(host.placement.generations), len(second.placement.generations)) == (256, 0)


async def test_who_has_begun_to_give_goes_on_until_it_has_its_share(
    world: World, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "PATIENT_LOOKS", 2)
    second = await world.host("h2")
    owned = []
    for _ in range(6):
        await host.placement.watch()
        await second.placement.watch()
        owned.append(len(second.placement.generations))
    begun = owned.index(GIVE_SHARDS_MAX)
    assert owned[begun + 1 :] == [SHARDS // 2 - 1] * (len(owned) - begun - 1)
    assert owned[begun + 1 :], "it goes on at the next look"


async def test_a_host_knows_whether_anybody_serves_without_it(world: World) -> None:
    """Then it prepares what takes long before it takes anybody over."""
    first = world.make("h1", lambda: None)
    assert not await first.others_serve()
    await world.host("h2")
    assert await first.others_serve()


async def test_who_leaves_is_given_nothing_while_it_gives(
    world: World, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that leaves has ever less; where its move took long, others gave it what they had."""
    second = await world.host("h2")
    for _ in range(2):
        await host.placement.watch()
    await second.placement.notice()
    mine, theirs = len(host.placement.generations), len(second.placement.generations)
    assert (mine, theirs) == (129, 127)
    third = await world.host("h3")
    monkeypatch.setattr(placement, "PATIENT_LOOKS", 2)
    for _ in range(theirs // LEAVE_SHARDS_MAX + 1):
        assert await second.hand_over()
        for _ in range(3):
            await host.placement.watch()
            await third.placement.watch()
    assert await second.hand_over() == 0
    owned = [len(of.placement.generations) for of in (host, second, third)]
    assert owned == [mine, 0, theirs]


async def test_survivors_share_a_dead_hosts_shards(world: World) -> None:
    world.session("s2")
    peer = Peer(await world.host("h1"))
    await peer.acked(peer.command("step"))
    second, third = await world.host("h2"), await world.host("h3")
    await second.adopt("h1")
    await third.adopt("h1")
    for host in (second, third) * 3:  # what the first one had given them, and the rest evenly
        await host.placement.watch()
    owned = [set(host.placement.generations) for host in (second, third)]
    assert sorted(owned[0] | owned[1]) == list(range(256))
    assert not owned[0] & owned[1]
    for host in (second, third):
        peer = Peer(host)
        rid = peer.command("step", command_id="c2")
        if shard_of("s1") in host.placement.generations:
            assert (await peer.acked(rid)).data == {"total": 2}
        else:
            assert isinstance(await peer.answer(rid), Moved)


async def test_an_expired_lease_is_taken_by_the_watch(world: World) -> None:
    await world.host("h1")
    second = await world.host("h2")
    assert len(second.placement.generations) == 0
    world.clock.advance(1)
    world.database.leases["h2"].expires_at += 10
    world.clock.advance(3)
    await second.placement.watch()
    assert len(second.placement.generations) == 256


async def test_what_others_leave_lying_is_taken_a_round_later(world: World) -> None:
    world.database.leases.clear()
    first = world.make("h1", lambda: None)
    absent = world.make("h0", lambda: None)
    await absent._ports.leases.open("h0", "nowhere")
    await first.start("memory:h1", world.reactions)
    world.hosts.append(first)
    assert len(first.placement.generations) == 128
    await first.placement.watch()
    assert len(first.placement.generations) == 256


async def test_a_rich_host_gives_after_its_last_flush(world: World, host: Host, peer: Peer) -> None:
    sessions = [f"t{n}" for n in range(40)]
    for session in sessions:
        world.session(session)
    second = await world.host("h2")
    sub = peer.subscribe(session="t1")
    rids = [peer.command("step", session=session) for session in sessions]
    await until(lambda: host.write_behind.entries, "entries in the buffer")
    for _ in range(3):
        await host.placement.watch()
        await second.placement.watch()
    assert len(second.placement.generations) == 127
    assert len(host.placement.generations) == 129
    for rid in rids:
        await peer.acked(rid)
    given = [s for s in sessions if shard_of(s) in second.placement.generations]
    assert given
    other = Peer(second)
    for session in given:
        ack = await other.acked(other.command("step", session=session, command_id="second"))
        assert ack.data == {"total": 2}
    moved = [m for m in peer.of(Moved) if m.sub == sub]
    assert bool(moved) == ("t1" in given)


async def test_a_late_answer_does_not_bring_back_what_was_given_since(
    world: World, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.host("h2")
    leases, arrived = host._ports.leases, asyncio.Event()
    asked = leases.routing

    async def slow() -> RoutingTable:
        table = await asked()
        await arrived.wait()
        return table

    with monkeypatch.context() as patched:
        patched.setattr(leases, "routing", slow)
        noticing = asyncio.create_task(host.placement.notice())
        await asyncio.sleep(0)
    await host.placement.watch()
    kept = {shard for shard, owner in enumerate(world.database.owners) if owner == "h1"}
    assert set(host.placement.generations) == kept
    assert len(kept) < 256
    arrived.set()
    await noticing
    assert set(host.placement.generations) == kept


@pytest.mark.parametrize("made", [True, False])
async def test_a_gift_whose_answer_is_lost_is_made_until_it_is_known(
    world: World, host: Host, monkeypatch: pytest.MonkeyPatch, made: bool
) -> None:
    """Until then nobody decides here: the database may still carry out the first try."""
    second = await world.host("h2")
    leases = host._ports.leases
    gives, tries = leases.give, list[Sequence[int]]()

    async def cut(lease: Lease, shards: Sequence[int], to: str) -> None:
        tries.append(shards)
        if made or len(tries) >= 3:
            await gives(lease, shards, to)
        if len(tries) < 3:
            raise StoreUnavailable

    monkeypatch.setattr(leases, "give", cut)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await host.placement.watch()
        await host.placement.notice()
        assert not set(tries[0]) & set(host.placement.generations)
    await host.placement.watch()
    assert tries[:3] == [tries[0]] * 3
    await second.placement.notice()
    owned = [set(of.placement.generations) for of in (host, second)]
    assert sorted(owned[0] | owned[1]) == list(range(256))
    assert not owned[0] & owned[1]


async def test_what_the_database_calls_anothers_is_decided_for_no_more(
    world: World, host: Host, peer: Peer
) -> None:
    """A gift that was carried out so late that its shard had come back."""
    await peer.acked(peer.command("step"))
    world.database.owners[shard_of("s1")] = "h2"
    second = await world.host("h2")
    await host.placement.watch()
    assert isinstance(await peer.answer(peer.command("step", command_id="c2")), Moved)
    await second.placement.notice()
    other = Peer(second)
    assert (await other.acked(other.command("step", command_id="c2"))).data == {"total": 2}


async def left(host: Host) -> int:
    """The host gives all that it has; returns how many shards."""
    total = 0
    while given := await host.hand_over():
        total += given
    return total


async def test_a_host_that_leaves_serves_what_it_has_not_given_yet(
    world: World, host: Host, peer: Peer
) -> None:
    """Everybody waited until all sessions of the host had moved."""
    second = await world.host("h2")
    sessions = [f"t{n}" for n in range(40)]
    for session in sessions:
        world.session(session)
    assert await host.hand_over() == LEAVE_SHARDS_MAX
    assert not peer.of(Leaving), "gateways go on asking it"
    await second.placement.notice()
    owned = [set(of.placement.generations) for of in (host, second)]
    assert (len(owned[1]), owned[0] & owned[1]) == (LEAVE_SHARDS_MAX, set())
    other = Peer(second)
    moved = [session for session in sessions if shard_of(session) in owned[1]]
    assert 0 < len(moved) < len(sessions)
    for session in sessions:
        mine, theirs = (other, peer) if session in moved else (peer, other)
        await mine.acked(mine.command("step", session=session))
        assert isinstance(await theirs.answer(theirs.command("step", session=session)), Moved)
    await host.placement.watch()
    assert set(host.placement.generations) == owned[0], "it takes nothing any more"


async def test_a_host_that_leaves_shares_out_all_it_has_after_its_last_flush(
    world: World, host: Host, peer: Peer
) -> None:
    sessions = [f"t{n}" for n in range(20)]
    for session in sessions:
        world.session(session)
    others = [await world.host("h2"), await world.host("h3")]
    sub = peer.subscribe(session="t1")
    rids = [peer.command("step", session=session) for session in sessions]
    await until(lambda: host.write_behind.entries, "entries in the buffer")
    assert await left(host) == 256
    late = peer.command("step", session="t1", command_id="late")
    assert isinstance(await peer.answer(late), Moved)
    for rid in rids:
        await peer.acked(rid)
    assert [m for m in peer.of(Moved) if m.sub == sub]
    for other in others:
        await other.placement.notice()
    owned = [set(other.placement.generations) for other in others]
    assert (len(owned[0]), len(owned[1]), owned[0] & owned[1]) == (128, 128, set())
    for session in sessions:
        owner = Peer(next(o for o in others if shard_of(session) in o.placement.generations))
        ack = await owner.acked(owner.command("step", session=session, command_id="second"))
        assert ack.data == {"total": 2}
    await host.placement.watch()
    assert await host.adopt("h2") == 0
    assert not host.placement.generations, "it takes nothing any more"


async def test_a_command_does_not_overtake_one_that_was_sent_away_before_it(
    world: World, host: Host, peer: Peer
) -> None:
    shard = shard_of("s1")
    del host.placement.generations[shard]
    first = peer.command("step", command_id="first")
    host.placement.generations[shard] = 1
    assert isinstance(await peer.answer(first), Moved)
    assert isinstance(await peer.answer(peer.command("step", command_id="next")), Moved)
    other = Peer(host)
    await other.acked(other.command("step", command_id="of another gateway"))
    rids = [peer.command("step", command_id=name) for name in ("first", "next")]
    assert [(await peer.acked(rid)).data["total"] for rid in rids] == [2, 3]


async def test_a_command_does_not_overtake_one_whose_shard_went_away_while_it_was_let_in(
    world: World, host: Host, peer: Peer
) -> None:
    shard = shard_of("s1")
    first = peer.command("step", command_id="first")
    assert host.activation.parked == 1
    generation = host.placement.generations.pop(shard)
    assert isinstance(await peer.answer(first), Moved)
    host.placement.generations[shard] = generation + 1
    assert isinstance(await peer.answer(peer.command("step", command_id="next")), Moved)
    rids = [peer.command("step", command_id=name) for name in ("first", "next")]
    assert [(await peer.acked(rid)).data["total"] for rid in rids] == [1, 2]


async def test_nobody_waits_long_for_one_that_was_sent_away(
    world: World, host: Host, peer: Peer
) -> None:
    shard = shard_of("s1")
    del host.placement.generations[shard]
    assert isinstance(await peer.answer(peer.command("step", command_id="given up")), Moved)
    host.placement.generations[shard] = 1
    world.clock.advance(HEARD_SECONDS_MAX + 0.1)
    await peer.acked(peer.command("step", command_id="next"))


async def test_what_is_under_way_when_its_shard_is_given_is_answered(
    world: World, host: Host, peer: Peer
) -> None:
    """A command that looked something up was refused, in every move of its session."""
    second = await world.host("h2")
    await peer.acked(peer.command("step"))
    world.reactions.results["amount"] = {"amount": 10}
    world.reactions.gate = world.renderer.gate = asyncio.Event()
    looking, reading = peer.command("later"), peer.command("query", user="bob")
    leaving = asyncio.create_task(left(host))
    await until(lambda: not host.placement.generation(shard_of("s1")), "the shard is given")
    assert isinstance(await peer.answer(peer.command("step", command_id="late")), Moved)
    world.reactions.gate.set()
    assert (await peer.acked(looking)).data == {"total": 11}
    await peer.acked(reading)
    await leaving
    await second.placement.notice()
    other = Peer(second)
    assert (await other.acked(other.command("step", command_id="late"))).data == {"total": 12}


async def test_what_is_under_way_without_a_session_is_answered_before_its_shard_goes(
    world: World, host: Host, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its gateway would ask the next owner too, and what leaves no receipt would be done twice."""
    await world.host("h2")
    gate, load, owners = asyncio.Event(), world.sessions.load_directory, world.database.owners
    home = shard_of(home_of("", "ann"))

    async def held(user_id: str) -> Loaded:
        await gate.wait()
        return await load(user_id)

    monkeypatch.setattr(world.sessions, "load_directory", held)
    opening = peer.command("open", session="")
    leaving = asyncio.create_task(left(host))
    await until(lambda: not host.placement.generation(home), "the shard is given")
    for _ in range(LAST_LOOKS_MAX // 5):
        await soon()
    assert owners[home] == "h1"
    gate.set()
    assert (await peer.acked(opening)).data["number"] == 2
    await leaving
    assert owners[home] == "h2"


async def test_a_move_does_not_wait_for_a_model(world: World, host: Host, peer: Peer) -> None:
    await world.host("h2")
    await peer.acked(peer.command("step"))
    world.reactions.gate = asyncio.Event()
    thinking = peer.command("later")
    await left(host)
    assert (await peer.refused(thinking)).code == "SERVICE_UNAVAILABLE"
    world.reactions.gate.set()


async def test_nothing_is_flushed_of_a_shard_that_was_given(
    world: World, host: Host, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model answered during what was to be the last flush: the next owner would not know of it,
    and whoever asked was told to ask again."""
    monkeypatch.setattr(placement, "LEAVE_SHARDS_MAX", SHARDS)
    await world.host("h2")
    world.reactions.results["amount"] = {"amount": 10}
    world.reactions.gate, world.database.stall = asyncio.Event(), asyncio.Event()
    thinking, step = peer.command("later"), peer.command("step", user="bob")
    await until(lambda: host.write_behind.entries, "an entry in the buffer")
    unflushed, give = list[int](), host.placement._store.give

    async def noted(lease: Lease, shards: Sequence[int], to: str) -> None:
        unflushed.append(host.write_behind.entries)
        await give(lease, shards, to)

    monkeypatch.setattr(host.placement._store, "give", noted)
    leaving = asyncio.create_task(left(host))
    await until(lambda: host.write_behind._barriers, "the last flush is waited for")
    world.reactions.gate.set()
    await until(lambda: host.write_behind.entries == 2, "the model has answered")
    world.database.stall.set()
    await leaving
    assert unflushed == [0]
    assert [(await peer.acked(rid)).data["total"] for rid in (step, thinking)] == [1, 11]


async def test_a_host_that_is_alone_keeps_its_shards_to_the_end(world: World, host: Host) -> None:
    assert await host.hand_over() == 0
    assert len(host.placement.generations) == 256
    await host.drain()
    second = await world.host("h2")
    assert len(second.placement.generations) == 256


async def test_shards_are_given_while_commands_of_others_never_cease(
    world: World, host: Host, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(message: ToGateway) -> None:
        peer.received.append(message)
        if isinstance(message, Acked):
            peer.command("step")

    monkeypatch.setattr(peer, "send", send)
    peer.command("step")
    await until(lambda: len(peer.of(Acked)) > 10, "commands without a pause")
    giving = asyncio.create_task(host.write_behind.drained())
    await until(giving.done, "the end of what was there before")
    monkeypatch.undo()


async def test_due_reminders_are_found_by_the_next_owner(world: World, host: Host) -> None:
    peer = Peer(host)
    await peer.acked(peer.command("remind", amount=0))
    await peer.acked(peer.command("remind", amount=60))
    assert len(world.reactions.dues) == 1
    assert world.reactions.dues[0][0] == "s1"
    world.reactions.dues.clear()
    second = await world.host("h2")
    await second.adopt("h1")
    await until(lambda: world.reactions.dues, "the scan of adopted shards")
    assert len(world.reactions.dues) == 1
    world.clock.advance(61)
    second.write_behind._wake.set()
    await until(second.answering, "the heartbeat")
    world.sleeper.wake()
    await until(lambda: len(world.reactions.dues) == 3, "the one whose time has come")


async def test_what_waits_for_no_time_does_not_wait_for_the_next_owners_clock(
    world: World, host: Host
) -> None:
    ahead = (world.clock.now() + timedelta(hours=1)).isoformat()
    for kind in ("timer", "at_once"):
        row = {"id": kind, "kind": kind, "dueAt": ahead, "sessionId": "s1", "userId": None}
        more = {"shard": shard_of("s1"), "payload": {}}
        world.database.tables.setdefault("hub.Reminder", []).append({**row, **more})
    second = await world.host("h2")
    await second.adopt("h1")
    world.sleeper.wake()
    await until(lambda: world.reactions.dues, "the scan of adopted shards")
    assert {due.id for _, due in world.reactions.dues} == {"at_once"}


async def test_a_settled_reminder_is_named_no_more(world: World, host: Host, peer: Peer) -> None:
    sub = peer.subscribe()
    await peer.acked(peer.command("remind", amount=0))
    session_id, due = world.reactions.dues.pop()
    command = Command(id=due.id, name="internal.timer", user_id="", data=None, session_id="s1")
    host.submit_internal(session_id, command)
    await until(lambda: peer.events(sub), "the event of the timer")
    assert world.database.rows("hub.Reminder")[0]["firedAt"] is not None
    world.sleeper.wake()
    await until(lambda: len(world.sleeper.waiting) >= 2, "the next round")
    assert world.reactions.dues == []


async def test_leaving_is_told(host: Host, peer: Peer) -> None:
    await host.drain()
    assert peer.of(Leaving) == [Leaving()]
