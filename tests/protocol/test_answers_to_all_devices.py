"""An answer on its way from two hosts through a gateway to many devices, with everything between:
whatever comes late, waits, is cut, moves or is taken back, nobody ever shows doubled or mixed text,
and all show the same in the end.

Hosts, subscriptions, outboxes and the client's fold are the real ones; the lines between them hold
what is sent until the test lets it through.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beheard_hub.actors.host import Host
from beheard_hub.client.frames import Streamed, decode
from beheard_hub.client.stream import Inbox, Writing
from beheard_hub.gateway import frames
from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.frames import DEFAULT_CODEC
from beheard_hub.gateway.hosts import Hosts, Line
from beheard_hub.gateway.outbox import Outbox
from beheard_hub.gateway.subscriptions import Subscriptions
from beheard_hub.link_messages import (
    Acked,
    CommandTo,
    DeltaFrom,
    EventFrom,
    Moved,
    PresenceFrom,
    Refused,
    SnapshotFrom,
    SubscribedFrom,
    SubscribeTo,
    ToGateway,
    ToHost,
    UnsubscribeTo,
)
from beheard_hub.ports import Piece
from tests.unit.actors.world import World

SESSION, OWNER, PARTNER = "s1", "ann", "bob"
BOUNDS = Bounds(outbox_frames_max=8)


class Wire:
    """A gateway's line to a host, and the host's to the gateway."""

    gateway_id = "gateway"

    def __init__(self, host: Host) -> None:
        self.host = host
        self.waiting: deque[ToGateway] = deque()
        host.attached(self)

    def send(self, message: ToHost | ToGateway) -> None:
        """Both directions: what the gateway says arrives, what the host says waits."""
        if isinstance(message, SubscribeTo | UnsubscribeTo):
            self.host.received(self, message)
        else:
            self.waiting.append(cast(ToGateway, message))


class OneOwner:
    """`Hosts` with a routing table of one row."""

    def __init__(self) -> None:
        self.owner: Wire

    def line_for(self, shard: int) -> Wire:
        return self.owner

    def serves(self, line: Wire, shard: int) -> bool:
        return line is self.owner

    def doubt(self, line: Wire, shard: int) -> None:
        """The table is right."""

    def refresh_soon(self) -> None:
        """The test settles."""


class Device:
    """A connection (`Sink`) with its outbox, and the app behind it."""

    def __init__(self, scene: Scene, user: str) -> None:
        self.scene, self.user = scene, user
        self.closed = False
        self.outbox = Outbox(DEFAULT_CODEC, BOUNDS)
        self.inbox = Inbox(SESSION, None, None, None, self.asks)
        self.writing = Writing()
        self.inbox.subscribe()

    def asks(self, frame: Mapping[str, Any]) -> None:
        assert frame["type"] == "subscribe"
        self.scene.gateway.add(self, self.user, SESSION, frame.get("after"))

    @property
    def crowded(self) -> bool:
        return self.outbox.crowded

    def answered(self) -> None:
        """No commands are sent here."""

    def deliver(self, frame: frames.Outgoing) -> None:
        if not self.closed:
            self.outbox.put(frame)

    def read(self, count: int) -> None:
        """Takes frames from the socket; an overflow has closed it."""
        if self.outbox.overflowed:
            self.reconnect()
        for _ in range(count):
            payload = self.outbox.take()
            if payload is None:
                break
            frame = decode(payload, "json")
            assert not isinstance(frame, frames.Error)
            self.inbox.offer(cast(Streamed, frame), 0.0)
            self.show()
        if not self.outbox:
            self.scene.gateway.drained(self)

    def show(self) -> None:
        while self.inbox._frames:
            self.writing.took(self.inbox._frames.popleft())
            self.scene.check(self)

    def reconnect(self) -> None:
        self.scene.gateway.remove_all(self)
        self.outbox = Outbox(DEFAULT_CODEC, BOUNDS)
        self.inbox.disconnected()
        self.inbox.subscribe()
        self.show()

    def miss_the_end(self) -> None:
        """The answer is given up while this one is away."""
        self.scene.gateway.remove_all(self)
        self.scene.give_up(self.scene.hosts.owner, self.scene.running)
        self.reconnect()


class Scene:
    """Two hosts that could own the session, one gateway, and what the facilitator says."""

    def __init__(self, worlds: tuple[World, World], wires: list[Wire]) -> None:
        self.worlds, self.wires = worlds, wires
        self.hosts = OneOwner()
        self.hosts.owner = wires[0]
        self.gateway = Subscriptions(cast(Hosts, self.hosts), worlds[0].clock, BOUNDS)
        self.devices: list[Device] = []
        self.said: dict[str, list[str]] = {}
        """Answer → what it was in turn: a text grows, a reset begins another."""
        self.running: dict[Wire, str] = {}
        self.overtaken: dict[Wire, str] = {}
        """An answer that does not know yet that it was stopped."""
        self.indices: dict[str, int] = {}
        self.count = 0

    # ---- the facilitator

    def tells(self, wire: Wire, answer: str, text: str, *, reset: bool = False) -> None:
        index = 0 if reset else self.indices.get(answer, -1) + 1
        self.indices[answer] = index
        texts = self.said.setdefault(answer, [""])
        texts.append("") if reset else texts.append(texts[-1] + text)
        wire.host.delta(SESSION, OWNER, Piece("m0", answer, index, text, reset))

    def say(self, wire: Wire) -> None:
        self.count += 1
        answer = self.running.setdefault(wire, f"a{self.count}")
        self.tells(wire, answer, f"w{self.count} ")

    def take_back(self, wire: Wire) -> None:
        if wire in self.running:
            self.tells(wire, self.running[wire], "", reset=True)

    def give_up(self, wire: Wire, answers: dict[Wire, str]) -> None:
        if wire in answers:
            self.tells(wire, answers[wire], "", reset=True)
            wire.host.answered(SESSION, OWNER, answers.pop(wire))

    def overtake(self, wire: Wire) -> None:
        self.give_up(wire, self.overtaken)
        if wire in self.running:
            self.overtaken[wire] = self.running.pop(wire)
            self.say(wire)

    def say_too_late(self, wire: Wire) -> None:
        self.count += 1
        if wire in self.overtaken:
            self.tells(wire, self.overtaken[wire], f"w{self.count} ")

    # ---- the world

    def move(self) -> None:
        """Another host owns the session; the old one does not know yet, and speaks on."""
        self.hosts.owner = self.wires[1 - self.wires.index(self.hosts.owner)]
        self.gateway.settle()

    def happen(self) -> None:
        """An event; where its text cannot be read just now, its listeners must catch up."""
        self.count += 1
        wire, number = self.hosts.owner, self.count
        world = self.worlds[self.wires.index(wire)]
        world.renderer.available = number % 3 > 0
        command = CommandTo(number, PARTNER, f"c{number}", "say", {"text": "hi"}, SESSION)
        wire.host.received(wire, command)

    def deliver(self, count: int) -> None:
        for wire in self.wires:
            for _ in range(min(count, len(wire.waiting))):
                message = wire.waiting.popleft()
                if not isinstance(message, Acked | PresenceFrom):
                    HANDLERS[type(message)](self.gateway, cast(Line, wire), message)

    async def settle(self) -> None:
        """Until nothing is under way any more."""
        for world in self.worlds:
            world.renderer.available = True
        for _ in range(60):
            for _ in range(20):
                await asyncio.sleep(0)
            self.deliver(1_000)
            self.gateway.settle()
            for device in self.devices:
                device.read(1_000)

    # ---- what must hold

    def check(self, device: Device) -> None:
        writing = device.writing
        if writing.message_id is None:
            assert writing.text == ""
            return
        assert device.user == OWNER, "the partner hears nothing of it"
        texts = self.said[writing.message_id]
        assert writing.text in texts, "doubled, mixed, or with a hole"

    def check_same(self) -> None:
        answer = self.running.get(self.hosts.owner)
        text = self.said[answer][-1] if answer is not None else ""
        for device in self.devices:
            mine = text if device.user == OWNER else ""
            assert (device.writing.text, device.user) == (mine, device.user)


HANDLERS: Mapping[type, Callable[[Subscriptions, Line, Any], None]] = {
    SnapshotFrom: Subscriptions.snapshot,
    SubscribedFrom: Subscriptions.subscribed,
    EventFrom: Subscriptions.event,
    DeltaFrom: Subscriptions.delta,
    Moved: Subscriptions.moved,
    Refused: Subscriptions.refused,
}


def _unsure(scene: Scene) -> None:
    """The lease may be over, or surely holds again."""
    host = scene.hosts.owner.host
    host.fenced_off = not host.fenced_off


def _former(scene: Scene) -> Wire:
    return scene.wires[1 - scene.wires.index(scene.hosts.owner)]


def _of_a_device(deed: Callable[[Device], None]) -> Callable[[Scene, int], None]:
    def done(scene: Scene, number: int) -> None:
        if scene.devices:
            deed(scene.devices[number % len(scene.devices)])

    return done


DEEDS: Mapping[str, Callable[[Scene, int], None]] = {
    "say": lambda scene, _: scene.say(scene.hosts.owner),
    "say again": lambda scene, _: scene.say(scene.hosts.owner),
    "stale": lambda scene, _: scene.say(_former(scene)),
    "reset": lambda scene, _: scene.take_back(scene.hosts.owner),
    "give up": lambda scene, _: scene.give_up(scene.hosts.owner, scene.running),
    "stale end": lambda scene, _: scene.give_up(_former(scene), scene.running),
    "overtake": lambda scene, _: scene.overtake(scene.hosts.owner),
    "say too late": lambda scene, _: scene.say_too_late(scene.hosts.owner),
    "late end": lambda scene, _: scene.give_up(scene.hosts.owner, scene.overtaken),
    "event": lambda scene, _: scene.happen(),
    "move": lambda scene, _: scene.move(),
    "unsure": lambda scene, _: _unsure(scene),
    "join": lambda scene, _: scene.devices.append(Device(scene, OWNER)),
    "partner": lambda scene, _: scene.devices.append(Device(scene, PARTNER)),
    "reconnect": _of_a_device(Device.reconnect),
    "miss the end": _of_a_device(Device.miss_the_end),
}


async def play(deeds: list[tuple[str, int, int]]) -> None:
    """After each deed so many turns of the loop, and so many messages and frames that arrive."""
    worlds = World(), World()
    try:
        for world in worlds:
            world.session(SESSION)
        scene = Scene(worlds, [Wire(await world.host()) for world in worlds])
        for name, turns, arrive in deeds:
            DEEDS[name](scene, turns)
            for _ in range(turns):
                await asyncio.sleep(0)
            scene.deliver(arrive)
            for device in scene.devices:
                device.read(arrive)
        await end(scene)
    finally:
        for world in worlds:
            await world.stop()


async def end(scene: Scene) -> None:
    """Whatever was going on: with an answer under way and without one, all show the same."""
    owner = scene.hosts.owner
    for wire in scene.wires:
        wire.host.fenced_off = False
    scene.give_up(owner, scene.overtaken)
    if owner in scene.running:
        scene.say(owner)
    await scene.settle()
    scene.check_same()
    scene.say(owner)
    await scene.settle()
    scene.check_same()
    scene.give_up(owner, scene.running)
    await scene.settle()
    scene.check_same()


STEPS = st.lists(
    st.tuples(st.sampled_from(sorted(DEEDS)), st.integers(0, 9), st.sampled_from([0, 1, 9, 9])),
    max_size=40,
)


@settings(max_examples=150)
@given(STEPS)
async def test_all_devices_show_the_same_and_never_anything_wrong(
    deeds: list[tuple[str, int, int]],
) -> None:
    await play([("join", 9, 9), ("partner", 9, 9), *deeds])


@pytest.mark.parametrize(
    "deeds",
    [
        ["say", "join", "say"],
        ["say", "reconnect", "say"],
        ["say", "reconnect", "give up"],
        ["say", "move", "stale", "stale end"],
        ["say", "move", "say", "stale", "stale end", "move", "say"],
        ["say", "unsure", "say", "unsure", "say", "say"],
        ["say", "unsure", "give up"],
        ["say", "reset", "join", "say"],
        ["say", "overtake", "say too late", "late end", "say"],
        ["say", "miss the end"],
        ["say", "event", "event", "give up"],
    ],
    ids=" ".join,
)
async def test_what_happens_every_day(deeds: list[str]) -> None:
    await play([("join", 9, 9), ("join", 9, 9), *((deed, 9, 9) for deed in deeds)])


async def test_an_answer_that_began_and_was_given_up_unseen_leaves_none_before_it() -> None:
    """Waiting together, its first piece and its end are still two: only the first says that the
    answer before it, which nobody took back, is over."""
    unseen = [("overtake", 0, 0), ("give up", 9, 9)]
    await play([("join", 9, 9), ("say", 9, 9), *unseen, ("move", 9, 9)])
