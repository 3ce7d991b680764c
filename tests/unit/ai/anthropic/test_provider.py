"""Each call end to end: the real SDK, the stand-in, and what is made of its answers."""

from __future__ import annotations

from beheard_hub.ai.anthropic.prompts import prompt
from beheard_hub.facilitation import (
    Delta,
    Item,
    PlanRequest,
    SharedNeed,
    Spoken,
)
from tests.unit.ai.anthropic.conftest import Desk
from tests.unit.ai.bundles_for_tests import ask, bundle, item, said

HEAVY = "I feel so alone with all of it. Nobody sees what I carry, and I am tired."


async def test_a_reply_is_streamed_and_stored_with_its_prompt(desk: Desk) -> None:
    spoken = await ask(desk.facilitator, bundle(said(HEAVY)))
    assert spoken.prompt_version == f"anthropic/stage1/{prompt('stage1').version}"
    assert spoken.usage.output > 0
    assert desk.calls == ["stage1"]


async def test_each_stage_is_opened_by_its_own_prompt(desk: Desk) -> None:
    for stage in range(5):
        pieces = [p async for p in desk.facilitator.open_stage(bundle([], stage))]
        assert isinstance(pieces[-1], Spoken)
        assert pieces[-1].text == "".join(p.text for p in pieces if isinstance(p, Delta))
    assert desk.calls == [f"stage{n}" for n in range(5)]
    assert [r.data("task") for r in desk.api.requests] == [[{"do": "open"}]] * 5


async def test_needs_come_with_literal_quotes(desk: Desk) -> None:
    found = await desk.facilitator.synthesise_needs(bundle(said(HEAVY, stage=2), 2))
    assert found.needs
    assert all(quote in HEAVY for need in found.needs for quote in need.evidence)


async def test_a_text_for_sharing(desk: Desk) -> None:
    made = await desk.facilitator.transform(
        "EVENT_SUMMARY", "You never called and I was afraid.", bundle(said("secret words"), 2)
    )
    assert made.can_transform
    [request] = desk.api.requests
    assert b"secret words" not in request.raw


async def test_a_draft_is_looked_at(desk: Desk) -> None:
    assert (await desk.facilitator.check_draft("Maybe you were afraid that day?")).curious
    assert not (await desk.facilitator.check_draft("I was right.")).curious


async def test_common_ground_stands_on_both_sides(desk: Desk) -> None:
    needs = [
        SharedNeed(content_id="c1", mine=True, text="To rest", category="SAFETY"),
        SharedNeed(content_id="c2", mine=False, text="To rest easy", category="SAFETY"),
        SharedNeed(content_id="c3", mine=False, text="A say", category="AUTONOMY"),
    ]
    [found] = await desk.facilitator.common_ground(needs)
    assert set(found.source_content_ids) == {"c1", "c2"}


async def test_suggestions_are_as_many_as_were_asked_for(desk: Desk) -> None:
    library = [
        item(n, f"Experiment {n}.", source="global", type="experiment_suggestion",
             fields={"title": f"Title {n}", "category": "LISTENING"})
        for n in range(4)
    ]  # fmt: skip
    found = await desk.facilitator.suggest(["To rest"], ["To be heard"], library, 3)
    assert len(found) == 3
    assert all(one.needs_addressed == ["To rest"] for one in found)


async def test_a_plan_may_be_empty(desk: Desk) -> None:
    request = PlanRequest(stage=2, intent="offer_continuity", words="again the same evening")
    assert await desk.facilitator.plan(request) == []
    assert [request.call for request in desk.api.requests] == ["plan"]


async def test_extraction_keeps_only_what_stands_in_a_message(desk: Desk) -> None:
    text = "Yesterday she left without a word."
    found = await desk.facilitator.extract(bundle([item(7, text)]))
    assert [(e.message_id, e.quote) for e in found.events] == [("i0007", text)]


def reading(number: int, intensity: int) -> Item:
    return item(number, "", type="emotional_reading", stage=1, fields={"intensity": intensity})


async def test_a_strong_moment_gets_support_and_an_offer(desk: Desk) -> None:
    spoken = await ask(desk.facilitator, bundle([*said(HEAVY), reading(1, 9)]))
    assert spoken.offer_support == "BREATHING_EXERCISE"
    assert not spoken.offer_feel_heard
    assert desk.calls == ["support"]
