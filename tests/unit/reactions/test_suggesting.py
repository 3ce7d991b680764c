"""What one user asks for steers the ideas, and stands in none of them."""

from __future__ import annotations

import pytest

from beheard_hub.facilitation import Item, Suggestion
from beheard_hub.reactions.suggesting import without_focus
from tests.unit.reactions.fakes import START

COMMON = ["to be heard"]


def item(title: str, text: str) -> Item:
    return Item(
        source="global", type="experiment_suggestion", id=title, created_at=START,
        consent="not_applicable", stage=4, text=text, fields={"title": title, "category": "x"},
    )  # fmt: skip


LIBRARY = [
    item("Ten quiet minutes", "Each evening one speaks, and the other listens."),
    item("A walk", "On Sunday you walk for an hour and speak of nothing that hurts."),
]


def idea(description: str, duration: str | None = None, measure: str | None = None) -> Suggestion:
    return Suggestion(
        description=description, needs_addressed=COMMON, duration=duration,
        measure_of_success=measure,
    )  # fmt: skip


def shown(*found: Suggestion, focus: str) -> list[str]:
    return [one.description for one in without_focus(found, [focus], COMMON, LIBRARY)]


def test_words_that_both_know_may_stand_in_an_idea() -> None:
    text = "Ten quiet minutes each evening in which one is heard."
    assert shown(idea(text), focus="quiet evenings, and to be heard") == [text]


@pytest.mark.parametrize(
    "telling",
    [
        idea("A walk without a word of your mother."),
        idea("A walk without your mothering."),
        idea("A walk without your MOTHER!"),
        idea("A walk.", duration="until my mother leaves"),
        idea("A walk.", measure="Nobody spoke of his mother"),
    ],
)
def test_an_idea_that_tells_of_the_focus_gives_way_to_one_of_the_library(
    telling: Suggestion,
) -> None:
    [replaced] = without_focus([telling], ["my mother moves out"], COMMON, LIBRARY)
    assert replaced.description == f"Ten quiet minutes: {LIBRARY[0].text}"
    assert (replaced.duration, replaced.measure_of_success) == (None, None)


def test_no_idea_comes_twice_and_the_order_stays() -> None:
    found = [idea("Call Rebecca."), idea("Ten quiet minutes: now."), idea("Write to Rebecca.")]
    assert shown(*found, focus="Rebecca") == [
        f"A walk: {LIBRARY[1].text}",
        "Ten quiet minutes: now.",
    ]


def test_without_a_focus_everything_is_as_it_was_said() -> None:
    found = [idea("Something new altogether.")]
    assert without_focus(found, [], COMMON, LIBRARY) == found
