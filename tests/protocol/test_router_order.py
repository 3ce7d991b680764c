"""Commands of one shard keep their order, however late a host says that it has moved."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import msgspec

from beheard_hub.domain.limits import SHARDS
from beheard_hub.domain.refusals import Code
from beheard_hub.domain.sharding import shard_of
from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.connection_protocol import Submit
from beheard_hub.gateway.frames import Ack, Outgoing
from beheard_hub.gateway.router import Router
from beheard_hub.link_messages import Acked, CommandTo, MergedFrom, Moved, Refused

from .conftest import RealClock, until
from .fake_host import FakeHost, FakeLink, World

ELSEWHERE = next(
    key for key in (f"s{number}" for number in range(2, 99)) if shard_of(key) != shard_of("s1")
)
"""A session of another shard than s1."""


class Ear:
    """A sink that keeps what it is told."""

    crowded = False

    def __init__(self) -> None:
        self.closed = False
        self.frames: list[Outgoing] = []

    def deliver(self, frame: Outgoing) -> None:
        self.frames.append(frame)

    def answered(self) -> None:
        """Not counted here."""


@contextlib.asynccontextmanager
async def routed(world: World) -> AsyncIterator[Router]:
    """A router that reaches every shard and looks at the routing only when it has a reason to."""
    router = Router(world, world, RealClock(), Bounds(refresh_seconds=30))
    await router.start()
    try:
        await until(lambda: router.ready, "all shards reachable")
        yield router
    finally:
        await router.stop()


def unanswered(host: FakeHost) -> list[tuple[FakeLink, CommandTo]]:
    """The commands that come to a host, which the test answers itself."""
    kept: list[tuple[FakeLink, CommandTo]] = []
    host.command = lambda link, message: kept.append((link, message))  # type: ignore[method-assign]
    return kept


async def test_a_late_moved_lets_nothing_overtake() -> None:
    world = World()
    first, second = world.host("h1", owns_all=True), world.host("h2")
    kept = unanswered(first)
    ear = Ear()
    async with routed(world) as router:
        for number in (1, 2, 3):
            router.submit(ear, "alice", Submit(f"c{number}", "s1", "echo", {}))
        await until(lambda: len(kept) == 3, "three commands at the first host")
        world.owners = ["h2"] * SHARDS
        link, c1 = kept[0]
        link.answer(Moved(c1.rid))
        await until(lambda: len(second.commands) == 3, "all three at the second host")
        router.submit(ear, "alice", Submit("c4", "s1", "echo", {}))
        for late, message in kept[1:]:
            late.answer(Moved(message.rid))
        await until(lambda: len(ear.frames) == 4, "four answers")
    assert [command.id for command in second.commands] == ["c1", "c2", "c3", "c4"]


async def test_what_is_taken_back_goes_before_what_waits() -> None:
    world = World()
    first, second = world.host("h1", owns_all=True), world.host("h2")
    kept = unanswered(first)
    ear = Ear()
    async with routed(world) as router:
        for number in (1, 2):
            router.submit(ear, "alice", Submit(f"c{number}", "s1", "echo", {}))
        await until(lambda: len(kept) == 2, "two commands at the first host")
        [line] = [router.hosts._lines["h1"]]
        line.leaving = True
        router.submit(ear, "alice", Submit("c3", "s1", "echo", {}))
        world.owners = ["h2"] * SHARDS
        first.die()
        await until(lambda: len(ear.frames) == 3, "three answers")
    assert [command.id for command in second.commands] == ["c1", "c2", "c3"]


async def test_a_moved_of_the_host_that_routing_still_names_lets_nothing_overtake() -> None:
    world = World()
    host = world.host("h1", owns_all=True)
    kept = unanswered(host)
    ear = Ear()
    async with routed(world) as router:
        for number in (1, 2, 3):
            router.submit(ear, "alice", Submit(f"c{number}", "s1", "echo", {}))
        router.submit(ear, "alice", Submit("o1", ELSEWHERE, "echo", {}))
        await until(lambda: len(kept) == 4, "four commands at the host")
        link, c1 = kept[0]
        link.answer(Moved(c1.rid))
        await until(lambda: len(kept) == 7, "the three of that shard at the host again")
        for late, message in kept:
            late.answer(Acked(message.rid, {}, 0))
        await until(lambda: len(ear.frames) == 4, "four answers")
    assert [c.id for _, c in kept] == ["c1", "c2", "c3", "o1", "c1", "c2", "c3"]
    assert router.unanswered == 0


async def test_what_a_merged_guest_waits_for_is_carried_out_as_the_user() -> None:
    world = World()
    host = world.host("h1", owns_all=True)
    kept = unanswered(host)
    ear = Ear()
    async with routed(world) as router:
        for number, session in enumerate(("s1", "s1", "", "")):
            router.submit(ear, "guest", Submit(f"c{number}", session, "echo", {}))
        await until(lambda: len(kept) == 4, "all at the host")
        link = kept[0][0]
        refused = Refused(0, Code.SERVICE_UNAVAILABLE, "", True)
        link.answer(msgspec.structs.replace(refused, rid=kept[0][1].rid, retryable=False))
        link.answer(MergedFrom("guest", "user", ["s1"]))
        await until(lambda: len(kept) == 5, "the one that waits in the session")
        router.submit(ear, "user", Submit("c9", "s1", "echo", {}))
        for _, late in kept[:3]:
            link.answer(msgspec.structs.replace(refused, rid=late.rid))
        link.answer(Acked(kept[3][1].rid, {"merged": True}, 0))
        await until(lambda: len(kept) == 7, "the others as well")
        for _, again in kept[4:]:
            link.answer(Acked(again.rid, {}, 0))
        await until(lambda: len(ear.frames) == 5, "five answers")
    assert [(c.id, c.user_id) for _, c in kept[4:]] == [(i, "user") for i in ("c1", "c9", "c2")]
    assert [isinstance(frame, Ack) for frame in ear.frames] == [False, True, True, True, True]


async def test_what_a_closed_client_had_in_flight_is_not_sent_again() -> None:
    world = World()
    first, second = world.host("h1", owns_all=True), world.host("h2")
    gone, here = Ear(), Ear()
    async with routed(world) as router:
        router.submit(gone, "alice", Submit("c1", "s1", "hold", {}))
        router.submit(here, "alice", Submit("c2", "s1", "hold", {}))
        await until(lambda: len(first.held) == 2, "two commands at the first host")
        gone.closed = True
        router.gone(gone)
        world.owners = ["h2"] * SHARDS
        first.die()
        await until(lambda: len(second.held) > 0, "what is still waited for at the second host")
        assert router.unanswered == 1
        second.release()
        await until(lambda: len(here.frames) == 1, "its answer")
    assert [command.id for command in second.commands] == ["c2"]
    assert gone.frames == []
