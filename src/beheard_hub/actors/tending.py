"""What a host does every second: idle cells become bytes, and due reminders are found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from beheard_hub.actors.activation import Activation
from beheard_hub.actors.placement import Placement
from beheard_hub.actors.reminders import Reminders
from beheard_hub.ports import Sleep
from beheard_hub.telemetry import logger, origin_of

SWEEP_SECONDS = 1.0
SWEEPS_MAX = 1_000

_log = logger("host")


class Tending:
    """The round of one host."""

    def __init__(
        self, activation: Activation, placement: Placement, reminders: Reminders,
        answering: Callable[[], bool], slice_cells: int, sleep: Sleep,
    ) -> None:  # fmt: skip
        self._activation = activation
        self._placement = placement
        self._reminders = reminders
        self._answering = answering
        """Whether the lease surely holds."""
        self._slice_cells = slice_cells
        """How many cells one sweep looks at."""
        self._sleep = sleep

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._sleep(SWEEP_SECONDS)
            try:
                await self._sweep()
                if self._placement.generations and self._answering():
                    await self._reminders.scan(list(self._placement.generations))
            except Exception as error:  # a fault of ours must not end all later rounds
                _log.error("tending_failed", **origin_of(error))

    async def _sweep(self) -> None:
        slices = 1 + len(self._activation.live) // self._slice_cells
        for _ in range(min(slices, SWEEPS_MAX)):
            if self._activation.sweep() < self._slice_cells:
                return
            await asyncio.sleep(0)  # turns go between two slices
