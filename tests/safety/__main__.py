"""`python -m tests.safety`: precision and recall of the crisis check, per category and set.

`--wrong` lists what it gets wrong in the development half. The held-out half is never listed: who
has seen its faults tunes on it.
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from beheard_hub.ai.crisis import Category
from tests.safety.scoring import DEVELOPMENT, SETS, assessed, phrases, score, wrong

_COLUMNS = (
    "set", "category", "positive", "recall", "precision", "emergencies", "seen", "category right",
)  # fmt: skip


def table() -> Table:
    """One row per set and category, and one for all of a set."""
    drawn = Table(*_COLUMNS)
    for name in SETS:
        found = assessed(name)
        for category in (*Category, None):
            row = score(found, category)
            drawn.add_row(
                name,
                category or "all",
                str(row.wanted),
                f"{row.recall:.2f} ({row.alarmed}/{row.due})",
                f"{row.precision:.2f} ({row.false_alarms} false)",
                f"{row.emergency_recall:.2f} ({row.grave_found}/{row.grave})",
                f"{row.seen}/{row.wanted}",
                f"{row.named}/{row.seen}",
                end_section=category is None,
            )
    return drawn


def main() -> None:
    """Prints the table, and with ``--wrong`` the development half's faults."""
    console = Console()
    console.print(table())
    for name in SETS:
        rows = phrases(name)
        positive = sum(1 for row in rows if row.category)
        console.print(f"{name}: {positive} positive and {len(rows) - positive} negative phrases")
    if "--wrong" in sys.argv[1:]:
        for phrase, crisis in wrong(DEVELOPMENT):
            got = f"{crisis.category} {crisis.severity.name}" if crisis else "nothing"
            console.print(f"{phrase.category} {phrase.kind}: {phrase.text!r} → {got}", markup=False)


if __name__ == "__main__":
    main()
