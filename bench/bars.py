"""The speed table of spec 09: every row with its bar and the measure that gives its figure.

Rows are data: a measure returns figures by key, and a key without a row, or a row without a figure,
is a mistake of ours that the run names.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


class Bar(msgspec.Struct, frozen=True):
    """One row of the table before it was measured."""

    key: str
    by: str
    """The measure that gives the figure: a module of this package (`--only`)."""
    measure: str
    unit: str
    bar: float
    at_least: bool = False


class Found(msgspec.Struct, frozen=True):
    """What one measure gave."""

    figures: Mapping[str, float]
    """By key of a `Bar`."""
    notes: Sequence[str] = ()
    """What the ratios come from, in sentences."""


class Row(msgspec.Struct, frozen=True):
    """One row as it is printed and written."""

    measure: str
    figure: float
    unit: str
    bar: float
    at_least: bool
    met: bool


MORE = True
"""More is better."""

BARS: Sequence[Bar] = (
    Bar("naive_one", "throughput", "commands/s, 1 in flight, against naive", "x", 6, MORE),
    Bar("naive_eight", "throughput", "commands/s, 8 in flight, against naive", "x", 8, MORE),
    Bar("alone_one", "throughput", "commands/s, 1 in flight, against one", "x", 0.85, MORE),
    Bar("alone_eight", "throughput", "commands/s, 8 in flight, against one", "x", 0.85, MORE),
    Bar("p50_at_50", "throughput", "ack p50 at 50/s, against one process", "x", 1.3),
    Bar("p50_at_500", "throughput", "ack p50 at 500/s, against one process", "x", 1.3),
    Bar("p50_noop", "throughput", "ack p50 at 50/s, against Ray's no-op call", "x", 1.5),
    Bar("p99", "throughput", "p99 at half the saturating load, against p50", "x", 4),
    Bar("streaming_p50", "streaming", "ack p50 beside 1,000 answers, against none", "x", 1.3),
    Bar("streaming_p99", "streaming", "p99 beside 1,000 answers, against p50", "x", 4),
    Bar("observers_p50", "observers", "ack p50 beside 500 observers, against none", "x", 1.3),
    Bar("observers_apart", "observers", "500 observers: first to last told the same", "ms", 100),
    Bar("both_p50", "both_kinds", "ack p50 beside 20 practices, against none", "x", 1.3),
    Bar("session", "session_memory", "memory per live idle session in a host", "KB", 12),
    Bar("connection", "connection_memory", "memory per idle connection in the gateway", "KB", 45),
    Bar("pause", "pause", "longest pause of a host with 100,000 idle sessions", "ms", 25),
    Bar("crowd", "crowd", "cost per command, 100,000 live sessions against 1,000", "x", 1.25),
    Bar("passivated", "passivated", "first command to a passivated session, p50", "x", 5),
    Bar("embedding", "embedding", "embedding by the actors, against the model", "x", 0.7, MORE),
    Bar("unembedded", "embedding", "ack p50 while no text gets a vector", "x", 1.3),
    Bar("vessel_recall", "search", "vessel search: recall of the exact top 10", "", 1, MORE),
    Bar("vessel_p95", "search", "vessel search among 200,000 vectors, p95", "ms", 10),
    Bar("library_recall", "search", "library search: recall@5 against exact", "", 0.95, MORE),
    Bar("adoption", "adoption", "1,000 sessions of a dead host served again, the last", "s", 2.5),
    Bar("rls", "search", "page of 50 rows, policies on against off", "x", 1.3),
)  # fmt: skip

MEASURES = tuple(dict.fromkeys(bar.by for bar in BARS))
"""Names of the measures, in the order in which they run."""


def rows(bars: Sequence[Bar], figures: Mapping[str, float]) -> list[Row]:
    """The rows whose figures are there."""
    unknown = figures.keys() - {bar.key for bar in bars}
    assert not unknown, f"no row for {unknown}"
    return [_row(bar, figures[bar.key]) for bar in bars if bar.key in figures]


def _row(bar: Bar, figure: float) -> Row:
    met = figure >= bar.bar if bar.at_least else figure <= bar.bar
    return Row(bar.measure, figure, bar.unit, bar.bar, bar.at_least, met)


def show(found: Sequence[Row], notes: Sequence[str]) -> None:
    """Prints the table and writes it as JSON."""
    console = Console(highlight=False)
    table = Table("measure", "figure", "bar", "")
    for row in found:
        sign = ">=" if row.at_least else "<="
        figure = f"{row.figure:.2f} {row.unit}"
        table.add_row(
            row.measure, figure, f"{sign} {row.bar:g}", "met" if row.met else "[red]missed[/]"
        )
    console.print(table)
    for note in notes:
        console.print(note)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y%m%dT%H%M%S')}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode({"rows": found, "notes": notes})))
    console.print(f"written to bench/results/{path.name}")
