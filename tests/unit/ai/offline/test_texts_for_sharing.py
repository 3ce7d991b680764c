"""What may leave: transformation, heat, draft check, needs, common ground, suggestions."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beheard_hub.ai.offline import OfflineFacilitator
from beheard_hub.ai.offline.heat import heat
from beheard_hub.ai.offline.softening import ADDED_WORDS, transform
from beheard_hub.ai.offline.taxonomy import CATEGORIES, need_kinds
from beheard_hub.ai.offline.texts import table
from beheard_hub.ai.offline.words import STOP_WORDS, content_stems, words
from beheard_hub.facilitation import SharedNeed
from tests.unit.ai.bundles_for_tests import bundle, item, said

HARD = [
    "You never help me with the kids and I do everything.",
    "She never asks how I am.",
    "He always criticises my cooking in front of the kids. I feel small.",
    "You make me feel invisible. It's your fault that we have no money.",
    "My brother only calls when he needs money, because he is selfish.",
    "You never listen. You don't care about me.",
    "They constantly change the plan and I stand there with the children!",
    "He never does the dishes, and I am so tired of it.",
    "Why should I be the one who drives mum to the hospital every time?",
    "I was alone at the hospital and I was scared.",
]
_ALLOWED = content_stems(" ".join([*ADDED_WORDS, *table("softening")["participles"].values()]))


@pytest.mark.parametrize("text", HARD)
def test_softened_first_person_and_nothing_invented(text: str) -> None:
    made = transform("EVENT_SUMMARY", text)
    assert made.can_transform
    assert content_stems(made.text) <= content_stems(text) | _ALLOWED
    assert 1 <= len(re.findall(r"\.", made.text)) <= 3
    assert {"i", "me", "my", "i'm", "we"} & set(words(made.text))
    assert heat(made.text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("You never help me with the kids.", "I have been missing help with the kids."),
        ("She never asks how I am.", "I have been missing being asked how I am."),
        ("You never listen.", "I have been missing being listened to."),
        ("You make me feel invisible.", "I feel invisible."),
        ("Things are bad.", "For me, things are bad."),
    ],
)
def test_turns_of_phrase(text: str, expected: str) -> None:
    assert transform("EVENT_SUMMARY", text).text == expected


def test_a_boundary_is_worded_as_a_limit() -> None:
    assert transform("BOUNDARY", "No shouting at night.").text == (
        "A limit for me: no shouting at night."
    )


@pytest.mark.parametrize("text", ["You are such a lazy idiot.", "I hate you!", "...", "Or else."])
def test_what_cannot_be_softened_becomes_questions(text: str) -> None:
    made = transform("EVENT_SUMMARY", text)
    assert not made.can_transform
    assert made.text == ""
    assert all(q.endswith("?") for q in made.clarifications)
    assert made.clarifications


@given(st.lists(st.sampled_from([*" ".join(HARD).split(), "lazy", "idiot", "fault"]), max_size=40))
def test_never_invents_whatever_the_order(tokens: list[str]) -> None:
    text = " ".join(tokens)
    made = transform("EVENT_SUMMARY", text)
    assert content_stems(made.text) <= content_stems(text) | _ALLOWED
    assert not re.search(r"\b(lazy|idiot)\b", made.text)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("I felt alone on Sunday.", 0),
        ("You always forget.", 1),
        ("You are a liar. You ruined it.", 2),
        ("If you don't stop, I'm leaving.", 2),
    ],
)
def test_heat_names_kinds_and_never_quotes(text: str, kinds: int) -> None:
    warnings = heat(text)
    assert len(warnings) == kinds
    harsh = {"always", "forget", "liar", "ruined", "leaving", "stop"}
    assert not harsh & {w for line in warnings for w in words(line)}


@pytest.mark.parametrize(
    ("text", "curious"),
    [
        ("I imagine you are worried that nothing you do is enough, and you feel tired.", True),
        ("Maybe you were hurt that I went ahead alone?", True),
        ("You are lazy and you never listen.", False),
        ("I am right about the money and I told everybody so.", False),
        ("ok", False),
    ],
)
async def test_draft_check(facilitator: OfflineFacilitator, text: str, curious: bool) -> None:
    check = await facilitator.check_draft(text)
    assert check.curious == curious
    assert bool(check.hint) != curious


MESSAGES = [
    "I do all the laundry and nobody notices. I feel like the maid in my own house.",
    "We used to cook together on Sundays. I miss that.",
    "He bought a drum kit without asking me and the savings are gone.",
    "I lie awake at night because of the rent.",
]


async def test_needs_have_literal_quotes(facilitator: OfflineFacilitator) -> None:
    found = await facilitator.synthesise_needs(bundle(said(*MESSAGES), 2))
    assert 2 <= len(found.needs) <= 5
    for need in found.needs:
        assert need.category in CATEGORIES
        assert 0.5 <= need.confidence <= 1
        assert 1 <= len(need.evidence) <= 5
        assert all(any(quote in m for m in MESSAGES) for quote in need.evidence)
    categories = {n.category for n in found.needs}
    assert {"RECOGNITION", "SAFETY"} <= categories


async def test_doubtful_needs_come_with_a_question(facilitator: OfflineFacilitator) -> None:
    found = await facilitator.synthesise_needs(bundle(said(*MESSAGES), 2))
    doubtful = {n.need for n in found.needs if n.confidence < 0.7}
    assert doubtful <= {c.potential_need for c in found.clarifications}
    assert all(any(c.evidence_so_far in m for m in MESSAGES) for c in found.clarifications)


async def test_a_question_is_not_asked_twice(facilitator: OfflineFacilitator) -> None:
    first = await facilitator.synthesise_needs(bundle(said(*MESSAGES), 2))
    asked = [
        item(50 + n, "", type="clarification", fields={"potentialNeed": c.potential_need})
        for n, c in enumerate(first.clarifications)
    ]
    again = await facilitator.synthesise_needs(bundle([*said(*MESSAGES), *asked], 2))
    before = {c.potential_need for c in first.clarifications}
    assert before
    assert not before & {c.potential_need for c in again.clarifications}


async def test_needs_come_from_the_users_messages_only(facilitator: OfflineFacilitator) -> None:
    items = [
        item(1, "I am so tired and everything is on me.", fields={"role": "AI"}),
        item(2, "I feel invisible", source="shared", type="consented_content", consent="active"),
    ]
    found = await facilitator.synthesise_needs(bundle(items, 2))
    assert not found.needs
    assert not found.clarifications


def test_the_taxonomy_is_whole() -> None:
    kinds = need_kinds()
    assert {k.category for k in kinds} == set(CATEGORIES)
    assert len({k.need for k in kinds}) == len(kinds)
    assert all(len(k.need) <= 200 and len(k.description) <= 300 for k in kinds)
    assert all(k.question.endswith("?") for k in kinds)


def _need(content_id: str, mine: bool, text: str, category: str) -> SharedNeed:
    return SharedNeed(content_id=content_id, mine=mine, text=text, category=category)


async def test_common_ground_stands_on_both_sides(facilitator: OfflineFacilitator) -> None:
    kinds = {k.id: k for k in need_kinds()}
    one, two, three = (kinds[i] for i in ("seen-at-home", "appreciated", "room-for-myself"))
    needs = [
        _need("a1", True, f"{one.need}: {one.description}", one.category),
        _need("b1", False, f"{two.need}: {two.description}", two.category),
        _need("b2", False, f"{three.need}: {three.description}", three.category),
    ]
    found = await facilitator.common_ground(needs)
    assert [i.category for i in found] == ["RECOGNITION"]
    assert set(found[0].source_content_ids) == {"a1", "b1"}
    assert one.need in found[0].description or two.need in found[0].description
    assert len(found[0].need) <= 200
    assert len(found[0].description) <= 200


async def test_no_overlap_is_an_answer(facilitator: OfflineFacilitator) -> None:
    needs = [
        _need("a1", True, "To feel that we are safe with money", "SAFETY"),
        _need("b1", False, "To have some room of my own", "AUTONOMY"),
    ]
    assert list(await facilitator.common_ground(needs)) == []
    assert list(await facilitator.common_ground(needs[:1])) == []
    assert list(await facilitator.common_ground([])) == []


async def test_the_same_words_on_both_sides_are_said_once(facilitator: OfflineFacilitator) -> None:
    needs = [_need(i, m, "To be heard", "RECOGNITION") for i, m in (("a", True), ("b", False))]
    found = await facilitator.common_ground(needs)
    assert found[0].need == "To be heard"


LIBRARY = [
    item(
        n,
        f"{text} Try it for {time}; either of you may stop it at any time. It has helped if {ok}.",
        source="global",
        type="experiment_suggestion",
        fields={"title": title, "category": category},
    )
    for n, (title, category, text, time, ok) in enumerate(
        [
            ("Swap one task", "household", "Each takes a task.", "one week", "both are done"),
            ("Phones away", "quality-time", "No phones at dinner.", "five days", "it was quiet"),
            ("A note", "appreciation", "Write a thank-you note.", "two weeks", "both kept one"),
        ]
    )
]


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_suggestions_are_small_experiments(
    facilitator: OfflineFacilitator, count: int
) -> None:
    common = ["To hear that what I do matters: a word of thanks"]
    made = await facilitator.suggest(common, ["thanks"], LIBRARY, count)
    assert len(made) == count
    for one in made:
        assert one.duration in {"one week", "five days", "two weeks"}
        assert one.measure_of_success
        assert "stop" in one.description
        assert set(one.needs_addressed) <= set(common)
    assert made[0].description.startswith("A note")


async def test_an_empty_library_suggests_nothing(facilitator: OfflineFacilitator) -> None:
    assert list(await facilitator.suggest(["To be heard"], [], [], 3)) == []


def test_stop_words_are_lower_case() -> None:
    assert all(w == w.lower() for w in STOP_WORDS)
