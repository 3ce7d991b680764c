"""What a measure is given, and what it may ask of the machine."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import resource
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec
import uvloop

from beheard_hub import cycles, telemetry
from beheard_hub.gateway.auth import LocalKey
from beheard_hub.runtime import SystemClock
from beheard_hub.settings import process_environment
from beheard_hub.testing.hub_process import HubProcess
from bench.bars import Found


class Run(msgspec.Struct, frozen=True):
    """One run of one measure."""

    name: str
    folder: Path
    """Shared by the measures of a run; goes when the run is over."""

    def say(self, text: str) -> None:
        """Shows progress."""
        print(f"    {self.name}: {text}", file=sys.stderr, flush=True)

    @contextlib.asynccontextmanager
    async def hub(self, label: str, **variables: str) -> AsyncIterator[HubProcess]:
        """A hub of its own, without rate limits, on a data directory of its own."""
        hub = HubProcess(
            self.folder / f"{self.name}-{label}",
            **({"BEHEARD_LIMITS": "off", "BEHEARD_LOG": "error"} | variables),
        )
        hub.log_path.unlink(missing_ok=True)  # of an earlier run on the same data
        await hub.start(process_environment())
        try:
            yield hub
        finally:
            await hub.stop()


def measured(name: str, folder: Path) -> Found:
    """Runs one measure; called in a process of its own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    telemetry.configure("error")
    module = importlib.import_module(f"bench.{name}")
    cycles.settle()  # a pause of the one who measures would count as one of the hub's
    found: Found = uvloop.run(module.measure(Run(name, folder)))
    return found


def apart(name: str, folder: Path) -> Found:
    """Runs one measure in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(measured, name, folder).result()


def resident_bytes(pid: int | None = None) -> int:
    """Resident memory of a process (this one when None), as the kernel counts it."""
    fields = Path(f"/proc/{pid or os.getpid()}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def token_of(hub: HubProcess) -> Callable[[str], str]:
    """Mints bearer tokens for users of that hub."""
    key = LocalKey.open(hub.data_dir, SystemClock())
    return lambda user: key.mint(user, name="Bench")
