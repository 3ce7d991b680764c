"""How the numbers of actors on other machines reach the hub's page of numbers.

Actors on the supervisor's machine write theirs into its folder (`observability.publishing`). Those
elsewhere are asked for them, over Ray: one small call an actor every two seconds, and no second one
while the first is open, so a host that stands still gets no queue of them. An actor that does not
answer leaves a file that grows old, as one that died here does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ray

from beheard_hub import telemetry
from beheard_hub.observability.publishing import PUBLISH_SECONDS, put

_log = telemetry.logger("observability")

Named = Callable[[], Mapping[str, Any]]
"""Process → handle of every actor that there is now."""


def own_node() -> str:
    """This machine's id in the cluster."""
    node: str = ray.get_runtime_context().get_node_id()
    return node


class Collecting:
    """Puts the numbers of actors on other machines than `node_id` into `directory`."""

    def __init__(self, directory: Path, node_id: str, named: Named) -> None:
        self._directory = directory
        self._node_id = node_id
        self._named = named
        self._asked: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self.ask()
                await asyncio.sleep(PUBLISH_SECONDS)
        finally:
            for call in self._asked.values():
                call.cancel()

    def ask(self) -> None:
        """One round."""
        named = self._named()
        self._asked = {name: call for name, call in self._asked.items() if not call.done()}
        for name in named.keys() - self._asked.keys():
            self._asked[name] = asyncio.create_task(self._fetch(name, named[name]))

    async def _fetch(self, name: str, handle: Any) -> None:
        with contextlib.suppress(ray.exceptions.RayError):  # it is dead, or is being started
            text = await handle.numbers.remote(self._node_id)
            if text is not None:
                try:
                    put(self._directory, name, text)
                except OSError as error:
                    _log.warning("metrics_unwritable", error=type(error).__name__)
