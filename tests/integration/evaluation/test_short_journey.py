"""A short journey, from the hub to the files: with the offline facilitator and the stand-in."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from beheard_hub.evaluation.command import Order, evaluate, read
from beheard_hub.evaluation.figures import load_prices
from beheard_hub.evaluation.run import Run
from beheard_hub.evaluation.scores import WIRE
from beheard_hub.journeys import Journey, Person, Step

SAID = "Nobody asks me how I am, and I lie awake over the rent at night."
HEARD = "She never once said that she was proud of what I had built."


def journey(*more: Step) -> Journey:
    """Both sign the compact and say one thing."""
    steps = [
        Step(who="both", do="compact.sign", data={"agreed": True}),
        Step(who="both", do="advance"),
        Step(who="a", say=SAID),
        Step(who="b", say=HEARD),
        *more,
    ]
    return Journey(
        name="short",
        title="A short one",
        outcome="AGREEMENT",
        a=Person(name="Ann"),
        b=Person(name="Ben"),
        steps=steps,
    )


def order(*journeys: Journey, standin: bool = False) -> Order:
    return Order(
        label="short",
        options={"BEHEARD_FACILITATOR": "anthropic" if standin else "offline"},
        journeys=list(journeys),
        prices=load_prices(),
        texts=False,
        standin=standin,
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path, str]:
    """Exit code, folder and terminal of one run: a journey that stops in the middle."""
    out, screen = tmp_path_factory.mktemp("evaluation"), io.StringIO()
    refused = Step(who="a", do="stage.advance", data={"fromStage": 0, "toStage": 4})
    code = evaluate(order(journey(refused)), out, Console(file=screen, width=100))
    return code, out, screen.getvalue()


def run_of(written: tuple[int, Path, str]) -> Run:
    return read(written[1] / "short.json")


def test_a_journey_that_stops_in_the_middle_fails_and_its_calls_are_scored(
    written: tuple[int, Path, str],
) -> None:
    run = run_of(written)
    failed = {result.name for result in run.scores if result.failed}
    assert (written[0], failed) == (1, {"ended"})
    assert run.whole.answers >= 4, "two openings for each"
    checked = {result.name: result.checked for result in run.scores}
    assert checked["no_partner_content"] == run.whole.calls
    assert checked["no_side"] == run.whole.answers, "an extraction says nothing to a user"
    assert set(run.stages) - {"2"} == {"0", "1"}, "an extraction reads by the contract of stage 2"
    assert run.provider == "offline"


def test_no_text_is_in_the_files_and_on_the_screen(written: tuple[int, Path, str]) -> None:
    _, out, screen = written
    page, data = (out / "short.html").read_text(), (out / "short.json").read_text()
    for text in (page, data, screen):
        assert "Nobody asks" not in text
        assert "proud of" not in text
    assert "hard checks passed" in page


def test_with_the_stand_in_every_request_is_searched_too(tmp_path: Path) -> None:
    evaluate(order(journey(), standin=True), tmp_path, Console(file=io.StringIO()))
    run = read(tmp_path / "short.json")
    [searched] = [result for result in run.scores if result.name == "no_partner_content"]
    assert searched.failed == 0
    assert searched.by_stage[str(WIRE)][0] >= run.whole.answers
    assert run.provider == "anthropic (stand-in)"
    assert run.models
    assert run.whole.requests > run.whole.answers > 0
