"""Ray's own no-op actor call: the floor that an ack is compared with."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

import ray

from beheard_hub.actors.ray_cluster import RayOptions, start_ray, stop_ray
from beheard_hub.settings import process_environment

CALLS = 200
PER_SECOND = 50
"""The rate at which an ack is compared with it: an idle processor wakes up for either."""


class _Nothing:
    def nothing(self) -> None:
        """Answers at once."""


async def noop_call_ms() -> float:
    """Median round trip of a call to an idle actor, in milliseconds, at `PER_SECOND`."""
    handle: Any = ray.remote(_Nothing).remote()
    await handle.nothing.remote()
    took = []
    for _ in range(CALLS):
        began = time.perf_counter()
        await handle.nothing.remote()
        took.append(time.perf_counter() - began)
        await asyncio.sleep(1 / PER_SECOND)
    return statistics.median(took) * 1000


async def main() -> None:
    """Prints it, measured on a Ray of its own."""
    await start_ray(RayOptions(), process_environment())
    try:
        print(await noop_call_ms())
    finally:
        await stop_ray()


if __name__ == "__main__":
    asyncio.run(main())
