"""How the numbers of several processes become one page.

Every process writes its own to a file of the data directory every two seconds (the text format that
Prometheus reads); whoever is asked for the page reads the files that are fresh and adds the label
`process`. A process that died leaves a file that is no longer fresh, so its gauges are not mistaken
for true. No process asks another one, and nothing waits for anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from beheard_hub import telemetry
from beheard_hub.observability.metrics import ANY, LOOP_LAG_SECONDS

PUBLISH_SECONDS = 2.0
LOOKS_PER_PUBLISH = 20
FRESH_SECONDS = 10.0
"""An older file is of a process that is gone."""
SUFFIX = ".prom"

Probe = Callable[[], None]
"""Sets gauges that nobody sets when they change."""

_log = telemetry.logger("observability")


def folder(data_dir: Path) -> Path:
    """Where the files are."""
    return data_dir / "metrics"


def numbers(roles: Iterable[CollectorRegistry], probes: Iterable[Probe]) -> bytes:
    """The numbers of this process, as they are now: of these roles, and what every process has."""
    for probe in probes:
        probe()
    return b"".join(map(generate_latest, {ANY, *roles}))


class Publisher:
    """Writes the numbers of this process as `name`: those of its roles, and with what `probes`
    find."""

    def __init__(
        self,
        directory: Path,
        name: str,
        roles: Sequence[CollectorRegistry],
        probes: Sequence[Probe] = (),
    ) -> None:
        self._path = directory / f"{name}{SUFFIX}"
        self._roles = roles
        self._probes = probes

    async def run(self) -> None:
        """Until cancelled; then the file is gone. A folder that cannot be written costs a line in
        the log, once."""
        complained = False
        try:
            while True:
                LOOP_LAG_SECONDS.set(await _loop_lag(PUBLISH_SECONDS, LOOKS_PER_PUBLISH))
                try:
                    self.write()
                except OSError as error:
                    if not complained:
                        _log.warning("metrics_unwritable", error=type(error).__name__)
                    complained = True
        finally:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def write(self) -> None:
        """One look at everything. Raises OSError."""
        put(self._path.parent, self._path.stem, numbers(self._roles, self._probes))


def put(directory: Path, process: str, text: bytes) -> None:
    """Puts the numbers of a process into the folder: whole, or as they were. Raises OSError."""
    path = directory / f"{process}{SUFFIX}"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_bytes(text)
    draft.replace(path)


async def _loop_lag(seconds: float, looks: int) -> float:
    """Sleeps in `looks` parts; returns by how many seconds the slowest one was late."""
    worst = 0.0
    for _ in range(looks):
        began = time.monotonic()
        await asyncio.sleep(seconds / looks)
        worst = max(worst, time.monotonic() - began - seconds / looks)
    return worst


def page(directory: Path, now: float) -> bytes:
    """The numbers of all processes of this machine, in Prometheus's text format; `now` is the wall
    clock in seconds."""
    return together(_fresh(directory, now))


def together(texts: Sequence[tuple[str, str]]) -> bytes:
    """One page of the numbers of several processes, each (name, text)."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Together(texts))
    return generate_latest(registry)


def _fresh(directory: Path, now: float) -> list[tuple[str, str]]:
    """(process, text) of each file that is young enough."""
    found = []
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        with contextlib.suppress(OSError):  # its process ended meanwhile
            if now - path.stat().st_mtime <= FRESH_SECONDS:
                found.append((path.stem, path.read_text()))
    return found


class _Together(Collector):
    """Families of several processes as one each."""

    def __init__(self, texts: Sequence[tuple[str, str]]) -> None:
        self._texts = texts

    def collect(self) -> Iterable[Metric]:
        """Each family once, its samples marked with their process."""
        families: dict[str, Metric] = {}
        for process, family in self._families():
            whole = families.setdefault(
                family.name, Metric(family.name, family.documentation, family.type)
            )
            for sample in family.samples:
                labels = {**sample.labels, "process": process}
                whole.add_sample(sample.name, labels, sample.value)
        return families.values()

    def _families(self) -> Iterator[tuple[str, Metric]]:
        for process, text in self._texts:
            for family in text_string_to_metric_families(text):
                yield process, family
