"""`beheard bench`: what load on a throw-away hub tells about this machine, beside its bars.

These are the rows of the quality table that need nothing but a running hub. The rows that compare
the hub with another design, or look into a host, need the sources: `make bench`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from beheard_hub import cycles
from beheard_hub.gateway.auth import LocalKey
from beheard_hub.load.idle import returned
from beheard_hub.load.phases import Crew, beside_stalled, connecting, overload
from beheard_hub.load.sending import Phase, at_rate, by_turns
from beheard_hub.runtime import SystemClock
from beheard_hub.settings import process_environment
from beheard_hub.testing.hub_process import HubProcess

PAIRS = 100
FIRST_CONNECTIONS = 100
SETTLE_SECONDS = 3.0
STALLED, STALLED_RATE = 0.05, 200.0
"""Share of the readers, and commands per second beside them: nearer to saturation what others do on
the machine decides the p99."""
OVERLOAD = 2.0
KB = 1024


class Bar(msgspec.Struct, frozen=True):
    """A row before it was measured; `bar` None: nothing is asked, the figure is for comparison."""

    measure: str
    unit: str
    bar: float | None = None
    at_least: bool = False


class Row(msgspec.Struct, frozen=True):
    """A row with its figure."""

    bar: Bar
    figure: float

    @property
    def met(self) -> bool:
        """Whether the bar is met; always where there is none."""
        if self.bar.bar is None:
            return True
        return self.figure >= self.bar.bar if self.bar.at_least else self.figure <= self.bar.bar


class Found(msgspec.Struct, frozen=True):
    """What a run gave."""

    phases: list[Phase]
    rows: list[Row]


BARS: Mapping[str, Bar] = {
    "rate": Bar(f"durable commands/s, {PAIRS} pairs, 8 in flight", "/s"),
    "p50_at_50": Bar("ack p50 at 50 commands/s", "ms"),
    "p99_at_half": Bar("p99 at half of the saturating load, against p50 there", "x", 4),
    "connection": Bar("memory per idle subscribed connection in the gateway", "KB", 45),
    "stalled": Bar("p99 beside 5 % stalled readers, against without", "x", 1.1),
    "goodput": Bar("goodput at twice the saturating load, against the peak", "x", 0.9, True),
    "back": Bar("last client back after a gateway died", "s", 10),
}


async def measured(connections: int, seconds: float, say: Callable[[str], None]) -> Found:
    """Starts a hub, measures, ends it. Raises TimeoutError, OSError."""
    with tempfile.TemporaryDirectory(prefix="beheard-bench-") as folder:
        hub = HubProcess(Path(folder) / "data", BEHEARD_LIMITS="off", BEHEARD_LOG="error")
        say("starting a hub")
        await hub.start(process_environment())
        key = LocalKey.open(hub.data_dir, SystemClock())
        crew = Crew(
            hub.url.replace("http", "ws", 1), lambda number: key.mint(f"bench-{number}", name="B")
        )
        cycles.settle()  # a pause of its own would count as one of the hub's
        try:
            return await _measured(hub, crew, connections, seconds, say)
        finally:
            await crew.leave()
            await hub.stop()


async def _measured(
    hub: HubProcess, crew: Crew, connections: int, seconds: float, say: Callable[[str], None]
) -> Found:
    say(f"{PAIRS} pairs meet")
    crew.pairs = await crew.meet(PAIRS)
    await by_turns(crew, "warm", seconds / 2, lanes=8)
    phases = [
        await by_turns(crew, "saturated", seconds, lanes=8),
        await at_rate(crew, "50/s", 50, seconds),
    ]
    half = phases[0].rate / 2
    phases.append(await at_rate(crew, "half of it", half, seconds))
    say(f"{STALLED:.0%} of the readers stall, every other time")
    stalled = await beside_stalled(
        crew, STALLED, lambda name: at_rate(crew, name, STALLED_RATE, seconds)
    )
    beyond = await overload(crew, OVERLOAD, seconds, say)
    phases += [*stalled.phases, *beyond.phases]
    each, connected = await _connection_bytes(hub, crew, connections, say)
    phases += [connected, await _gateway_dies(hub, crew, say)]
    by_name = {phase.name: phase for phase in phases}
    at_half = by_name["half of it"]
    figures = {
        "rate": by_name["saturated"].rate,
        "p50_at_50": by_name["50/s"].percentile_ms(0.5),
        "p99_at_half": at_half.percentile_ms(0.99) / at_half.percentile_ms(0.5),
        "connection": each / KB,
        "stalled": stalled.ratio,
        "goodput": beyond.goodput,
        "back": by_name["a gateway died"].percentile_ms(1.0) / 1e3,
    }
    return Found(phases, [Row(bar, figures[key]) for key, bar in BARS.items()])


async def _connection_bytes(
    hub: HubProcess, crew: Crew, connections: int, say: Callable[[str], None]
) -> tuple[float, Phase]:
    """Growth of the gateway by one connection; the first are not counted."""
    [gateway] = hub.address()["gateway_pids"]
    say(f"{connections:,} connections")
    await crew.listen(FIRST_CONNECTIONS)
    await asyncio.sleep(SETTLE_SECONDS)
    before, began = _resident_bytes(gateway), time.perf_counter()
    phase = connecting("connect", await crew.listen(connections), began)
    await asyncio.sleep(SETTLE_SECONDS)
    return (_resident_bytes(gateway) - before) / connections, phase


def _resident_bytes(pid: int) -> int:
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


async def _gateway_dies(hub: HubProcess, crew: Crew, say: Callable[[str], None]) -> Phase:
    """Everybody is cut off at once and comes back when the next gateway listens."""
    [gateway] = hub.address()["gateway_pids"]
    say(f"the gateway of {len(crew.idle):,} connections dies")
    for device in crew.idle:
        device.subscribed.clear()
    began = time.perf_counter()
    os.kill(gateway, signal.SIGKILL)
    return connecting("a gateway died", await returned(crew.idle, began), began)


def show(rows: list[Row], console: Console) -> None:
    """Prints the rows."""
    table = Table("measure", "figure", "bar", "")
    for row in rows:
        bar = row.bar
        asked = "-" if bar.bar is None else f"{'>=' if bar.at_least else '<='} {bar.bar:g}"
        met = "" if bar.bar is None else "met" if row.met else "[red]missed[/]"
        table.add_row(bar.measure, f"{row.figure:,.2f} {bar.unit}", asked, met)
    console.print(table)
    console.print("The rows that need the sources: make bench.")
