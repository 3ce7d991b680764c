"""A machine goes: its hosts give their sessions away, one after the other; nobody else's do."""

from __future__ import annotations

import ray

from beheard_hub.actors.leaving_node import empty
from tests.unit.actors.handles import Method


class Host:
    """A handle of one on the machine `node`; `did` has what any of them did."""

    def __init__(self, name: str, node: str, did: list[str], dead: bool = False) -> None:
        self._name, self._node, self._did, self._dead = name, node, did, dead
        self._shards = [16, 48]
        self.hand_over_at = Method(self._hand_over)
        self.notice = Method(lambda: did.append(f"{name} notices"))
        self.drain = Method(lambda: did.append(f"{name} is over"))

    def _hand_over(self, node_id: str) -> int | None:
        if self._dead:
            raise ray.exceptions.RayActorError
        if node_id != self._node:
            return None
        if not self._shards:
            return 0
        self._did.append(f"{self._name} gives")
        return self._shards.pop()


async def test_each_is_over_before_the_next_one_looks_for_takers() -> None:
    did: list[str] = []
    said: list[str] = []
    places = {"a": "there", "b": "here", "c": "here", "d": "here"}
    hosts = {name: Host(name, node, did, name == "d") for name, node in places.items()}
    await empty("here", hosts, said.append)
    taken = ["a notices", "c notices", "d notices"], ["a notices", "b notices", "d notices"]
    given = [[f"{name} gives", *notice] * 2 for name, notice in zip("bc", taken, strict=True)]
    assert did == [*given[0], "b is over", *given[1], "c is over"]
    assert said == [f"{name}: 64 shards given to others" for name in ("b", "c")]
