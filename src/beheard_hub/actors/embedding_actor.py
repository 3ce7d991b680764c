"""Embedding actors: the Ray processes that give stored texts their vectors, and the pool of them.

Neither texts nor vectors travel by Ray. A host calls `wake` after a commit that brought text, at
most one call at a time to each actor; the actor looks into the database for what lacks a vector. So
an actor may die at any point: Ray restarts the process, the pool starts the worker in it, and it
finds everything again. Nobody waits for any of them, not even the start of the hub.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec
import ray

from beheard_hub import telemetry
from beheard_hub.actors.measuring import Measuring
from beheard_hub.embeddings.worker import EmbeddingWorker
from beheard_hub.observability.metrics import EMBEDDER

NAMESPACE = "beheard"
CPUS = 0.001
"""As for session hosts."""
NICENESS = 10
"""Vectors can wait: hosts, gateways and Postgres go first."""
RETRY_SECONDS = 0.2
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 5.0

_log = telemetry.logger("embedding")


class EmbeddingOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What an embedding actor is told; travels in a Ray call, never in a log."""

    factory: str
    """``module:function``, called as ``await f(runtime, number, count)`` → `RunningEmbedder`."""
    runtime: Any
    """Handed to the factory as it is."""
    count: int = 1
    """How many actors share the rows."""
    log_level: str = "info"
    logs: str = ""
    """Folder of log files on the actor's machine; empty: lines go to stderr, which Ray keeps."""
    metrics: str = ""
    """Folder for the numbers of this process; empty: only Ray has them."""

    def __repr__(self) -> str:
        return f"EmbeddingOrder({self.factory})"


class RunningEmbedder(Protocol):
    """What the factory makes."""

    worker: EmbeddingWorker

    async def close(self) -> None:
        """Lets go of everything."""


