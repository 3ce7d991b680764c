"""Memory per live idle session: growth of a host's resident memory from 2,000 to 12,000 live cells.

A process of its own holds a real host on a stub store (`crowded_host.py`); nothing but the host's
memory is asked for, so neither Ray nor Postgres is needed. The row counts sessions that were played
to the end of their journey, the fullest there are; a session whose two people have only just met is
shown beside it. The first 2,000 are not counted: with them comes what a process needs once.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Sequence

import msgspec

from beheard_hub.actors.activation import ActivationLimits
from beheard_hub.actors.cell import Cell
from beheard_hub.domain.mediation.kind import MEDIATION
from bench.bars import Found
from bench.crowded_host import Crowd
from bench.run import Run, resident_bytes
from bench.sample import Template, templates

FIRST, THEN = 2_000, 12_000
LOOKED_AT = 1_000
KB = 1024


class Size(msgspec.Struct, frozen=True):
    """One session."""

    live_bytes: float
    packed_bytes: float
    unpack_micros: float

    def __str__(self) -> str:
        return (
            f"{self.live_bytes / KB:.1f} KB live, {self.packed_bytes / KB:.1f} KB packed, "
            f"unpacked in {self.unpack_micros:.0f} µs"
        )


async def size(copies: Sequence[Template]) -> Size:
    """Loads a host full of them and keeps it until the process ends."""
    crowd = await Crowd.start(copies, ActivationLimits(idle_seconds=3600))
    await crowd.activate(range(FIRST))
    gc.collect()
    before = resident_bytes()
    await crowd.activate(range(FIRST, THEN))
    gc.collect()
    live = (resident_bytes() - before) / (THEN - FIRST)
    cells = list(crowd.host.activation.live.values())
    assert len(cells) == THEN
    packed = [(cell.key, cell.pack()) for cell in cells[:LOOKED_AT]]
    kinds = {MEDIATION.name: MEDIATION}
    began = time.perf_counter()
    for key, raw in packed:
        Cell.unpack(key, kinds, raw)
    seconds = (time.perf_counter() - began) / len(packed)
    return Size(live, statistics.mean(len(raw) for _, raw in packed), seconds * 1e6)


async def measure(run: Run) -> Found:
    """Kilobytes of resident memory per live cell."""
    run.say("playing the journeys whose sessions are copied")
    sample = await templates(run.folder)
    run.say(f"loading {THEN:,} sessions, twice")
    met, played = await size(sample.met), await size(sample.played)
    return Found(
        {"session": played.live_bytes / KB},
        [f"a session at its end: {played}; one whose people just met: {met}"],
    )
