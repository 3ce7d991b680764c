"""Work outside the turn: every kind, with results exactly as docs/architecture.md lists them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from beheard_hub.domain.kernel import Work
from beheard_hub.facilitation import (
    Clarification,
    CommonItem,
    FacilitatorFailed,
    Need,
    Synthesis,
    Transformation,
)
from beheard_hub.reactions import library
from beheard_hub.reactions import work as works
from beheard_hub.reactions.tools import as_ai
from tests.unit.reactions.fakes import ANA, SAM, SESSION, World, at

ARCHITECTURE = Path(__file__).parents[3] / "docs" / "architecture.md"


async def run(world: World, kind: str, **args: Any) -> Any:
    return await works.run(world.tools, SESSION, ANA, Work(kind, args))


def own_need(name: str = "n1", **more: Any) -> dict[str, Any]:
    row = {"id": name, "need": "Rest", "category": "SAFETY", "description": "to sleep"}
    return row | more


def crossed(name: str, mine: bool, need_id: str | None = None) -> dict[str, Any]:
    """A row of work.shared_needs."""
    return {"id": name, "text": f"text of {name}", "mine": mine, "originalNeedId": need_id,
            "category": "SAFETY"}  # fmt: skip


def item(name: str) -> dict[str, Any]:
    """A row of the library."""
    return {"id": name, "title": f"T {name}", "text": f"Do {name}.", "category": "c",
            "createdAt": at(0)}  # fmt: skip


def test_every_kind_of_the_document_is_there_and_no_other() -> None:
    section = ARCHITECTURE.read_text().split("## Work kinds")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([\w.]+)` \|", section, re.MULTILINE)) == set(works.WORK)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], {"relationshipId": None, "openSessionId": None}),
        ([{"id": "r9", "partnerId": "zoe", "openSessionId": None}],
         {"relationshipId": None, "openSessionId": None}),
        ([{"id": "r1", "partnerId": SAM, "openSessionId": "s0"}],
         {"relationshipId": "r1", "openSessionId": "s0"}),
    ],
)  # fmt: skip
async def test_invitation_relationship(
    rows: list[dict[str, Any]], expected: Mapping[str, Any]
) -> None:
    world = World()
    world.sessions.directory = {ANA: rows}
    result = await run(world, "invitation.relationship", inviterId=SAM, callerId=ANA)
    assert result == expected


async def test_draft_text() -> None:
    world = World(work__draft=[{"id": "d1", "content": "I imagine"}])
    assert await run(world, "draft.text", draftId="d1") == {"content": "I imagine"}


# ---- needs


def words(*texts: str) -> list[dict[str, Any]]:
    return [{"id": f"m{n}", "text": text, "stage": 1, "createdAt": at(n)}
            for n, text in enumerate(texts)]  # fmt: skip


def found(name: str, *evidence: str) -> Need:
    return Need(need=name, category="SAFETY", description="d", evidence=evidence, confidence=0.8)


async def test_synthesis_sees_own_words_under_the_stage_two_contract() -> None:
    world = World(work__own_words=words("I never sleep"))
    world.facilitator.synthesis = Synthesis(
        [found("Rest", "never sleep")],
        [Clarification(potential_need="Room", question="Is it?", evidence_so_far="I never")],
    )
    assert await run(world, "needs.synthesise") == {
        "needs": [
            {"need": "Rest", "category": "SAFETY", "description": "d",
             "evidence": ["never sleep"], "confidence": 0.8},
        ],
        "clarifications": [
            {"potentialNeed": "Room", "question": "Is it?", "evidenceSoFar": "I never"},
        ],
    }  # fmt: skip
    assert {actor.stage for actor, _ in world.reads.asked} == {2}
    assert "bundle.contents" not in world.reads.queries()
    [bundle] = world.facilitator.bundles
    assert [i.text for i in bundle.items if i.type == "message"] == ["I never sleep"]


@pytest.mark.parametrize("evidence", [(), ("I always sleep",), ("never", "invented")])
async def test_a_need_without_literal_quotes_is_dropped(evidence: tuple[str, ...]) -> None:
    world = World(work__own_words=words("I never sleep"))
    world.facilitator.synthesis = Synthesis([found("Rest", *evidence)], [])
    assert (await run(world, "needs.synthesise"))["needs"] == []


MINE = {"owner": ANA, "session": SESSION}


async def test_what_is_confirmed_is_not_found_again() -> None:
    confirmed = own_need(confirmed=True, source="USER", text="d", createdAt=at(0), **MINE)
    open_ = own_need("n2", need="Room", confirmed=False, source="SYNTHESISED", text="d",
                     createdAt=at(0), **MINE)  # fmt: skip
    world = World(work__own_words=words("sleep"), bundle__needs=[confirmed, open_])
    world.facilitator.synthesis = Synthesis(
        [found("Rest", "sleep"), found("Room", "sleep")],
        [Clarification(potential_need="Rest", question="?", evidence_so_far="e")],
    )
    result = await run(world, "needs.synthesise")
    assert [need["need"] for need in result["needs"]] == ["Room"]
    assert result["clarifications"] == []


async def test_sharing_names_needs_of_ours_and_contents_of_theirs() -> None:
    world = World(
        work__needs=[own_need()],
        work__shared_needs=[
            crossed("c-old", True, "n0"),
            crossed("c-same", True, "n1"),
            crossed("c-sam", False),
            crossed("c-unseen", False),
        ],
    )
    world.facilitator.common = [
        CommonItem(need="Rest", category="SAFETY", description="d",
                   source_content_ids=["n1", "c-sam"])
    ]  # fmt: skip
    result = await run(
        world, "needs.share", needIds=["n1"], analyse=True, partnerContentIds=["c-sam"]
    )
    assert result == {
        "needs": [own_need()],
        "common": [{"need": "Rest", "category": "SAFETY", "description": "d", "mine": ["n1"],
                    "theirs": ["c-sam"]}],
    }  # fmt: skip
    assert [(n.content_id, n.mine, n.text) for n in world.facilitator.shared] == [
        ("n1", True, "Rest: to sleep"),
        ("n0", True, "text of c-old"),
        ("c-sam", False, "text of c-sam"),
    ]


async def test_sharing_first_reads_nothing_of_the_partner() -> None:
    world = World(work__needs=[own_need()])
    result = await run(world, "needs.share", needIds=["n1"], analyse=False, partnerContentIds=[])
    assert result == {"needs": [own_need()], "common": []}
    assert world.reads.queries() == {"work.needs"}


async def test_sharing_a_need_that_is_not_there_shares_none() -> None:
    world = World(work__needs=[own_need()])
    with pytest.raises(works.Gone):
        await run(world, "needs.share", needIds=["n1", "n2"], analyse=False, partnerContentIds=[])


# ---- consent


@pytest.mark.parametrize(
    ("kind", "query", "row"),
    [
        ("EVENT_SUMMARY", "work.event", {"text": "he left"}),
        ("BOUNDARY", "work.boundary", {"text": "no shouting"}),
        ("EMOTIONAL_PATTERN", "work.reading_pattern", {"intensity": 7}),
    ],
)
async def test_a_preview_is_transformed_and_described(
    kind: str, query: str, row: dict[str, Any]
) -> None:
    world = World()
    world.reads.rows[query] = [row]
    world.facilitator.transformation = Transformation(
        can_transform=True, text="softly", clarifications=["when?"]
    )
    result = await run(world, "consent.preview", contentType=kind, originalContentId="x")
    assert result == {
        "preview": "softly",
        "description": works.DESCRIPTIONS[kind],
        "clarifications": ["when?"],
    }
    assert world.facilitator.bundles[0].items == []


async def test_what_would_have_to_be_invented_becomes_a_question() -> None:
    world = World(work__event=[{"text": "everything"}])
    world.facilitator.transformation = Transformation(can_transform=False, clarifications=["what?"])
    result = await run(
        world, "consent.preview", contentType="EVENT_SUMMARY", originalContentId="e1"
    )
    assert (result["preview"], result["clarifications"]) == (None, ["what?"])


async def test_a_need_crosses_as_it_was_confirmed() -> None:
    world = World(work__needs=[own_need()])
    result = await run(
        world, "consent.preview", contentType="IDENTIFIED_NEED", originalContentId="n1"
    )
    assert result["preview"] == "Rest: to sleep"
    assert world.facilitator.bundles == []


async def test_a_pattern_is_numbers_only_oldest_first() -> None:
    world = World(work__reading_pattern=[{"intensity": 9, "text": "secret"}, {"intensity": 4}])
    text = await works._pattern(world.tools, as_ai(SESSION, ANA, 2), "r1")
    assert text == "My intensity over my last readings was 4, 9 of 10."


@pytest.mark.parametrize("kind", sorted(works.DESCRIPTIONS))
async def test_nothing_to_preview(kind: str) -> None:
    with pytest.raises(works.Gone):
        await run(World(), "consent.preview", contentType=kind, originalContentId="x")


async def test_an_edit_is_warned_about_and_not_changed() -> None:
    world = World(work__consent=[{"text": "softly", "category": None}])
    result = await run(
        world, "consent.grant", recordId="r", contentType="BOUNDARY", edited="Stop it!"
    )
    assert result == {"text": "Stop it!", "warnings": ["heated"], "category": None}


async def test_without_an_edit_the_preview_crosses() -> None:
    world = World(work__consent=[{"text": "softly", "category": "SAFETY"}])
    result = await run(world, "consent.grant", recordId="r", contentType="BOUNDARY", edited=None)
    assert result == {"text": "softly", "warnings": [], "category": "SAFETY"}


async def test_without_a_preview_there_is_nothing_to_cross() -> None:
    world = World(work__consent=[{"text": None}])
    result = await run(world, "consent.grant", recordId="r", contentType="BOUNDARY", edited=None)
    assert result["text"] is None


@pytest.mark.parametrize(("preview", "crosses"), [("Rest: quiet", True), ("Rest: old", False)])
async def test_a_need_crosses_as_confirmed_and_not_as_it_was_when_asked(
    preview: str, crosses: bool
) -> None:
    need = {"id": "n1", "need": "Rest", "category": "SAFETY", "description": "quiet"}
    record = {"text": preview, "category": "SAFETY", "targetId": "n1"}
    world = World(work__consent=[record], work__needs=[need])
    asked = {"recordId": "r", "contentType": "IDENTIFIED_NEED"}
    result = await run(world, "consent.grant", **asked, edited=None)
    assert result["text"] == (preview if crosses else None)
    result = await run(world, "consent.grant", **asked, edited="in my words")
    assert result["text"] == "in my words"


async def test_without_a_record_nothing_crosses() -> None:
    with pytest.raises(works.Gone):
        await run(World(), "consent.grant", recordId="r", contentType="BOUNDARY", edited=None)


# ---- strategies


async def test_suggestions_come_from_common_ground_and_library() -> None:
    asked: list[Mapping[str, Any]] = []

    def near(args: Mapping[str, Any]) -> list[dict[str, Any]]:
        asked.append(args)
        return [item("l1"), item("l2")]

    ground = [{"id": "g1", "need": "Rest", "text": "both"}]
    world = World(bundle__common_ground=ground, bundle__library_near=near)
    result = await run(world, "strategies.suggest", count=1, focusNeeds=["calm"])
    assert result == {
        "suggestions": [
            {"description": "T l1: Do l1.", "needsAddressed": ["Rest"], "duration": "one week",
             "measureOfSuccess": None}
        ]
    }, "both will read it: what only the asker looks for does not stand in it"  # fmt: skip
    assert world.facilitator.wanted == (["Rest"], ["calm"])
    assert (asked[0]["model"], asked[0]["reserved"]) == ("fake", library.RESERVED)
    assert world.reads.queries() == {"bundle.common_ground", "bundle.library_near"}


@pytest.mark.parametrize("common", [[], [{"id": "g1", "need": "Rest", "text": "both"}]])
async def test_without_vectors_or_common_ground_any_item_will_do(
    common: list[dict[str, Any]],
) -> None:
    world = World(bundle__common_ground=common, bundle__library_any=[item("l1")])
    result = await run(world, "strategies.suggest", count=3, focusNeeds=[])
    assert len(result["suggestions"]) == 1


async def test_ideas_for_the_pool_are_those_nobody_has_seen() -> None:
    asked: list[Mapping[str, Any]] = []

    def in_order(args: Mapping[str, Any]) -> list[dict[str, Any]]:
        asked.append(args)
        return [item(f"l{n}") for n in range(5)]

    pool = [{"text": "T l0: Do l0."}, {"text": "Our own idea"}]
    world = World(bundle__library_any=in_order, bundle__strategies=pool)
    result = await run(world, "strategies.library", count=3)
    assert [idea["description"] for idea in result["items"]] == [
        f"T l{n}: Do l{n}." for n in (1, 2, 3)
    ]
    assert (asked[0]["offset"], asked[0]["limit"]) == (0, library.RESERVED)


async def test_a_failing_model_is_the_hosts_to_handle() -> None:
    world = World(work__own_words=words("sleep"))
    world.facilitator.down = FacilitatorFailed("away")
    with pytest.raises(FacilitatorFailed):
        await run(world, "needs.synthesise")
