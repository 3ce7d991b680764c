"""Memory per live idle session: growth of a host's resident memory from 2,000 to 12,000 live cells.

A process of its own holds a real host on a stub store (`crowded_host.py`); the cells are those of
sessions played to their end, which are the fullest there are, or of sessions at any moment of their
journey. The first 2,000 are not counted: with them comes what a process needs once.
"""

from __future__ import annotations

import gc
import statistics
import time

from beheard_hub.actors.activation import ActivationLimits
from beheard_hub.actors.cell import Cell
from beheard_hub.domain.mediation.kind import MEDIATION
from bench.bars import Found
from bench.crowded_host import Crowd
from bench.run import Run, resident_bytes
from bench.sample import templates

FIRST, THEN = 2_000, 12_000
KB = 1024


async def measure(run: Run) -> Found:
    """Bytes of memory per live cell; beside it the packed size and what unpacking takes."""
    run.say("playing the journeys whose sessions are copied")
    played = await templates(run.folder)
    crowd = await Crowd.start(played, ActivationLimits(idle_seconds=3600))
    await crowd.activate(range(FIRST))
    gc.collect()
    before = resident_bytes()
    run.say(f"loading {THEN - FIRST:,} sessions")
    await crowd.activate(range(FIRST, THEN))
    gc.collect()
    each = (resident_bytes() - before) / (THEN - FIRST)
    assert len(crowd.host.activation.live) == THEN
    cells = [crowd.host.activation.live[key] for key in list(crowd.host.activation.live)[:1000]]
    packed = [cell.pack() for cell in cells]
    began = time.perf_counter()
    for cell, raw in zip(cells, packed, strict=True):
        Cell.unpack(cell.key, {MEDIATION.name: MEDIATION}, raw)
    micros = (time.perf_counter() - began) / len(cells) * 1e6
    mean = statistics.mean(len(raw) for raw in packed)
    return Found(
        {"session": each / KB},
        [
            f"a live session: {each / KB:.1f} KB; packed {mean / KB:.1f} KB, unpacked in "
            f"{micros:.0f} µs"
        ],
    )
