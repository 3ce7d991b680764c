"""The crisis check piece by piece; how well it does on phrases is in tests/safety."""

from __future__ import annotations

import pytest

from beheard_hub.ai.crisis import Category, Crisis, Severity, assess, plain


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("It all feels hopeless, what is the point of anything", Severity.CONCERN),
        ("I think about killing myself", Severity.URGENT),
        ("I want to kill myself tonight", Severity.EMERGENCY),
        ("I want to kill myself. I have the pills next to me.", Severity.EMERGENCY),
        ("He hit me last year", Severity.URGENT),
        ("He hit me last year. Now I live with my sister.", Severity.URGENT),
        ("He is outside with a gun", Severity.EMERGENCY),
        ("My father beat us when we were children", Severity.CONCERN),
        ("My father beat us when we were children and he is hitting me now", Severity.EMERGENCY),
    ],
)
def test_severity(text: str, severity: Severity) -> None:
    crisis = assess(text)
    assert crisis is not None
    assert crisis.severity == severity


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("he doesnt know im scared", "he does not know I am scared"),
        ("I won\u2019t. I\u2019ve had it", "I will not. I have had it"),
        ("he said 'I will kill you'", 'he said "he will kill me"'),
        ("She told me: you are nothing", "She told me: me are nothing"),
        ('I told him "I will go"', 'I told him "I will go"'),
        ("the kids' room and dad's car", "the kids' room and dad's car"),
        ("k\u200bill my self", "kill myself"),
        ("they were there", "they were there"),
    ],
)
def test_a_message_is_made_plain(text: str, found: str) -> None:
    assert plain(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "He never hit me, but I want to die",
        "Nobody knows that he hits me",
        "I don't understand why he beats me",
        "It is not the first time he slapped me",
        'He said "I will kill you"',
    ],
)
def test_a_denial_of_one_thing_does_not_hide_the_other(text: str) -> None:
    assert assess(text) is not None


def test_who_writes_without_full_stops_is_found_wherever_it_stands() -> None:
    before = "and then we talked about the kitchen and the money "
    for count in range(12):
        assert assess(before * count + "and I want to die " + before * 3) is not None


def test_the_finding_carries_no_text() -> None:
    assert "secret" not in repr(assess("secret: I want to die"))


def test_resources_start_at_urgent() -> None:
    shown = {s for s in Severity if Crisis(Category.SUICIDE, s).shows_resources}
    assert shown == {Severity.URGENT, Severity.EMERGENCY}
