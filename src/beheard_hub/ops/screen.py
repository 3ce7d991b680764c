"""One frame of `beheard ops`: the findings first, then where everything lives."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

from beheard_hub.observability.findings import Finding
from beheard_hub.observability.overview import GatewayFigures, HostFigures, Overview

STYLES: Mapping[str, str] = {"slow": "bold yellow", "wrong": "bold red"}
"""Level of a finding → how it looks."""
NOTHING = "-"
WIDE = 120

SVG_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: monospace; font-size: {char_height}px; \
line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">\
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""Rich's own picture without the fonts that it would fetch from elsewhere."""


class Column(msgspec.Struct, frozen=True):
    """One column of a table of processes."""

    head: str
    cell: Callable[[Any], str]
    wide: bool = False
    """Only on a terminal of `WIDE` columns and more."""


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _rate(value: float) -> str:
    return f"{value:,.1f}"


def _maybe(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.1f}"


PROCESS: Sequence[Column] = (
    Column("lag ms", lambda of: _rate(of.loop_lag_ms)),
    Column("cpu %", lambda of: _count(of.cpu_percent), wide=True),
    Column("MB", lambda of: _count(of.memory_mb)),
)
HOSTS: Sequence[Column] = (
    Column("host", lambda of: of.name),
    Column("shards", lambda of: _count(of.shards)),
    Column("sessions", lambda of: _count(of.live)),
    Column("packed", lambda of: _count(of.packed), wide=True),
    Column("listen", lambda of: _count(of.subscriptions), wide=True),
    Column("cmd/s", lambda of: _rate(of.commands_per_second)),
    Column("p50", lambda of: _maybe(of.command_p50_ms), wide=True),
    Column("p95 ms", lambda of: _maybe(of.command_p95_ms)),
    Column("p99", lambda of: _maybe(of.command_p99_ms)),
    Column("buffer", lambda of: _count(of.buffered)),
    Column("flush ms", lambda of: _maybe(of.flush_p95_ms)),
    *PROCESS,
)
GATEWAYS: Sequence[Column] = (
    Column("gateway", lambda of: of.name),
    Column("conns", lambda of: _count(of.connections)),
    Column("unanswered", lambda of: _count(of.commands_unanswered)),
    Column("req/s", lambda of: _rate(of.requests_per_second)),
    Column("waiting", lambda of: _count(of.requests_under_way), wide=True),
    Column("5xx", lambda of: _count(of.server_errors)),
    Column("closed", lambda of: _count(of.closes), wide=True),
    Column("links", lambda of: _count(of.links), wide=True),
    *PROCESS,
)


def frame(view: Overview, found: Sequence[Finding], source: str, width: int) -> RenderableType:
    """Everything of one look, for a terminal of `width` columns. `source` says which hub it is."""
    head = Text.assemble(
        ("BeHeard Hub", "bold"), f"  {source}   the last {view.seconds:.0f} s", style="cyan"
    )
    return Group(
        head,
        Text(),
        *_findings(found),
        Text(),
        _numbers(view),
        Text(),
        _table(HOSTS, view.hosts, width, _no_host(view)),
        Text(),
        _table(GATEWAYS, view.gateways, width, "no gateway shows its numbers"),
    )


def _no_host(view: Overview) -> str:
    if view.hub.shards_without_host:
        return "no host shows its numbers"
    return "hosts are shown where the hub serves: this page is of a gateway on its own"


def _findings(found: Sequence[Finding]) -> list[Text]:
    if not found:
        return [Text("What is slow, and why: nothing", style="bold green")]
    lines = [Text("What is slow, and why", style="bold")]
    for finding in found:
        style = STYLES[finding.level]
        lines.append(Text.assemble(("  ! ", style), (finding.sentence, style)))
        lines.append(Text(f"    {finding.why}", style="dim"))
    return lines


def _numbers(view: Overview) -> Table:
    """What belongs to no process, as rows of a name and what there is to say."""
    hub, ai = view.hub, view.facilitator
    rows = [
        ("sessions", _counts(view.sessions)),
        ("people", _counts({f"in stage {stage}:": count for stage, count in view.stages.items()})),
        ("commands", f"{_rate(hub.commands_per_second)}/s on {_count(hub.connections)} connections"
                     f"; refused: {_counts(view.refusals)}"),
        ("facilitator", f"{ai.running} answers under way, {ai.answered} answered, "
                        f"{ai.failed} failed; first word p95 {_maybe(ai.first_word_p95_s)} s"
                        f"; tokens: {_counts(ai.tokens)}"),
        ("vectors", f"{_maybe(hub.embedding_lag_s)} s behind, {_count(hub.texts_waiting)} texts "
                    f"wait, {_rate(hub.texts_per_second)}/s"),
        ("reminders", f"{_count(hub.reminders_overdue)} timers overdue, "
                      f"{hub.reminders_failed} failed; late p95 {_maybe(hub.reminder_late_p95_s)} s"
                      f"; {_count(hub.reactions_waiting)} answers or pushes take long"),
        ("pushes", _counts(view.pushes)),
    ]  # fmt: skip
    table = Table.grid(padding=(0, 2))
    for name, says in rows:
        table.add_row(Text(name, style="cyan"), says)
    return table


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


def _table(
    columns: Sequence[Column],
    rows: Sequence[HostFigures | GatewayFigures],
    width: int,
    without: str,
) -> RenderableType:
    if not rows:
        return Text(without, style="bold red")
    gap = 2 if width >= WIDE else 1
    table = Table(box=None, header_style="cyan", pad_edge=False, padding=(0, gap, 0, 0))
    shown = [column for column in columns if width >= WIDE or not column.wide]
    for number, column in enumerate(shown):
        table.add_column(column.head, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(column.cell(row) for column in shown))
    return table


def picture(content: RenderableType, width: int) -> str:
    """A frame as SVG, which shows alike everywhere and fetches nothing."""
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    console.print(content)
    return console.export_svg(title="beheard ops", theme=DIMMED_MONOKAI, code_format=SVG_FORMAT)
