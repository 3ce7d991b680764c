"""Hosts are spread over the machines of a cluster again when one came, or came back.

Ray chooses a machine when it starts a host and leaves it there: after the end of a machine all
hosts may live on one, whose end would take every session along at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol

import ray

from beheard_hub import telemetry
from beheard_hub.actors.ray_cluster import takers
from beheard_hub.actors.supervisor import NotPossible

LOOK_SECONDS = 5.0
PATIENT_LOOKS = 3
"""At so many looks in a row the same host must be too many: a machine may come and go, and Ray may
be about to start a host somewhere."""
AFTER_FAILURE_SECONDS = 60.0

_log = telemetry.logger("supervisor")


class Move(NamedTuple):
    """A host that shall live elsewhere."""

    number: int
    node_id: str
    """Where it goes."""


class Pool(Protocol):
    """The hosts, as far as this concerns; `actors.supervisor.Supervisor` is one."""

    @property
    def placed(self) -> Mapping[int, str] | None:
        """Machine of every host by its number; None while one is missing."""

    async def relocate(self, number: int, node_id: str) -> None:
        """A new host on that machine in the place of this one. Raises NotPossible."""


def due(hosts: Mapping[int, str], machines: Collection[str]) -> Move | None:
    """The next host to move: one from the machine that has most to the one that has fewest, where
    that makes them more alike."""
    if not machines:
        return None
    counts = Counter(dict.fromkeys(machines, 0))
    counts.update(hosts.values())
    fewest = min(machines, key=lambda machine: (counts[machine], machine))
    most = max(counts, key=lambda machine: (counts[machine], machine))
    if counts[most] - counts[fewest] < 2:
        return None
    return Move(max(number for number, where in hosts.items() if where == most), fewest)


class Spreading:
    """Looks, and moves one host at a time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._seen: list[Move] = []
        """What the looks before said, while they said the same."""

    async def run(self) -> None:
        """Goes on until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                possible = await self.look(await takers())
            except (ray.exceptions.RayError, RuntimeError):  # Ray's head is away
                possible = False
            if not possible:
                await asyncio.sleep(AFTER_FAILURE_SECONDS)

    async def look(self, machines: Collection[str]) -> bool:
        """One look, and what follows from it; False where a move was not possible."""
        hosts = self._pool.placed
        move = None if hosts is None else due(hosts, machines)
        self._seen = [seen for seen in self._seen if seen == move]
        if move is None:
            return True
        self._seen.append(move)
        if len(self._seen) < PATIENT_LOOKS:
            return True
        self._seen.clear()
        try:
            await self._pool.relocate(*move)
        except NotPossible as why:
            _log.warning("host_not_moved", number=move.number, error=type(why).__name__)
            return False
        _log.info("host_moved", number=move.number)
        return True
