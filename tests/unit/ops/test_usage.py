"""`beheard usage`: a day once, sums at the end, and a sentence where there is nothing."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime

from rich.console import Console

from beheard_hub.ops.usage import Usage, table
from beheard_hub.persistence.usage import DaysUsage

SINCE = datetime(2026, 11, 20, tzinfo=UTC)


def row(day: int, call: str, count: int) -> DaysUsage:
    """Of two users who made `count` calls."""
    return DaysUsage(
        day=date(2026, 11, day), call=call, model="large-1", calls=count, users=2,
        input=1_000 * count, output=10 * count, cached=0,
    )  # fmt: skip


def lines(usage: Usage) -> list[str]:
    """What a narrow terminal shows."""
    console = Console(file=io.StringIO(), width=80)
    console.print(table(usage))
    assert isinstance(console.file, io.StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def test_each_day_is_named_once_and_all_are_added_up() -> None:
    assert lines(Usage(SINCE, [row(21, "stage1", 3), row(21, "stage2", 1), row(20, "stage1", 2)]))[
        1:
    ] == [
        "2026-11-21 stage1 large-1 3 2 3,000 30 0",
        "stage2 large-1 1 2 1,000 10 0",
        "2026-11-20 stage1 large-1 2 2 2,000 20 0",
        "all 6 6,000 60 0",
    ]


def test_no_call_is_a_sentence() -> None:
    assert lines(Usage(SINCE, [])) == ["No model was called since 2026-11-20."]
