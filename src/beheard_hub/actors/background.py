"""Tasks of one host that nobody awaits: kept, named in the log when they fail, ended together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from beheard_hub.telemetry import logger, origin_of

_log = logger("host")


class Background:
    """Owner of a host's tasks."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], None] = {}
        """In the order in which they began: they end the same way in every run."""

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs `work`; an exception in it is logged by type and place only."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("task_failed", **origin_of(error))

    async def stop(self) -> None:
        """Cancels all tasks and waits for their end."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
