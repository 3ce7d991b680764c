"""Memory per idle session: growth of a host's resident memory from 2,000 to 12,000 of them.

A host keeps an idle session as packed bytes (spec 01), so that is what is counted, after the host's
own sweep; what it takes while somebody is at work in it is shown beside it.

A process of its own holds a real host on a stub store (`crowded_host.py`); nothing but the host's
memory is asked for, so neither Ray nor Postgres is needed. The row counts sessions that were played
to the end of their journey, the fullest there are; a session whose two people have only just met is
shown beside it. The first 2,000 are not counted: with them comes what a process needs once.
"""

from __future__ import annotations

import gc
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

FIRST, THEN, STEP = 2_000, 12_000, 1_000
LOOKED_AT = 1_000
KB = 1024


class Size(msgspec.Struct, frozen=True):
    """One session."""

    idle_bytes: float
    live_bytes: float
    unpack_micros: float

    def __str__(self) -> str:
        return (
            f"{self.idle_bytes / KB:.1f} KB idle, {self.live_bytes / KB:.1f} KB at work, "
            f"unpacked in {self.unpack_micros:.0f} µs"
        )


async def size(copies: Sequence[Template]) -> Size:
    """Loads two hosts full of them and keeps both until the process ends."""
    idle, _ = await _growth(copies, idle_seconds=0.2)
    live, crowd = await _growth(copies, idle_seconds=3600)
    cells = list(crowd.host.activation.live.values())
    assert len(cells) == THEN
    packed = [(cell.key, cell.pack()) for cell in cells[:LOOKED_AT]]
    kinds = {MEDIATION.name: MEDIATION}
    began = time.perf_counter()
    for key, raw in packed:
        Cell.unpack(key, kinds, raw)
    return Size(idle, live, (time.perf_counter() - began) / len(packed) * 1e6)


async def _growth(copies: Sequence[Template], idle_seconds: float) -> tuple[float, Crowd]:
    """Bytes of resident memory per session beyond the first ones."""
    crowd = await Crowd.start(copies, ActivationLimits(idle_seconds=idle_seconds))
    before = 0
    for start in range(0, THEN, STEP):
        if start == FIRST:
            gc.collect()
            before = resident_bytes()
        await crowd.activate(range(start, start + STEP))
        if idle_seconds < 1:
            await crowd.packed()
    gc.collect()
    return (resident_bytes() - before) / (THEN - FIRST), crowd


async def measure(run: Run) -> Found:
    """Kilobytes of resident memory per idle session."""
    run.say("playing the journeys whose sessions are copied")
    sample = await templates(run.folder)
    run.say(f"loading {THEN:,} sessions, twice")
    met, played = await size(sample.met), await size(sample.played)
    return Found(
        {"session": played.idle_bytes / KB},
        [f"a session at its end: {played}; one whose people just met: {met}"],
    )
