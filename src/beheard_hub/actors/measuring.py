"""The numbers of a Ray actor's process, on their way to operators."""

from __future__ import annotations

import asyncio
from pathlib import Path

from prometheus_client import CollectorRegistry

from beheard_hub.actors.ray_metrics import RayMetrics
from beheard_hub.observability.publishing import Probe, Publisher


class Measuring:
    """Publishes as `process` into `directory` (empty: nowhere) and through Ray, until `stop`."""

    def __init__(
        self, process: str, role: CollectorRegistry, directory: str, *probes: Probe
    ) -> None:
        runs = [RayMetrics(process, role, *probes).run()]
        if directory:
            runs.append(Publisher(Path(directory), process, [role], probes).run())
        self._tasks = [asyncio.create_task(run) for run in runs]

    async def stop(self) -> None:
        """Ends it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
