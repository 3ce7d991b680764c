"""The crisis check: a first set of phrases with thresholds, severities, resources."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from beheard_hub.ai.crisis import Category, Crisis, Severity, assess, resources

_PHRASES = tomllib.loads((Path(__file__).parent / "crisis_phrases.toml").read_text("utf-8"))
_RATE_MIN = 0.9


def test_recall_and_precision() -> None:
    hits = [p for _, p in _PHRASES["positive"] if assess(p)]
    alarms = [p for p in _PHRASES["negative"] if assess(p)]
    missed = [p for _, p in _PHRASES["positive"] if p not in hits]
    recall = len(hits) / len(_PHRASES["positive"])
    precision = len(hits) / (len(hits) + len(alarms))
    assert recall >= _RATE_MIN, f"recall {recall:.2f}, missed {missed}"
    assert precision >= _RATE_MIN, f"precision {precision:.2f}, false alarms {alarms}"


def test_the_sets_are_large_enough() -> None:
    assert len(_PHRASES["positive"]) >= 60
    assert len(_PHRASES["negative"]) >= 60


def test_category_of_what_is_found() -> None:
    found = [(c, assess(p)) for c, p in _PHRASES["positive"]]
    right = [c for c, crisis in found if crisis and crisis.category == c]
    assert len(right) / len(found) >= _RATE_MIN
    assert {c for c, _ in _PHRASES["positive"]} == set(Category)


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("It all feels hopeless, what is the point of anything", Severity.CONCERN),
        ("I think about killing myself", Severity.URGENT),
        ("I want to kill myself tonight", Severity.EMERGENCY),
        ("He hit me last year", Severity.URGENT),
        ("He is outside with a gun", Severity.EMERGENCY),
    ],
)
def test_severity(text: str, severity: Severity) -> None:
    crisis = assess(text)
    assert crisis is not None
    assert crisis.severity == severity


def test_a_denial_of_one_thing_does_not_hide_the_other() -> None:
    assert assess("He never hit me, but I want to die") is not None


def test_the_finding_carries_no_text() -> None:
    assert "secret" not in repr(assess("secret: I want to die"))


def test_resources_start_at_urgent() -> None:
    shown = {s for s in Severity if Crisis(Category.SUICIDE, s).shows_resources}
    assert shown == {Severity.URGENT, Severity.EMERGENCY}


@pytest.mark.parametrize(
    ("locale", "contact"),
    [("en-US", "988"), ("en_GB", "999"), ("de-AT", "112"), ("fr-FR", "112"), ("", "112")],
)
def test_resources_by_locale(locale: str, contact: str) -> None:
    assert any(contact in r.contact for r in resources(locale))