class EmbeddingActor:
    """The Ray actor; its process title says so."""

    def __init__(self, order: EmbeddingOrder, number: int) -> None:
        self._order = order
        self._number = number
        self._running: RunningEmbedder | None = None
        self._work: asyncio.Task[None] | None = None
        self._measuring: Measuring | None = None
        _step_back()
        telemetry.configure(order.log_level)
        if order.logs:
            path = Path(order.logs) / f"embedding-actor-{number}.log"
            telemetry.keep_in(path, instead=True)

    def __repr__(self) -> str:
        counts = self._counts()
        shown = "".join(f", {name}={counts[name]}" for name in counts)
        return f"EmbeddingActor(number={self._number}{shown})"

    def _counts(self) -> dict[str, int]:
        if self._running is None:
            return {}
        worker = self._running.worker
        return {
            "queue": worker.in_hand,
            "embedded": worker.embedded,
            "failures": worker.failures,
        }

    async def start(self) -> int:
        """Begins to work; returns the process id. Calling again is harmless. Raises what the
        factory raises."""
        if self._running is None:
            order = self._order
            module, _, name = order.factory.partition(":")
            factory = getattr(importlib.import_module(module), name)
            self._running = running = await factory(order.runtime, self._number, order.count)
            self._work = asyncio.create_task(running.worker.run())
            self._measuring = Measuring(f"embedding-actor-{self._number}", EMBEDDER, order.metrics)
        return os.getpid()

    async def alive(self) -> None:
        """Never returns while the worker works: the call fails when it or the process goes."""
        if self._work is not None:
            await asyncio.shield(self._work)

    async def wake(self) -> None:
        """There is new text. Returns when the worker began to look for it."""
        if self._running is not None:
            await self._running.worker.noticed()

    async def stats(self) -> dict[str, int]:
        """Counts, no ids."""
        return self._counts()

    async def numbers(self, node_id: str) -> bytes | None:
        """See `SessionHost.numbers`."""
        return None if self._measuring is None else self._measuring.numbers_for(node_id)

    async def stop(self) -> None:
        """Ends the worker; what it had in hand is found again by the next one."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        if self._measuring is not None:
            await self._measuring.stop()
        if self._running is not None:
            await self._running.close()
        self._running = self._work = None


def _step_back() -> None:
    """Lets everybody else go first. On Linux niceness is a thread's own, so each gets it; threads
    that come later have that of the one that makes them."""
    tasks = Path("/proc/self/task")
    threads = [int(task.name) for task in tasks.iterdir()] if tasks.exists() else [0]
    for thread in threads:
        with contextlib.suppress(OSError):  # it has just ended, or is nicer already
            os.setpriority(os.PRIO_PROCESS, thread, NICENESS)


Handle = Any
"""A Ray actor handle of `EmbeddingActor`."""


def create(order: EmbeddingOrder, number: int, *, detached: bool) -> Handle:
    """Asks Ray for one; `detached`: for a cluster that outlives us, in place of an earlier one."""
    name = f"EmbeddingActor-{number}"
    options: dict[str, Any] = {
        "name": name,
        "num_cpus": CPUS,
        "max_restarts": -1,
        "max_task_retries": 0,
        "max_concurrency": 256,
        "enable_task_events": False,
    }
    if detached:
        with contextlib.suppress(ValueError):
            ray.kill(ray.get_actor(name, namespace=NAMESPACE), no_restart=True)
        options["lifetime"] = "detached"
    make: Callable[..., Any] = ray.remote(EmbeddingActor).options(**options).remote
    return make(order, number)


class EmbeddingPool:
    """The embedding actors of one hub, started again whenever they die."""

    def __init__(self, order: EmbeddingOrder, *, detached: bool = False) -> None:
        self.handles: list[Handle] = [
            create(order, number, detached=detached) for number in range(order.count)
        ]
        """The same through all restarts; hosts are given them."""
        self.deaths = 0
        self._pids: dict[int, int] = {}
        self._changed = asyncio.Condition()
        self._watches: list[asyncio.Task[None]] = []

    @property
    def named(self) -> dict[str, Handle]:
        """By the name of their process."""
        return {f"embedding-actor-{number}": handle for number, handle in enumerate(self.handles)}

    @property
    def pids(self) -> list[int]:
        """Processes of those that work now."""
        return [self._pids[number] for number in sorted(self._pids)]

    async def changed(self, condition: Callable[[list[int]], bool]) -> None:
        """Waits until `pids` are as `condition` wants them."""
        async with self._changed:
            await self._changed.wait_for(lambda: condition(self.pids))

    def start(self) -> None:
        """Begins to start them, and does not wait."""
        self._watches = [asyncio.create_task(self._watch(n)) for n in range(len(self.handles))]

    async def stop(self) -> None:
        """Ends them all."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        await asyncio.gather(*(self._end(handle) for handle in self.handles))
        self._pids.clear()

    async def stats(self) -> list[dict[str, int]]:
        """Counts of every one that answers."""
        calls = [handle.stats.remote() for handle in self.handles]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        return [answer for answer in answers if isinstance(answer, dict)]

    async def _watch(self, number: int) -> None:
        """From one death to the next; Ray starts the process, we start the worker in it."""
        handle = self.handles[number]
        while True:
            try:
                async with asyncio.timeout(START_SECONDS_MAX):
                    pid = await handle.start.remote()
                await self._serves(number, pid)
                await handle.alive.remote()
            except (ray.exceptions.RayError, TimeoutError) as error:
                if number in self._pids:
                    self.deaths += 1
                    _log.warning("embedder_died", number=number, host_pid=self._pids[number])
                else:
                    _log.info("embedder_not_back", number=number, error=type(error).__name__)
            await self._serves(number, None)
            await asyncio.sleep(RETRY_SECONDS)

    async def _serves(self, number: int, pid: int | None) -> None:
        if pid is None:
            self._pids.pop(number, None)
        else:
            self._pids[number] = pid
            _log.info("embedder_started", number=number, host_pid=pid)
        async with self._changed:
            self._changed.notify_all()

    async def _end(self, handle: Handle) -> None:
        with contextlib.suppress(ray.exceptions.RayError, TimeoutError):
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await handle.stop.remote()
        with contextlib.suppress(ray.exceptions.RayError, ValueError):
            ray.kill(handle, no_restart=True)


class Hints:
    """What a host tells the embedding actors. While one call is under way the next ones become
    one, so the calls are as frequent as the actors look, and no more."""

    def __init__(self, handles: Sequence[Handle]) -> None:
        self._handles = handles
        self._told = [False] * len(handles)
        self._calls: dict[int, asyncio.Task[None]] = {}

    def tell(self) -> None:
        """There is new text. Never blocks and never raises."""
        for number in range(len(self._handles)):
            self._told[number] = True
            if number not in self._calls:
                self._calls[number] = asyncio.create_task(self._pass_on(number))

    async def _pass_on(self, number: int) -> None:
        try:
            while self._told[number]:
                self._told[number] = False
                await self._handles[number].wake.remote()
        except ray.exceptions.RayError as error:  # it looks by itself when it is back
            _log.debug("embedder_not_told", number=number, error=type(error).__name__)
        finally:
            del self._calls[number]
