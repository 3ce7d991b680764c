"""The hub's numbers through Ray's metrics, so that they stand in Ray's own dashboard (spec 10).

Ray keeps no metrics of ours; every few seconds a process of ours tells its agent what has changed.
Of a histogram go count and sum: Ray would have to be told every single value.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample
from ray.util.metrics import Counter, Gauge

from beheard_hub.observability.metrics import ANY
from beheard_hub.observability.publishing import Probe

TELL_SECONDS = 5.0
GROWING = ("_total", "_count", "_sum")


class RayMetrics:
    """Mirrors the numbers of one role of this process."""

    def __init__(self, process: str, role: CollectorRegistry, *probes: Probe) -> None:
        self._process = process
        self._roles = (role, ANY)
        self._probes = probes
        self._made: dict[str, Any] = {}
        self._told: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.tell()
            await asyncio.sleep(TELL_SECONDS)

    def tell(self) -> None:
        """Everything that changed since the last time."""
        for look in self._probes:
            look()
        for kind, sample in self._samples():
            key = (sample.name, frozenset(sample.labels.items()))
            before = self._told.get(key)
            if before == sample.value:
                continue
            self._told[key] = sample.value
            self._tell(kind, sample, sample.value - (before or 0.0))

    def _tell(self, kind: str, sample: Sample, grown: float) -> None:
        tags = {**sample.labels, "process": self._process}
        metric: Any = self._made.get(sample.name)
        if metric is None:
            make: Any = Gauge if kind == "gauge" else Counter
            metric = self._made[sample.name] = make(sample.name, tag_keys=tuple(sorted(tags)))
        if kind == "gauge":
            metric.set(sample.value, tags)
        elif grown > 0:
            metric.inc(grown, tags)

    def _samples(self) -> Iterator[tuple[str, Sample]]:
        for family in itertools.chain.from_iterable(role.collect() for role in self._roles):
            for sample in family.samples:
                if family.type == "gauge" or sample.name.endswith(GROWING):
                    yield family.type, sample
