"""The practice of the demo: what is in its script, and how three columns stand side by side."""

from __future__ import annotations

import io

from rich.console import Console

from beheard_hub.demo.columns import STYLES, Columns
from beheard_hub.demo.rehearsal import load
from beheard_hub.domain.limits import INVITATION_LABEL_CHARS_MAX
from beheard_hub.practice import presets, scenarios


def test_the_script_names_what_comes_with_the_hub() -> None:
    script = load()
    assert script.scenario in [one.slug for one in scenarios()]
    assert script.preset in [one.name for one in presets()]
    assert len(script.label) <= INVITATION_LABEL_CHARS_MAX
    [scenario] = [one for one in scenarios() if one.slug == script.scenario]
    assert script.partner in scenario.partner_persona
    assert len(script.lines) >= 3
    assert any(line.note is not None for line in script.lines)


def test_columns_stand_side_by_side_in_plain_lines() -> None:
    out = io.StringIO()
    columns = Columns(Console(file=out, width=90))
    columns.began("A title", ["Who they are."], ["one", "two", "three"])
    columns.exchange(
        [[("user", "left " * 12), ("partner", "then this")], [("coach", "middle")],
         [("user", "right"), ("note", "noted")]]
    )  # fmt: skip
    columns.ended("Over.")
    lines = out.getvalue().splitlines()
    assert lines[:2] == ["A title", "Who they are."]
    assert [cell.strip() for cell in lines[3].split("|")] == ["one", "two", "three"]
    rows = [[cell.strip() for cell in line.split("|")] for line in lines[5:-2]]
    assert [row[1] for row in rows] == ["middle", *[""] * (len(rows) - 1)]
    assert [row[2] for row in rows][:2] == ["right", "noted"]
    assert " ".join(row[0] for row in rows).split() == ["left"] * 12 + ["then", "this"]
    assert (lines[-2], lines[-1]) == ("-" * 90, "Over.")
    assert max(map(len, lines)) == 90
    assert "\x1b" not in out.getvalue()


def test_everybody_who_speaks_has_a_style() -> None:
    assert set(STYLES) == {"user", "partner", "coach", "note"}
