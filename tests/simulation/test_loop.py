"""The simulated loop keeps asyncio's promises, and its processes stop where they are told to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.simulation.loop import Deadlock, Process, SimulatedLoop


@pytest.fixture
def loop() -> Iterator[SimulatedLoop]:
    """A loop that is taken down."""
    loop = SimulatedLoop()
    yield loop
    loop.end([])


def test_time_jumps_and_costs_nothing(loop: SimulatedLoop) -> None:
    order: list[tuple[float, str]] = []

    async def wait(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        order.append((loop.time(), name))

    async def all_three() -> None:
        await asyncio.gather(wait("late", 3600), wait("soon", 1), wait("as soon", 1))

    loop.run_until_complete(all_three())
    assert order == [(1, "soon"), (1, "as soon"), (3600, "late")]


def test_timeouts_are_virtual_too(loop: SimulatedLoop) -> None:
    async def patient() -> None:
        async with asyncio.timeout(60):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        loop.run_until_complete(patient())


def test_waiting_for_nothing_is_told(loop: SimulatedLoop) -> None:
    with pytest.raises(Deadlock):
        loop.run_until_complete(asyncio.Event().wait())


def test_a_frozen_process_goes_on_where_it_stopped_and_a_dead_one_never(
    loop: SimulatedLoop,
) -> None:
    steps: dict[str, list[float]] = {"frozen": [], "dead": []}
    ended: list[str] = []

    async def tick(name: str) -> None:
        try:
            while True:
                await asyncio.sleep(1)
                steps[name].append(loop.time())
        finally:
            ended.append(name)

    processes = {name: Process(name) for name in steps}

    async def scenario() -> None:
        tasks = [
            loop.create_task(tick(name), context=process.context)
            for name, process in processes.items()
        ]
        await asyncio.sleep(1.5)
        loop.freeze(processes["frozen"])
        loop.kill(processes["dead"])
        tasks[1].cancel()
        await asyncio.sleep(3)
        loop.thaw(processes["frozen"])
        await asyncio.sleep(1.2)
        assert ended == []

    loop.run_until_complete(scenario())
    assert steps == {"frozen": [1, 4.5, 5.5], "dead": [1]}
    loop.end(processes.values())
    assert sorted(ended) == ["dead", "frozen"]
