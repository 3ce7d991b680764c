"""One look at the page of numbers, and what changed between two of them. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

import msgspec
from prometheus_client.parser import text_string_to_metric_families

PROCESS = "process"
"""The label that says whose sample it is."""

Labels = frozenset[tuple[str, str]]


class Reading(msgspec.Struct, frozen=True):
    """The page as it was at one time."""

    at: float
    """Seconds of any clock that does not jump."""
    samples: Mapping[str, Mapping[Labels, float]]
    """Name → labels → value."""

    @classmethod
    def of(cls, text: str, at: float) -> Reading:
        """From Prometheus's text format. Raises ValueError for what is none."""
        samples: defaultdict[str, dict[Labels, float]] = defaultdict(dict)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                samples[sample.name][frozenset(sample.labels.items())] = sample.value
        return cls(at, samples)

    def found(self, name: str, **labels: str) -> Mapping[Labels, float]:
        """Samples of a name that have these labels."""
        wanted = labels.items()
        return {
            key: value
            for key, value in self.samples.get(name, {}).items()
            if wanted <= dict(key).items()
        }

    def sum(self, name: str, **labels: str) -> float:
        """Of those samples; 0 where there is none."""
        return sum(self.found(name, **labels).values())

    def most(self, name: str, **labels: str) -> float:
        """The largest of them; 0 where there is none."""
        return max(self.found(name, **labels).values(), default=0.0)

    def by(self, name: str, label: str) -> dict[str, float]:
        """Sums by the values of one label, in the order of those values."""
        sums: defaultdict[str, float] = defaultdict(float)
        for key, value in self.samples.get(name, {}).items():
            sums[dict(key).get(label, "")] += value
        return dict(sorted(sums.items()))

    def processes(self, name: str) -> list[str]:
        """Whoever has samples of that name."""
        return sorted({dict(key).get(PROCESS, "") for key in self.samples.get(name, {})})


class Window(msgspec.Struct, frozen=True):
    """What happened between two looks. A process that started in between counts from 0."""

    before: Reading
    now: Reading

    @property
    def seconds(self) -> float:
        """Its length."""
        return max(0.0, self.now.at - self.before.at)

    def grown(self, name: str, **labels: str) -> float:
        """By how much counters grew in all."""
        return sum(self._grown(name, **labels).values())

    def rate(self, name: str, **labels: str) -> float:
        """The same per second; 0 where no time passed."""
        return self.grown(name, **labels) / self.seconds if self.seconds else 0.0

    def quantile(self, share: float, name: str, **labels: str) -> float | None:
        """Of the observations of a histogram: straight lines inside its buckets, the last bound for
        what is beyond it. None where there was no observation."""
        buckets: defaultdict[float, float] = defaultdict(float)
        for key, value in self._grown(f"{name}_bucket", **labels).items():
            buckets[float(dict(key)["le"])] += value
        bounds = sorted(buckets)
        wanted = share * buckets[bounds[-1]] if bounds else 0.0
        if wanted == 0.0:
            return None
        lower, below = 0.0, 0.0
        for bound in bounds:
            if buckets[bound] >= wanted:
                if math.isinf(bound):
                    return lower
                inside = (wanted - below) / (buckets[bound] - below)
                return lower + inside * (bound - lower)
            lower, below = bound, buckets[bound]
        raise AssertionError("the last bucket holds everything")

    def _grown(self, name: str, **labels: str) -> dict[Labels, float]:
        before = self.before.samples.get(name, {})
        grown = {}
        for key, value in self.now.found(name, **labels).items():
            sooner = before.get(key, 0.0)
            grown[key] = value if value < sooner else value - sooner
        return grown
