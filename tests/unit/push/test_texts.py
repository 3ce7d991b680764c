"""What a locked screen may show: no content, no stage, no pressure."""

from __future__ import annotations

import re

import pytest

from beheard_hub.domain.mediation.events import EVENTS
from beheard_hub.push.texts import DEFAULT, TEXTS, TITLE, text_of

TOO_MUCH = re.compile(
    r"\b(stage|step \d|draft|empath|need|consent|share|sign|agree|strateg|rank|paus|nudg|wait"
    r"|now|soon|must|should|hurry|remind|respond|reply|answer|urgent|today|ends?|ended|expire)",
    re.IGNORECASE,
)
CHARS_MAX = 80


@pytest.mark.parametrize("kind", [*EVENTS, "something.new"])
def test_a_text_says_that_something_is_there_and_no_more(kind: str) -> None:
    text = text_of(kind)
    assert text
    assert len(text) <= CHARS_MAX
    assert not TOO_MUCH.search(text), text
    assert text.endswith("when you are ready.")


def test_rows_are_about_events_that_exist() -> None:
    assert TEXTS.keys() <= EVENTS.keys()


def test_what_is_not_in_the_table_has_the_text_of_the_specification() -> None:
    assert DEFAULT == "Your partner took a step. Have a look when you are ready."
    assert text_of("partner.empathy_shared") == DEFAULT
    assert TITLE == "BeHeard"
