"""The figures of phases, and what is shown and written of them."""

from __future__ import annotations

from pathlib import Path

import msgspec
from rich.console import Console

from beheard_hub.load.report import chart, figures, over_time, page, show, write
from beheard_hub.load.sending import LOST, Answer, Phase

PHASE = Phase(
    name="steady <b>",
    seconds=10.0,
    answers=[Answer(number / 10, number / 1000) for number in range(100)],
    failures={LOST: 3},
    offered=10.3,
)
SILENT = Phase(name="hold", seconds=5.0, answers=[], note="nothing was lost")


def test_percentiles_are_those_of_all_answers() -> None:
    assert [PHASE.percentile_ms(share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 99]
    assert PHASE.rate == 10.0
    assert SILENT.percentile_ms(0.99) == 0.0


def test_a_stretch_holds_the_answers_of_its_time() -> None:
    assert over_time(PHASE, 2, 1.0) == [49.0, 99.0]
    assert over_time(PHASE, 5, 1.0) == [19.0, 39.0, 59.0, 79.0, 99.0]


def test_the_chart_rises_with_latency() -> None:
    line = chart(PHASE)
    assert line == "".join(sorted(line))
    assert line[-1] == "█"


def test_json_holds_figures_and_no_single_answers() -> None:
    [steady, hold] = figures([PHASE, SILENT])
    assert steady["latencyMs"] == {"p50": 50, "p95": 95, "p99": 99, "max": 99}
    assert (steady["done"], steady["failed"]) == (100, {LOST: 3})
    assert (hold["done"], hold["note"]) == (0, "nothing was lost")


def test_the_page_is_whole_and_escaped() -> None:
    made = page([PHASE, SILENT], "ws://host/?a=<i>")
    assert "steady &lt;b&gt;" in made
    assert "<i>" not in made
    assert made.count("<polyline") == 2
    assert "http" not in made, "a page without anything from outside"


def test_files_are_written_where_wanted(tmp_path: Path) -> None:
    made = write([PHASE], "ws://host", tmp_path / "new" / "run")
    assert [path.name for path in made] == ["run.html", "run.json"]
    assert msgspec.json.decode(made[1].read_bytes()) == figures([PHASE])


def test_the_table_names_every_phase() -> None:
    console = Console(record=True, width=100)
    show([PHASE, SILENT], console)
    said = console.export_text()
    assert "steady <b>" in said
    assert "nothing was lost" in said
    assert "3 LOST" in said
