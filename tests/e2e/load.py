"""Many pairs that send without a pause, each with a log of every ack, and the proof of that log."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import asyncpg

from beheard_hub.client import Event, Hub
from beheard_hub.client.frames import Ack

from . import haystacks
from .conftest import Town

PAIRS = 20
PROGRESS_SECONDS_MAX = 40.0
VICTIM_SECONDS_MAX = 30.0
LOOK_AGAIN_SECONDS = 0.05
STORED = (Path(__file__).parent / "stored.sql").read_text()

Step: TypeAlias = tuple[str, Mapping[str, Any]]
TOGGLES: Mapping[str, Sequence[Step]] = {
    "a": (("session.pause", {}), ("session.resume", {})),
    "b": (("emotions.record", {"intensity": 4}), ("emotions.record", {"intensity": 6})),
}
EFFECTS: Mapping[str, str] = {
    "session.pause": "session.paused",
    "session.resume": "session.resumed",
    "emotions.record": "emotion.recorded",
}
"""Command → the event that its sender hears of it."""


@dataclass
class Player:
    """One client that sends for as long as the load lasts, and what came back."""

    side: str
    hub: Hub
    session_id: str
    user_id: str
    acks: dict[str, tuple[str, Ack]] = field(default_factory=dict, repr=False)
    """Command id → its name and its ack."""
    heard: list[Event] = field(default_factory=list, repr=False)

    async def send_on(self, load: Load) -> None:
        """Commands one after the other, each with a new id, until the load is over."""
        for name, data in cycle(TOGGLES[self.side]):
            if load.over:
                return
            command_id = uuid4().hex
            ack = await self.hub.command(name, data, session_id=self.session_id, id=command_id)
            self.acks[command_id] = (name, ack)
            load.progressed()

    async def listen(self, load: Load) -> None:
        """All events of the session, from the first on."""
        async for frame in self.hub.session(self.session_id).events(after=0):
            if isinstance(frame, Event):
                self.heard.append(frame)
                load.progressed()

    @property
    def sent(self) -> Counter[str]:
        """How many of each command were acked."""
        return Counter(name for name, _ in self.acks.values())


class Load:
    """All players, and waiting for what they achieve."""

    def __init__(self) -> None:
        self.players: list[Player] = []
        self.over = False
        self._progress = asyncio.Event()

    def progressed(self) -> None:
        """Somebody got an ack or an event."""
        self._progress.set()

    async def everybody_gets(self, count: int) -> None:
        """Waits until each player has that many acks more than now."""
        goals = [len(player.acks) + count for player in self.players]
        await self._reached(goals, lambda player: len(player.acks), "acks")

    async def everybody_heard_all(self) -> None:
        """Waits until each player heard the newest event that the hub has for them."""
        views = [
            await player.hub.command("session.get", session_id=player.session_id)
            for player in self.players
        ]
        goals = [view.seq for view in views]
        await self._reached(goals, lambda player: len(player.heard), "events")

    async def _reached(
        self, goals: Sequence[int], count: Callable[[Player], int], what: str
    ) -> None:
        def late() -> int:
            return sum(count(p) < goal for p, goal in zip(self.players, goals, strict=True))

        try:
            async with asyncio.timeout(PROGRESS_SECONDS_MAX):
                while late():
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            raise AssertionError(f"{late()} players did not get their {what} in time") from None


@asynccontextmanager
async def under_load(town: Town) -> AsyncIterator[Load]:
    """The players at work; at the end of the block each finishes the command it is at."""
    load = Load()
    async with AsyncExitStack() as stack:
        pairs = await asyncio.gather(*(_pair(town, stack, n) for n in range(PAIRS)))
        load.players = [player for pair in pairs for player in pair]
        async with asyncio.TaskGroup() as listening:
            ears = [listening.create_task(player.listen(load)) for player in load.players]
            async with asyncio.TaskGroup() as sending:
                for player in load.players:
                    sending.create_task(player.send_on(load))
                try:
                    yield load
                finally:
                    load.over = True
            await load.everybody_heard_all()
            for ear in ears:
                ear.cancel()


async def _pair(town: Town, stack: AsyncExitStack, number: int) -> Sequence[Player]:
    """Two who are in one session, each on another gateway."""
    gateways = town.gateways()
    hubs = [
        await stack.enter_async_context(
            Hub.connect(gateways[(number + place) % 2], town.person(name).token)
        )
        for place, name in enumerate(("Ada", "Ben"))
    ]
    made = (await hubs[0].command("session.create", {"inviteName": "Ben"})).data
    session_id = made["session"]["id"]
    await hubs[1].command("invitation.accept", {"invitationId": made["invitationId"]})
    seen = [(await hub.command("session.get", session_id=session_id)).data for hub in hubs]
    ids = [view["session"]["partner"]["id"] for view in reversed(seen)]
    return [
        Player(side, hub, session_id, user)
        for side, hub, user in zip(("a", "b"), hubs, ids, strict=True)
    ]


# ---- kills


async def kill_one(alive: Callable[[], Sequence[int]], killed: list[int]) -> None:
    """Kills -9 the first process that was not killed yet, as soon as there is one."""
    async with asyncio.timeout(VICTIM_SECONDS_MAX):
        while True:
            for pid in alive():
                if pid not in killed and _killed(pid):
                    killed.append(pid)
                    return
            await asyncio.sleep(LOOK_AGAIN_SECONDS)


def _killed(pid: int) -> bool:
    """Whether it lived until now."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


# ---- proof


async def assert_stored_once(town: Town, load: Load) -> None:
    """What the clients were told and what Postgres holds is the same, to the id and the number."""
    connection = await asyncpg.connect(haystacks.owner_url(town))
    try:
        for player in load.players:
            row = await connection.fetchrow(STORED, player.session_id, player.user_id)
            assert row is not None
            _assert_receipts(player, row["receipts"])
            _assert_events(player, load, row["events"])
            readings = {
                ack.data["reading"]["id"]
                for name, ack in player.acks.values()
                if name == "emotions.record"
            }
            assert set(row["readings"]) == readings
            assert len(row["readings"]) == len(readings)
    finally:
        await connection.close()


def _assert_receipts(player: Player, receipts: Sequence[str]) -> None:
    assert len(player.acks) > 10
    assert len(set(receipts)) == len(receipts)
    assert set(receipts) == set(player.acks), "a command was stored unacked, or acked unstored"
    seqs = [ack.seq for _, ack in player.acks.values()]
    assert all(earlier < later for earlier, later in pairwise(seqs))


def _assert_events(player: Player, load: Load, events: Sequence[str]) -> None:
    """`events` are ``seq name``, in order."""
    stored = [entry.split(" ") for entry in events]
    assert [int(seq) for seq, _ in stored] == list(range(1, len(stored) + 1))
    assert [(str(event.seq), event.name) for event in player.heard] == [
        (seq, name) for seq, name in stored
    ]
    names = Counter(name for _, name in stored)
    both = [p for p in load.players if p.session_id == player.session_id]
    for command, event in EFFECTS.items():
        senders = [player] if command == "emotions.record" else both
        assert names[event] == sum(sender.sent[command] for sender in senders), event
