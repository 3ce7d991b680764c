"""docs/rest.md says what the tables say."""

from __future__ import annotations

from pathlib import Path

from beheard_hub.domain.refusals import CODES
from beheard_hub.gateway.rest.routes import ROUTES

PAGE = (Path(__file__).parents[4] / "docs" / "rest.md").read_text()


def rows(head: str) -> list[list[str]]:
    """Cells of the table that begins with `head`."""
    table = PAGE.partition(f"\n{head}\n")[2]
    lines = table.partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_rows() -> None:
    assert rows("| method | path | command | query |") == [
        [
            route.method.value, f"`{route.path}`", f"`{route.command}`",
            ", ".join(f"`{name}`" for name in route.query) or "-",
        ]
        for route in ROUTES
    ]  # fmt: skip


def test_statuses() -> None:
    documented = {
        code.strip(): int(cells[1][:3])
        for cells in rows("| code | status |")
        for code in cells[0].split(",")
    }
    assert documented == {code.value: row.http_status for code, row in CODES.items()}
