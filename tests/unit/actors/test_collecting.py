"""Numbers of actors on other machines: they come into the folder; nobody is asked in a queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import ray

from beheard_hub.actors.collecting import Collecting
from beheard_hub.observability.publishing import page

HERE = "node-of-the-supervisor"


class Actor:
    """A handle of one on the machine `node`; it answers once it may."""

    def __init__(self, node: str, text: bytes = b"", dead: bool = False) -> None:
        self._node, self._text, self._dead = node, text, dead
        self.may = asyncio.Event()
        self.asked = 0
        self.numbers = self

    async def remote(self, node_id: str) -> bytes | None:
        """What `SessionHost.numbers` answers."""
        self.asked += 1
        await self.may.wait()
        if self._dead:
            raise ray.exceptions.RayActorError
        return None if node_id == self._node else self._text


async def rounds(directory: Path, actors: Mapping[str, Actor], count: int) -> None:
    """So many rounds, with time for every answer that may come."""
    collecting = Collecting(directory, HERE, lambda: actors)
    for _ in range(count):
        collecting.ask()
        for _ in range(5):
            await asyncio.sleep(0)


async def test_the_page_shows_hosts_of_other_machines_once_each(tmp_path: Path) -> None:
    actors = {
        "session-host-0": Actor(HERE, b"beheard_shards 1\n"),
        "session-host-1": Actor("another", b"beheard_shards 127\n"),
        "session-host-2": Actor("another", dead=True),
    }
    for actor in actors.values():
        actor.may.set()
    await rounds(tmp_path, actors, 2)
    text = page(tmp_path, time.time()).decode()
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        'beheard_shards{process="session-host-1"} 127.0'
    ]
    assert actors["session-host-2"].asked == 2, "it may be back"


async def test_who_does_not_answer_is_not_asked_again(tmp_path: Path) -> None:
    frozen = Actor("another", b"beheard_shards 127\n")
    await rounds(tmp_path, {"session-host-0": frozen}, 3)
    assert frozen.asked == 1
    assert page(tmp_path, time.time()) == b""
