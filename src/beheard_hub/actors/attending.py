"""What a host looks at several times a second: who did not come back, what was not received."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from beheard_hub.ports import Sleep
from beheard_hub.telemetry import logger, origin_of

ATTEND_SECONDS = 0.25

_log = logger("host")


async def attend(ticks: Sequence[Callable[[], None]], sleep: Sleep) -> None:
    """Calls all of `ticks` every `ATTEND_SECONDS`, until cancelled."""
    while True:
        await sleep(ATTEND_SECONDS)
        for tick in ticks:
            try:
                tick()
            except Exception as error:  # a fault of ours must not end all later rounds
                _log.error("attending_failed", **origin_of(error))
