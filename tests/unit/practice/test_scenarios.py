"""Scenarios and presets that come with the hub (spec 08)."""

from __future__ import annotations

from importlib import resources

import pytest

from beheard_hub.practice import Scenario, presets, scenarios

SCENARIOS = scenarios()
SLUGS = {"borrowed-money", "defensive-coworker", "family-table", "stonewalling-partner"}


def ground(name: str) -> str:
    """What stands once for all."""
    return (resources.files("beheard_hub.practice") / name).read_text(encoding="utf-8").strip()


def test_there_are_the_four_of_the_specification() -> None:
    assert [scenario.slug for scenario in SCENARIOS] == sorted(SLUGS)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.slug)
def test_each_prompt_ends_with_the_common_ground(scenario: Scenario) -> None:
    assert scenario.partner.endswith(ground("partner.md"))
    assert scenario.coach.endswith(ground("coach.md"))
    assert len(scenario.partner) > len(ground("partner.md")) + 500
    assert len(scenario.coach) > len(ground("coach.md")) + 300


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.slug)
def test_what_is_shown_gives_nothing_away(scenario: Scenario) -> None:
    """The prompts say what lies under it; who reads the persona has to find that out."""
    for shown in (scenario.partner_persona, scenario.description, scenario.name):
        assert "lies under" not in shown
        assert shown not in (scenario.partner, scenario.coach)
    lines = [line for line in scenario.partner_persona.split(". ") if len(line) > 40]
    assert lines
    assert not [line for line in lines if line in ground("partner.md")]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.slug)
def test_both_prompts_leave_the_practice_where_somebody_is_in_danger(scenario: Scenario) -> None:
    for prompt in (scenario.partner, scenario.coach):
        assert "want to die" in prompt
        assert "crisis line" in prompt


def test_a_prompt_is_not_in_the_repr() -> None:
    assert repr(SCENARIOS[0]) == f"Scenario({SCENARIOS[0].slug})"


def test_presets_are_those_of_the_specification() -> None:
    assert [preset.tokens for preset in presets()] == [10_000, 25_000, 50_000, 500]
    assert [preset.tokens for preset in presets() if preset.default] == [25_000]
    assert len({preset.name for preset in presets()}) == 4
