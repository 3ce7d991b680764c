"""Figures, price lists, the page and the exit codes."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from beheard_hub.evaluation.charts import Bar, Group, bars, rounded_up
from beheard_hub.evaluation.command import app, compare, load_journeys, read
from beheard_hub.evaluation.figures import Price, Prices, figures, grouped, load_prices, spread
from beheard_hub.evaluation.page import render
from beheard_hub.evaluation.run import JourneyPlayed, Run
from beheard_hub.evaluation.scores import score
from beheard_hub.evaluation.table import dollars, show
from beheard_hub.facilitation import Usage
from beheard_hub.settings import SetupError

from .playing import Scripted, play

PRICES = Prices("2026-01-01", {"mod": Price(9, 9, 9), "model": Price(1.0, 10.0, 0.1)})
VOID = frozenset({"meta", "line", "rect", "path", "br"})


async def run(label: str, **answers: object) -> Run:
    """A run of the short round."""
    played = await play(Scripted(**answers))
    return Run(
        label=label,
        provider="scripted",
        models=["model"],
        version="1",
        made_at=datetime(2026, 3, 1, tzinfo=UTC),
        texts=True,
        prices_as_of=PRICES.as_of,
        journeys=[
            JourneyPlayed(name="short", ended=True, wrong="", messages=2, calls=12, seconds=1.0)
        ],
        scores=score([played], texts=True),
        whole=figures(played.calls, PRICES),
        stages=grouped(played.calls, lambda call: str(call.stage), PRICES),
        calls=grouped(played.calls, lambda call: call.name, PRICES),
    )


# ---- figures


async def test_tokens_and_cost_are_those_of_the_metered_requests() -> None:
    whole = (await run("x")).whole
    assert (whole.requests, whole.input, whole.output, whole.cached) == (4, 400, 40, 200)
    assert whole.cost == pytest.approx((400 * 1.0 + 40 * 10.0 + 200 * 0.1) / 1_000_000)
    assert (whole.answers, whole.resets) == (4, 4)


async def test_a_call_ends_where_its_answer_does() -> None:
    played = await play(Scripted())
    spoken = [call for call in played.calls if call.name == "reply"]
    assert all(call.first_ms is not None and call.total_ms is not None for call in spoken)
    assert all((call.first_ms or 0) <= (call.total_ms or 0) for call in spoken)


def test_a_model_without_a_price_has_an_unknown_cost() -> None:
    assert PRICES.cost("another", Usage(1, 1, 1)) is None
    assert dollars(None) == "unknown"
    assert PRICES.cost("model-20260101", Usage(1_000_000, 0, 0)) == 1.0


def test_the_own_price_list_is_dated_and_another_may_be_given(tmp_path: Path) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", load_prices().as_of)
    path = tmp_path / "prices.toml"
    path.write_text('as_of = "2027-01-01"\n[models]\nm = { input = 1, output = 2, cached = 0 }\n')
    assert load_prices(path).models["m"].output == 2
    path.write_text('as_of = "2027-01-01"\n[models]\nm = { input = "dear" }\n')
    for wrong in (path, tmp_path / "none.toml"):
        with pytest.raises(SetupError, match="no price list"):
            load_prices(wrong)


def test_percentiles_are_values_that_were_measured() -> None:
    assert spread([]) is None
    found = spread([float(n) for n in range(1, 101)])
    assert found is not None
    assert (found.count, found.p50, found.p95) == (100, 50.0, 95.0)


@pytest.mark.parametrize(
    ("value", "end"), [(0, 1), (0.003, 0.005), (7, 10), (21, 25), (250, 250), (2_100, 2_500)]
)
def test_an_axis_ends_at_a_round_number(value: float, end: float) -> None:
    assert rounded_up(value) == pytest.approx(end)


def test_a_chart_escapes_what_it_is_told() -> None:
    drawn = bars("<t>", [Group("<g>", [Bar(value=1.0, says="<s>")])], str)
    assert "<t>" not in drawn
    assert "<g>" not in drawn
    assert "<s>" not in drawn


# ---- the page


class Page(HTMLParser):
    """Notes what is opened and not closed, and what would be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.wrong += [f"{tag} {name}" for name, _ in attrs if name in {"src", "href", "action"}]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and (not self.open or self.open.pop() != tag):
            self.wrong.append(f"</{tag}>")


async def test_the_page_is_whole_and_fetches_nothing() -> None:
    text = render([await run("one"), await run("two", reply="You must share <this>, {name}.")])
    page = Page(text)
    assert (page.open, page.wrong) == ([], [])
    assert page.tags.count("svg") == 6
    assert "script" not in page.tags
    assert "http" not in text
    assert "@import" not in text
    assert "url(" not in text


async def test_the_page_compares_runs_and_shows_where_it_broke() -> None:
    text = render([await run("one"), await run("<two>", reply="You must share <this>, {name}.")])
    assert "2 runs compared" in text
    assert text.count('<article class="card') == 2
    assert "&lt;two&gt;" in text
    assert "You must share &lt;this&gt;, Ann." in text
    assert "<two>" not in text
    assert "prefers-color-scheme: dark" in text


async def test_the_terminal_shows_ids_and_no_text() -> None:
    out = io.StringIO()
    show(await run("bad", reply="You must share this, {name}."), Console(file=out, width=140))
    assert "short/2: must" in out.getvalue()
    assert "You must share" not in out.getvalue()
    assert "16 of 17 hard checks passed" in out.getvalue()


# ---- files and exit codes


@pytest.mark.parametrize(
    "given",
    [
        ["--standin", "--provider", "offline"],
        ["--standin", "--base-url", "http://127.0.0.1:1"],
        ["--label", "../elsewhere"],
        ["--journey", "nowhere"],
        ["--prices", "none.toml"],
        ["report", "none.json"],
    ],
)
def test_wrong_use_is_said_before_anything_starts(given: list[str]) -> None:
    with pytest.raises(SetupError):
        app(given, standalone_mode=False)


async def test_a_run_is_read_back_and_compared(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_bytes(msgspec.json.encode(await run("good")))
    bad.write_bytes(msgspec.json.encode(await run("bad", reply="You must share this, {name}.")))
    assert read(good).label == "good"
    out = tmp_path / "page.html"
    assert compare([good, good], out) == 0
    assert compare([good, bad], out) == 1
    assert "2 runs compared" in out.read_text()
    with pytest.raises(SetupError, match="At most"):
        compare([good] * 7, out)


async def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("{}")
    with pytest.raises(SetupError, match="not the file of a run"):
        read(path)
    other = msgspec.structs.replace(await run("x"), format=0)
    path.write_bytes(msgspec.json.encode(other))
    with pytest.raises(SetupError, match="format 0"):
        read(path)
    with pytest.raises(SetupError, match="no journey named"):
        load_journeys(["nowhere"])
    assert {journey.name for journey in load_journeys([])} >= {"friendship"}
