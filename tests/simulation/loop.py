"""An event loop in virtual time, whose work belongs to processes that can be frozen and killed.

Time stands still while anything is ready and then jumps to the next timer, so nothing is ever
waited for. Callbacks run in the order in which they were called for, as asyncio promises; what is
random in a run comes from outside of it, from seeded delays.

Which process a callback belongs to is told by its context: everything that a process starts, and
everything that this starts in turn, runs in a copy of the process's context. A frozen process keeps
what becomes ready, as a stopped one does; of a dead one nothing ever runs again, no ``finally``
either.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextvars import Context, ContextVar, copy_context
from typing import Any, Literal, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
STEPS_MAX = 2_000_000
"""A run that takes more of them goes round in circles."""


class Process:
    """Something that can be stopped and killed by itself."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: Literal["running", "frozen", "dead"] = "running"
        self.held: deque[Call] = deque()
        self.context: Context = copy_context()
        self.context.run(_process.set, self)


_process: ContextVar[Process | None] = ContextVar("process", default=None)


class Deadlock(Exception):
    """Nothing is ready, and nothing ever will be."""


class Call(asyncio.TimerHandle):
    """One callback of a process; it keeps nothing for asyncio's debug mode."""

    __slots__ = ("process",)

    def __init__(
        self, when: float, callback: Callable[..., object], args: Sequence[Any],
        context: Context | None,
    ) -> None:  # fmt: skip
        self._when = when
        self._callback = callback
        self._args = args
        self._context = copy_context() if context is None else context
        self._cancelled = False
        self.process: Process | None = self._context.get(_process)

    def cancel(self) -> None:
        """It is dropped when its time comes."""
        self._cancelled = True


class SimulatedLoop(asyncio.BaseEventLoop):
    """As much of a loop as code without sockets, threads and signals needs."""

    def __init__(self) -> None:
        self._running = False
        super().__init__()
        self._now = 0.0
        self._due: deque[Call] = deque()
        self._timers: list[tuple[float, int, Call]] = []
        self._numbers = itertools.count()
        self.steps = 0
        self.failures: list[Exception] = []
        """What callbacks raised."""

    # ---- processes

    def freeze(self, process: Process) -> None:
        """It stops between two steps."""
        process.state = "frozen"

    def thaw(self, process: Process) -> None:
        """It goes on where it stopped."""
        process.state = "running"
        self._due.extend(process.held)
        process.held.clear()

    def kill(self, process: Process) -> None:
        """Nothing of it ever runs again."""
        process.state = "dead"

    def end(self, processes: Iterable[Process]) -> None:
        """Takes all tasks down in order once a run is over: what is left to the garbage collector
        would run its ``finally`` in the middle of another run."""
        for process in processes:
            self.thaw(process)
        self._running = True
        asyncio._set_running_loop(self)
        try:
            while (tasks := asyncio.all_tasks(self)) and (self._due or self._timers):
                for task in tasks:
                    task.cancel()
                self._instant()
        finally:
            asyncio._set_running_loop(None)
            self._running = False
        self.close()

    # ---- running

    def run_until_complete(self, future: Any) -> Any:
        """Runs until a coroutine is done and returns its result. Raises Deadlock."""
        task = self.create_task(future)
        self._running = True
        asyncio._set_running_loop(self)
        try:
            while not task.done():
                self._instant()
        finally:
            asyncio._set_running_loop(None)
            self._running = False
        return task.result()

    def _instant(self) -> None:
        """All that happens at one instant."""
        due = self._due
        if not due:
            self._jump()
        while due:
            call = due.popleft()
            if call._cancelled:
                continue
            process = call.process
            if process is not None and process.state != "running":
                process.held.append(call)
                continue
            self.steps = steps = self.steps + 1
            assert steps < STEPS_MAX, "this run goes round in circles"
            try:
                call._context.run(call._callback, *call._args)
            except Exception as failure:
                self.failures.append(failure)

    def _jump(self) -> None:
        """To the next instant at which something happens."""
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        if not timers:
            raise Deadlock
        now = self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= now:
            self._due.append(heapq.heappop(timers)[2])

    # ---- what asyncio asks of a loop

    def time(self) -> float:
        """Seconds since the beginning."""
        return self._now

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """In the order of the calls."""
        call = Call(self._now, callback, args, context)
        self._due.append(call)
        return call

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """At one instant in the order of the calls."""
        call = Call(when, callback, args, context)
        heapq.heappush(self._timers, (when, next(self._numbers), call))
        return call

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:  # fmt: skip
        """As `call_at`."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, T], *, name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:  # fmt: skip
        """Begins a task, in a process where `context` is one of its."""
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tasks whose end nobody looks at: the hub looks at its own."""

    def is_running(self) -> bool:
        """Inside `run_until_complete`."""
        return self._running
