"""CPU time per command in a host with 100,000 live sessions against one with 1,000.

Two real hosts on stub stores (`crowded_host.py`), each in a process of its own so that neither's
garbage collector walks the other's heap, take stretches of commands in turn, spread evenly over all
of their sessions. "Live" is taken at its word: all cells are unpacked. A host keeps 20,000 cells
unpacked by default, so a third one holds the 100,000 as it would in service, mostly packed; its
ratio, which pays for unpacking and packing, is shown beside the row.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import uvloop

from beheard_hub import telemetry
from beheard_hub.actors.activation import ActivationLimits
from bench.bars import Found
from bench.crowded_host import Crowd
from bench.run import Run
from bench.sample import templates

FEW, MANY = 1_000, 100_000
COMMANDS = 4_000
ROUNDS = 7
ALL_LIVE = ActivationLimits(live_cells_max=MANY, idle_seconds=3600)
IN_SERVICE = ActivationLimits()


class _Host:
    """The host of this process; commanded from outside, stretch by stretch."""

    runner: asyncio.Runner
    crowd: Crowd
    sessions: int


def fill(folder: Path, sessions: int, limits: ActivationLimits) -> None:
    """Starts this process's host and loads its sessions."""
    telemetry.configure("error")
    _Host.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    _Host.sessions = sessions

    async def start() -> Crowd:
        crowd = await Crowd.start((await templates(folder)).played, limits)
        await crowd.activate(range(sessions))
        return crowd

    _Host.crowd = _Host.runner.run(start())


def stretch(seed: int) -> float:
    """CPU seconds per command over one stretch."""
    choose = random.Random(seed)
    numbers = [choose.randrange(_Host.sessions) for _ in range(COMMANDS)]
    began = time.process_time()
    _Host.runner.run(_Host.crowd.command(numbers))
    return (time.process_time() - began) / COMMANDS


async def measure(run: Run) -> Found:
    """Ratio of the two, median over the rounds."""
    await templates(run.folder)
    loop = asyncio.get_running_loop()
    context = multiprocessing.get_context("spawn")
    sizes = ((FEW, ALL_LIVE), (MANY, ALL_LIVE), (MANY, IN_SERVICE))
    run.say(f"loading {FEW:,} and twice {MANY:,} sessions")
    with ExitStack() as stack:
        hosts = [stack.enter_context(ProcessPoolExecutor(1, mp_context=context)) for _ in sizes]
        for host, (sessions, limits) in zip(hosts, sizes, strict=True):
            await loop.run_in_executor(host, fill, run.folder, sessions, limits)
        costs = []
        for number in range(-1, ROUNDS):
            costs.append([await loop.run_in_executor(host, stretch, number) for host in hosts])
            run.say(" / ".join(f"{cost * 1e6:.0f}" for cost in costs[-1]) + " µs per command")
    warm = costs[1:]
    live, packed = (statistics.median(row[i] / row[0] for row in warm) for i in (1, 2))
    few, many, mostly = (statistics.median(row[i] for row in warm) * 1e6 for i in range(3))
    return Found(
        {"crowd": live},
        [
            f"CPU per command: {few:.0f} µs with {FEW:,} live sessions, {many:.0f} µs with "
            f"{MANY:,}; {mostly:.0f} µs ({packed:.2f} x) where most of them are packed"
        ],
    )
