"""A run in the terminal: two tables and a sentence."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from beheard_hub.evaluation.figures import Figures, Spread
from beheard_hub.evaluation.run import Run
from beheard_hub.evaluation.scores import Result

EXAMPLES_SHOWN = 3
WIDTH_EXPLAINED_MIN = 120


def show(run: Run, console: Console) -> None:
    """Prints scores, figures by stage, and where a score was broken; ids, no texts."""
    console.print(_scores(run, explained=console.width >= WIDTH_EXPLAINED_MIN))
    console.print(_figures(run))
    for result in run.scores:
        for example in result.examples[:EXAMPLES_SHOWN]:
            console.print(f"  {result.name}: {example.call}: {example.problem}", style="yellow")
        if result.failed > EXAMPLES_SHOWN:
            console.print(f"  {result.name}: and {result.failed - EXAMPLES_SHOWN} more")
    console.print(f"{run.label}: {held(run)}", style="bold green" if run.passed else "bold red")


def held(run: Run) -> str:
    """The run in one line, without its name."""
    hard = [result for result in run.scores if result.hard]
    return f"{sum(not result.failed for result in hard)} of {len(hard)} hard checks passed"


def mark(result: Result) -> str:
    """One word for a score."""
    if not result.checked:
        return "nothing to check"
    if not result.failed:
        return "passed"
    return "failed" if result.hard else "noted"


_STYLES = {"passed": "green", "failed": "bold red", "noted": "yellow", "nothing to check": "dim"}


def _scores(run: Run, *, explained: bool) -> Table:
    table = Table(
        title=f"Scores of {run.label} ({run.provider})", title_justify="left", box=SIMPLE_HEAD
    )
    for name in ("score", "", *(["what"] if explained else [])):
        table.add_column(name)
    for name in ("checked", "failed"):
        table.add_column(name, justify="right")
    for result in run.scores:
        style = _STYLES[mark(result)]
        table.add_row(
            result.title, f"[{style}]{mark(result)}[/]", *([result.checks] if explained else []),
            str(result.checked), str(result.failed),
        )  # fmt: skip
    return table


def _figures(run: Run) -> Table:
    title = f"By stage (prices as of {run.prices_as_of})"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("stage", no_wrap=True)
    for name in ("said", "first\np50", "word\np95", "whole\np50", "\np95", "tokens\nin",
                 "\ncached", "\nout", "cost"):  # fmt: skip
        table.add_column(name, justify="right", no_wrap=True)
    for name, row in [*run.stages.items(), ("all", run.whole)]:
        table.add_row(name, *_cells(row))
    return table


def _cells(row: Figures) -> list[str]:
    return [
        f"{row.answers:,}", *_spread(row.first), *_spread(row.total),
        f"{row.input:,}", f"{row.cached:,}", f"{row.output:,}", dollars(row.cost),
    ]  # fmt: skip


def _spread(spread: Spread | None) -> tuple[str, str]:
    return ("", "") if spread is None else (milliseconds(spread.p50), milliseconds(spread.p95))


def milliseconds(value: float) -> str:
    """With a unit that reads well."""
    return f"{value / 1000:.2f} s" if value >= 1000 else f"{value:.0f} ms"


def dollars(value: float | None) -> str:
    """A sum, or that it is not known."""
    if value is None:
        return "unknown"
    return f"${value:.4f}" if 0 < value < 1 else f"${value:,.2f}"
