"""The figures of a run: as a table with a chart for the terminal, as one page of HTML, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from beheard_hub.load.sending import Answer, Phase

SHARES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))
BLOCKS = " ▁▂▃▄▅▆▇█"
COLUMNS = 60
COLUMNS_SHOWN = 24
WIDTH, HEIGHT, LEFT, BELOW = 640, 160, 46, 18


def show(phases: Sequence[Phase], console: Console) -> None:
    """Prints a row for each phase, and its latency over time."""
    table = Table("phase", "done", "/s", *(f"{name} ms" for name, _ in SHARES), "failed")
    for phase in phases:
        failed = ", ".join(f"{count:,} {code}" for code, count in phase.failures.items())
        table.add_row(phase.name, *_numbers(phase), failed or "-")
    console.print(table)
    for phase in phases:
        worst = phase.percentile_ms(1.0)
        over = f" {chart(phase)} p99 over time, max {worst:,.0f} ms" if phase.answers else ""
        console.print(f"{phase.name:>22}{over} {phase.note}", soft_wrap=True)


def _numbers(phase: Phase) -> list[str]:
    if not phase.answers:
        return ["-"] * (2 + len(SHARES))
    shares = (f"{phase.percentile_ms(share):,.1f}" for _, share in SHARES)
    return [f"{len(phase.answers):,}", f"{phase.rate:,.0f}", *shares]


def over_time(phase: Phase, columns: int, share: float) -> list[float]:
    """Latency in milliseconds below which `share` of the answers of each stretch lie."""
    stretches: list[list[Answer]] = [[] for _ in range(columns)]
    for answer in phase.answers:
        stretches[min(columns - 1, int(answer.at / phase.seconds * columns))].append(answer)
    return [
        msgspec.structs.replace(phase, answers=answers).percentile_ms(share)
        for answers in stretches
    ]


def chart(phase: Phase) -> str:
    """p99 over time in one line of blocks."""
    found = over_time(phase, COLUMNS_SHOWN, 0.99)
    top = max(found) or 1.0
    return "".join(BLOCKS[round(value / top * (len(BLOCKS) - 1))] for value in found)


def figures(phases: Sequence[Phase]) -> list[dict[str, Any]]:
    """What is written as JSON: no single answers."""
    return [
        {
            "phase": phase.name,
            "seconds": phase.seconds,
            "done": len(phase.answers),
            "perSecond": phase.rate,
            "offeredPerSecond": phase.offered,
            "latencyMs": {name: phase.percentile_ms(share) for name, share in SHARES},
            "failed": phase.failures,
            "note": phase.note,
        }
        for phase in phases
    ]


def write(phases: Sequence[Phase], url: str, path: Path) -> list[Path]:
    """Writes ``path.html`` and ``path.json``. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = [path.with_suffix(".html"), path.with_suffix(".json")]
    made[0].write_text(page(phases, url), encoding="utf-8")
    made[1].write_bytes(msgspec.json.format(msgspec.json.encode(figures(phases))))
    return made


def page(phases: Sequence[Phase], url: str) -> str:
    """One file of HTML without anything from outside."""
    template = resources.files(__package__ or "").joinpath("page.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        url=escape(url),
        head="".join(f"<th>{name}</th>" for name, _ in SHARES),
        rows="".join(_row(phase) for phase in phases),
        charts="".join(_figure(phase) for phase in phases if phase.answers),
    )


def _row(phase: Phase) -> str:
    failed = ", ".join(f"{count:,} {code}" for code, count in phase.failures.items())
    cells = [phase.name, *_numbers(phase), failed, phase.note]
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _figure(phase: Phase) -> str:
    lines = {share: over_time(phase, COLUMNS, share) for share in (0.5, 0.99)}
    top = max(lines[0.99]) or 1.0

    def path(values: Sequence[float]) -> str:
        step = (WIDTH - LEFT) / max(1, len(values) - 1)
        points = (
            f"{LEFT + number * step:.1f},{(HEIGHT - BELOW) * (1 - value / top):.1f}"
            for number, value in enumerate(values)
        )
        return " ".join(points)

    floor = HEIGHT - BELOW
    return (
        f"<figure><figcaption>{escape(phase.name)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="latency over time">'
        f'<line class="axis" x1="{LEFT}" y1="{floor}" x2="{WIDTH}" y2="{floor}"/>'
        f'<line class="axis" x1="{LEFT}" y1="0" x2="{LEFT}" y2="{floor}"/>'
        f'<text x="{LEFT - 4}" y="10" class="y">{top:,.0f} ms</text>'
        f'<text x="{LEFT - 4}" y="{floor}" class="y">0</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 4}" class="y">{phase.seconds:,.0f} s</text>'
        f'<polyline class="p99" points="{path(lines[0.99])}"/>'
        f'<polyline class="p50" points="{path(lines[0.5])}"/></svg></figure>'
    )
