"""`make bench`: rows of the speed table of spec 09, each beside its bar.

Measured today: the hub on Ray against the same hub in one process, and against Ray's own no-op
call. The naive baseline, memory and the rows with 100,000 sessions are not here yet.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from beheard_hub.actors.supervisor import RayOptions, start_ray, stop_ray
from beheard_hub.gateway.auth import LocalKey
from beheard_hub.runtime import SystemClock
from beheard_hub.settings import process_environment
from beheard_hub.testing.hub_process import HubProcess
from bench.noop import noop_call_ms
from bench.pairs import Figures, make_pairs, saturate, steady

PAIRS = 100
SECONDS = 8.0
RESULTS = Path(__file__).parent / "results"


class Row(msgspec.Struct, frozen=True):
    """One measure; `bar` is met when `better(figure, bar)`."""

    measure: str
    figure: float
    unit: str
    bar: float
    at_least: bool

    @property
    def met(self) -> bool:
        """Whether the bar is met."""
        return self.figure >= self.bar if self.at_least else self.figure <= self.bar


class Stage(msgspec.Struct, frozen=True):
    """What one build of the hub gave."""

    one: Figures
    eight: Figures
    at_50: Figures
    at_500: Figures
    at_half: Figures


async def measure(link: str) -> Stage:
    """Starts a hub with that link, loads it, ends it."""
    with tempfile.TemporaryDirectory(prefix="beheard-bench-") as folder:
        hub = HubProcess(
            Path(folder) / "data", BEHEARD_LINK=link, BEHEARD_LIMITS="off", BEHEARD_LOG="error"
        )
        await hub.start(process_environment())
        try:
            return await _load(hub)
        finally:
            await hub.stop()


async def _load(hub: HubProcess) -> Stage:
    key = LocalKey.open(hub.data_dir, SystemClock())
    token: Callable[[str], str] = lambda user: key.mint(user, name="Bench")  # noqa: E731
    pairs = await make_pairs(hub.url.replace("http", "ws", 1), token, PAIRS, 0)
    await saturate(pairs, 1, 2.0)  # warm
    one = await saturate(pairs, 1, SECONDS)
    eight = await saturate(pairs, 8, SECONDS)
    at_50 = await steady(pairs, 50, SECONDS)
    at_500 = await steady(pairs, 500, SECONDS)
    at_half = await steady(pairs, one.rate / 2, SECONDS)
    for pair in pairs:
        await pair.close()
    return Stage(one, eight, at_50, at_500, at_half)


def rows(on_ray: Stage, alone: Stage, noop_ms: float) -> list[Row]:
    """The measures of spec 09 that these stages give."""

    def ratio(measure: str, ours: float, other: float, bar: float, at_least: bool) -> Row:
        return Row(measure, ours / other, "x", bar, at_least)

    p50 = 0.5
    return [
        ratio("commands/s, 1 in flight, against one process", on_ray.one.rate, alone.one.rate,
              0.85, True),
        ratio("commands/s, 8 in flight, against one process", on_ray.eight.rate,
              alone.eight.rate, 0.85, True),
        ratio("ack p50 at 50/s, against one process", on_ray.at_50.percentile_ms(p50),
              alone.at_50.percentile_ms(p50), 1.3, False),
        ratio("ack p50 at 500/s, against one process", on_ray.at_500.percentile_ms(p50),
              alone.at_500.percentile_ms(p50), 1.3, False),
        ratio("ack p50 at 50/s, against Ray's no-op call", on_ray.at_50.percentile_ms(p50),
              noop_ms, 1.5, False),
        ratio("p99 at half the saturating load, against p50", on_ray.at_half.percentile_ms(0.99),
              on_ray.at_half.percentile_ms(p50), 4, False),
    ]  # fmt: skip


def show(found: list[Row], on_ray: Stage, alone: Stage, noop_ms: float) -> None:
    """Prints the table and writes the JSON."""
    console = Console()
    table = Table("measure", "figure", "bar", "")
    for row in found:
        sign = ">=" if row.at_least else "<="
        table.add_row(
            row.measure, f"{row.figure:.2f} {row.unit}", f"{sign} {row.bar:g}",
            "met" if row.met else "missed",
        )  # fmt: skip
    console.print(table)
    for name, stage in (("Ray", on_ray), ("one process", alone)):
        console.print(
            f"{name}: {stage.one.rate:,.0f} commands/s at 1 in flight, "
            f"{stage.eight.rate:,.0f} at 8; ack p50 {stage.at_50.percentile_ms(0.5):.2f} ms at "
            f"50/s, {stage.at_500.percentile_ms(0.5):.2f} ms at 500/s"
        )
    console.print(f"Ray's no-op call: {noop_ms:.2f} ms")
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y%m%dT%H%M%S')}.json"
    path.write_bytes(msgspec.json.encode(found))
    console.print(f"written to bench/results/{path.name}")


async def main() -> int:
    """Measures everything; 1 where a bar is missed."""
    alone = await measure("inprocess")
    on_ray = await measure("socket")
    await start_ray(RayOptions(), process_environment())
    try:
        noop_ms = await noop_call_ms()
    finally:
        await stop_ray()
    found = rows(on_ray, alone, noop_ms)
    show(found, on_ray, alone, noop_ms)
    return 0 if all(row.met for row in found) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
