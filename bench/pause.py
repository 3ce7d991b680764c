"""Longest pause of a host's loop while it holds 100,000 idle sessions.

The sessions come in through the host's own activation and are packed by its own sweep. Then, round
by round, some of them get a command, go idle and are packed again, and a full garbage collection
runs; a ticker of one millisecond on the same loop notes how late it is called at worst. No other
process is needed: the host is real, its stores are stubs (`crowded_host.py`). The figure is the
median of the rounds' worst, because one round more or less always meets a busy machine; the worst
of all and the CPU time spent within it are shown beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import statistics
import time
from collections.abc import AsyncIterator

import msgspec

from beheard_hub.actors.activation import ActivationLimits
from bench.bars import Found
from bench.crowded_host import Crowd
from bench.run import Run
from bench.sample import templates

SESSIONS = 100_000
WOKEN = 1_000
AT_ONCE = 10
"""Commands in one turn of the loop: the sessions are idle, what comes is a trickle."""
ROUNDS = 7
TICK_SECONDS = 0.001
IDLE_SECONDS = 1.0


class Late(msgspec.Struct):
    """The worst tick of a stretch, in milliseconds."""

    wall_ms: float = 0.0
    cpu_ms: float = 0.0
    """CPU time of the loop's thread between the tick before and this one."""


@contextlib.asynccontextmanager
async def ticking() -> AsyncIterator[Late]:
    """Watches the loop for as long as the block lasts."""
    worst = Late()

    async def tick() -> None:
        cpu = time.thread_time()
        while True:
            due = time.perf_counter() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            late_ms, spent = (time.perf_counter() - due) * 1e3, time.thread_time()
            if late_ms > worst.wall_ms:
                worst.wall_ms, worst.cpu_ms = late_ms, (spent - cpu) * 1e3
            cpu = spent

    ticker = asyncio.create_task(tick())
    try:
        await asyncio.sleep(0)
        yield worst
        await asyncio.sleep(2 * TICK_SECONDS)
    finally:
        ticker.cancel()


async def measure(run: Run) -> Found:
    """Milliseconds."""
    sample = await templates(run.folder)
    crowd = await Crowd.start(sample.played, ActivationLimits(idle_seconds=IDLE_SECONDS))
    run.say(f"loading {SESSIONS:,} sessions")
    async with ticking() as coming:
        await crowd.activate(range(SESSIONS))
    async with ticking() as packing:
        await crowd.packed()
    assert len(crowd.host.activation.packed) == SESSIONS
    run.say("waking and packing, with full collections")
    rounds = []
    for number in range(ROUNDS):
        async with ticking() as late:
            await crowd.command(range(number * WOKEN, (number + 1) * WOKEN), AT_ONCE)
            await crowd.packed()
            await asyncio.sleep(0.1)
            gc.collect()
            await asyncio.sleep(0.1)
        rounds.append(late)
    figure = statistics.median(late.wall_ms for late in rounds)
    worst = max(rounds, key=lambda late: late.wall_ms)
    return Found(
        {"pause": figure},
        [
            f"longest pause, median of {ROUNDS} rounds: {figure:.1f} ms; worst {worst.wall_ms:.1f} "
            f"ms ({worst.cpu_ms:.1f} ms of CPU); while the sessions came {coming.wall_ms:.1f} ms "
            f"({coming.cpu_ms:.1f}), while the last were packed {packing.wall_ms:.1f} ms "
            f"({packing.cpu_ms:.1f})"
        ],
    )
