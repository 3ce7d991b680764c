"""A small run of `beheard load` on the real hub: every phase gives figures, nothing fails."""

from __future__ import annotations

from uuid import uuid4

from beheard_hub.gateway.auth import LocalKey
from beheard_hub.load.phases import Crew, Order, run
from beheard_hub.runtime import SystemClock
from tests.e2e.conftest import Town

ORDER = Order(
    pairs=3, rate=20, seconds=1, idle=20, hold_seconds=0.1, stalled=0.3, storm=10, overload=1.5
)
PHASES = [
    "connect", "hold", "steady", "without stalled readers", "beside stalled readers",
    "reconnect storm", "after the storm", "peak", "1.5 x peak",
]  # fmt: skip


async def test_every_phase_of_a_run_is_measured(town: Town) -> None:
    key, tag = LocalKey.open(town.hub.data_dir, SystemClock()), uuid4().hex[:8]
    crew = Crew(
        town.hub.url.replace("http", "ws", 1), lambda number: key.mint(f"{tag}-{number}", name="L")
    )
    try:
        phases = await run(ORDER, crew)
    finally:
        await crew.leave()
    assert [phase.name for phase in phases] == PHASES
    done = {phase.name: len(phase.answers) for phase in phases}
    assert (done["connect"], done["reconnect storm"]) == (20, 10)
    assert (done["steady"], done["after the storm"]) == (20, 20)
    assert done["peak"] > 0
    assert all(not phase.failures for phase in phases[:-1])
