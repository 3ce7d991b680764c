"""Three people's sights of one practice, side by side in the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import zip_longest

from rich.console import Console
from rich.text import Text

from beheard_hub.demo.rehearsal import Cell
from beheard_hub.demo.screen import WIDTH_MAX, WIDTH_MIN

GAP = " | "
STYLES: Mapping[str, str] = {
    "user": "white",
    "partner": "cyan",
    "coach": "yellow",
    "note": "bold green",
}
"""Who speaks → how it is shown."""


class Columns:
    """A `rehearsal.Curtain` that prints. A terminal gets colour; elsewhere plain lines."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._width = max(WIDTH_MIN, min(WIDTH_MAX, self._console.width))
        self._column = self._width

    def began(self, title: str, introduction: Sequence[str], heads: Sequence[str]) -> None:
        """The title, who they are, and the head of each column."""
        self._column = (self._width - len(GAP) * (len(heads) - 1)) // len(heads)
        self._wide(title, "bold")
        for text in introduction:
            self._wide(text, "magenta")
        self._wide("-" * self._width, "dim")
        self._block([[(head, "bold")] for head in heads])
        self._wide("-" * self._width, "dim")

    def exchange(self, cells: Sequence[Cell]) -> None:
        """A block of rows."""
        self._block([[(text, STYLES[role]) for role, text in cell] for cell in cells])
        self._wide("-" * self._width, "dim")

    def linked(self, sentences: Sequence[str]) -> None:
        """Over all columns: it is about the one practice that all of them see."""
        for text in sentences:
            self._wide(text, "bold magenta")
        self._wide("-" * self._width, "dim")

    def ended(self, text: str) -> None:
        """In one line."""
        self._wide(text, "bold green")

    def _block(self, cells: Sequence[Sequence[tuple[str, str]]]) -> None:
        columns = [
            [(line, style) for text, style in cell for line in textwrap.wrap(text, self._column)]
            for cell in cells
        ]
        for parts in zip_longest(*columns, fillvalue=("", "")):
            row = Text(no_wrap=True)
            for number, (line, style) in enumerate(parts):
                row.append(GAP if number else "", "dim")
                row.append(line.ljust(self._column), style)
            row.rstrip()
            self._print(row)

    def _wide(self, text: str, style: str) -> None:
        for line in textwrap.wrap(text, self._width):
            self._print(Text(line, style))

    def _print(self, row: Text) -> None:
        self._console.print(row, no_wrap=True, overflow="ignore", crop=False)
