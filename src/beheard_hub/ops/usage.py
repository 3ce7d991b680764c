"""`beheard usage`: what calls to a model have cost, by day, purpose and model; nobody's id.

Asked of the database as `beheard_ops`, whether the hub serves or not. What practices spend stands
with their invitations and is not in these sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from pathlib import Path

import msgspec
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from beheard_hub.persistence.database import Database
from beheard_hub.persistence.migrate import login_secret, runtime_url
from beheard_hub.persistence.usage import DaysUsage, PostgresUsage
from beheard_hub.ports import StoreUnavailable
from beheard_hub.settings import Database as DatabaseSettings
from beheard_hub.settings import SetupError

DAYS_MAX = 90
"""Rows are kept so long."""


class Usage(msgspec.Struct, frozen=True):
    """Sums of the last days."""

    since: datetime
    """Midnight UTC of the first day."""
    rows: Sequence[DaysUsage]
    """The newest day first."""

    def total(self, figure: str) -> int:
        """Of `calls`, `input`, `output` or `cached`."""
        return sum(getattr(row, figure) for row in self.rows)


async def read(
    settings: DatabaseSettings, owner_url: str, data_dir: Path, days: int, now: datetime
) -> Usage:
    """Of `days` UTC days, today among them. Raises SetupError."""
    first = now.date() - timedelta(days=days - 1)
    since = datetime.combine(first, time.min, now.tzinfo)
    secret = login_secret(owner_url, data_dir, settings.login_secret)
    try:
        db = await Database.open(runtime_url(owner_url, secret), size_max=1)
        try:
            return Usage(since, await PostgresUsage(db).by_day(since))
        finally:
            await db.close()
    except StoreUnavailable:
        raise SetupError("The database cannot be reached.", "Check DATABASE_URL.") from None


def as_json(usage: Usage) -> str:
    """For programs."""
    totals = {figure: usage.total(figure) for figure in FIGURES}
    whole = {"since": usage.since, "rows": usage.rows, "total": totals}
    return msgspec.json.format(msgspec.json.encode(whole)).decode()


FIGURES = ("calls", "input", "output", "cached")


def table(usage: Usage) -> RenderableType:
    """For people."""
    if not usage.rows:
        return Text(f"No model was called since {usage.since:%Y-%m-%d}.")
    shown = Table(box=None, header_style="cyan", pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("day (UTC)", "purpose", "model"):
        shown.add_column(name, no_wrap=name != "model", overflow="fold")
    for name in ("calls", "users", "input", "output", "cached"):
        shown.add_column(name, justify="right", no_wrap=True)
    before = None
    for row in usage.rows:
        figures = (row.calls, row.users, row.input, row.output, row.cached)
        day = "" if row.day == before else str(row.day)
        shown.add_row(day, row.call, row.model, *(f"{count:,}" for count in figures))
        before = row.day
    calls, *tokens = (f"{usage.total(figure):,}" for figure in FIGURES)
    shown.add_row("all", "", "", calls, "", *tokens, style="bold")
    return shown
