"""Commands of one shard keep their order, however late a host says that it has moved."""

from __future__ import annotations

from beheard_hub.domain.limits import SHARDS
from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.connection_protocol import Submit
from beheard_hub.gateway.frames import Outgoing
from beheard_hub.gateway.router import Router
from beheard_hub.link_messages import CommandTo, Moved

from .conftest import RealClock, until
from .fake_host import FakeLink, World


class Ear:
    """A sink that keeps what it is told."""

    closed = False
    crowded = False

    def __init__(self) -> None:
        self.frames: list[Outgoing] = []

    def deliver(self, frame: Outgoing) -> None:
        self.frames.append(frame)

    def answered(self) -> None:
        """Not counted here."""


async def test_a_late_moved_lets_nothing_overtake() -> None:
    world = World()
    first, second = world.host("h1", owns_all=True), world.host("h2")
    kept: list[tuple[FakeLink, CommandTo]] = []
    first.command = lambda link, message: kept.append((link, message))  # type: ignore[method-assign]
    router, ear = Router(world, world, RealClock(), Bounds(refresh_seconds=30)), Ear()
    await router.start()
    try:
        await until(lambda: router.ready, "all shards reachable")
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
    finally:
        await router.stop()
    assert [command.id for command in second.commands] == ["c1", "c2", "c3", "c4"]


async def test_what_is_taken_back_goes_before_what_waits() -> None:
    world = World()
    first, second = world.host("h1", owns_all=True), world.host("h2")
    kept: list[tuple[FakeLink, CommandTo]] = []
    first.command = lambda link, message: kept.append((link, message))  # type: ignore[method-assign]
    router, ear = Router(world, world, RealClock(), Bounds(refresh_seconds=30)), Ear()
    await router.start()
    try:
        await until(lambda: router.ready, "all shards reachable")
        for number in (1, 2):
            router.submit(ear, "alice", Submit(f"c{number}", "s1", "echo", {}))
        await until(lambda: len(kept) == 2, "two commands at the first host")
        [line] = [router.hosts._lines["h1"]]
        line.leaving = True
        router.submit(ear, "alice", Submit("c3", "s1", "echo", {}))
        world.owners = ["h2"] * SHARDS
        first.die()
        await until(lambda: len(ear.frames) == 3, "three answers")
    finally:
        await router.stop()
    assert [command.id for command in second.commands] == ["c1", "c2", "c3"]
