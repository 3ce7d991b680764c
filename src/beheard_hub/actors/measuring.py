"""The numbers of a Ray actor's process, on their way to operators."""

from __future__ import annotations

import asyncio
from pathlib import Path

from prometheus_client import CollectorRegistry

from beheard_hub.actors.collecting import own_node
from beheard_hub.actors.ray_log import RayLog
from beheard_hub.actors.ray_metrics import RayMetrics
from beheard_hub.observability.publishing import Probe, Publisher, numbers


class Measuring:
    """Publishes as `process` into `directory` (empty: nowhere), through Ray's metrics and in the
    log that Ray keeps, until `stop`."""

    def __init__(
        self, process: str, role: CollectorRegistry, directory: str, *probes: Probe
    ) -> None:
        self._role = role
        self._probes = probes
        runs = [
            RayMetrics(process, role, *probes).run(),
            RayLog(process, self.numbers).run(),
        ]
        if directory:
            runs.append(Publisher(Path(directory), process, [role], probes).run())
        self._tasks = [asyncio.create_task(run) for run in runs]

    def numbers(self) -> bytes:
        """All of them, as they are now, in Prometheus's text format."""
        return numbers([self._role], self._probes)

    def numbers_for(self, node_id: str) -> bytes | None:
        """The same for who is on another machine of the cluster; None for who is on this one."""
        return None if node_id == own_node() else self.numbers()

    async def stop(self) -> None:
        """Ends it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
