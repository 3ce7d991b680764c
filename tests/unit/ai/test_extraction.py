"""What the offline facilitator takes for an event, and what it leaves in the message."""

from __future__ import annotations

import pytest

from beheard_hub.ai.offline.extraction import EVENTS_PER_MESSAGE_MAX, attributed, extract
from tests.unit.ai.bundles_for_tests import bundle, said


@pytest.mark.parametrize(
    ("sentence", "whose"),
    [
        ("He forgot our anniversary again.", "OTHER"),
        ("Sam yelled at me in front of the children.", "OTHER"),
        ("My husband never once asked how I am.", "OTHER"),
        ("And then I shouted and slammed the door.", "SELF"),
        ("We fought about money.", "MUTUAL"),
        ("My job was cut in March.", "EXTERNAL"),
        ("I feel like nobody listens.", None),
        ("I feel ignored.", None),
        ("I need some quiet.", None),
        ("She is worried all the time.", None),
        ("If he had called, I would have come.", None),
        ("Did he call?", None),
        ('He says "I forgot" and shrugs.', None),
    ],
)
def test_an_event_is_what_happened_and_says_whose_doing_it_was(
    sentence: str, whose: str | None
) -> None:
    assert attributed(sentence, "Sam") == whose


def test_every_event_is_a_literal_sentence_of_its_message() -> None:
    story = "He left without a word. I was so angry! What now? She came home and we talked."
    found = extract(bundle(said(story, "Yes.")))
    assert [event.quote for event in found.events] == [
        "He left without a word.",
        "I was so angry!",
        "She came home and we talked.",
    ]
    assert all(event.quote in story and event.message_id == "i0001" for event in found.events)
    assert found.events[1].emotions == ["anger"]
    assert [(one.message_id, list(one.emotions)) for one in found.messages] == [
        ("i0001", ["anger"]),
        ("i0002", []),
    ]


def test_a_long_story_gives_a_few_events() -> None:
    found = extract(bundle(said(" ".join(f"He left at {hour}." for hour in range(9)))))
    assert len(found.events) == EVENTS_PER_MESSAGE_MAX


def test_needs_are_told_as_categories() -> None:
    [noticed] = extract(bundle(said("I lie awake over our savings."))).messages
    assert "SAFETY" in noticed.needs
