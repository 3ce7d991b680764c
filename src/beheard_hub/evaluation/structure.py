"""Whether what came back in a structure keeps to the limits of spec 02 and 06."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, get_args

from beheard_hub.domain.limits import COMMON_GROUND_FOUND_MAX, NEEDS_SYNTHESISED_MAX
from beheard_hub.domain.mediation.vocabulary import Attribution, NeedCategory
from beheard_hub.evaluation.recording import Call
from beheard_hub.facilitation import (
    CommonItem,
    DraftCheck,
    Extraction,
    Suggestion,
    Synthesis,
    Transformation,
)

NEED_CATEGORIES = get_args(NeedCategory)
ATTRIBUTIONS = get_args(Attribution)
QUOTES_MAX = 5
IDEAS_MAX = 5
NEED_CHARS_MAX = 200
DESCRIPTION_CHARS_MAX = 300
SHARED_DESCRIPTION_CHARS_MAX = 200
IDEA_CHARS_MAX = 800
DURATION_CHARS_MAX = 100
MEASURE_CHARS_MAX = 300


def flaw(call: Call) -> str | None:
    """What is wrong with the result of a call, in our words; None where it is whole."""
    return FLAWS[call.name](call, call.made)


def _fits(text: str, chars_max: int) -> bool:
    return bool(text.strip()) and len(text) <= chars_max


def _synthesis(_: Call, made: Synthesis) -> str | None:
    if len(made.needs) > NEEDS_SYNTHESISED_MAX:
        return f"{len(made.needs)} needs"
    for need in made.needs:
        if need.category not in NEED_CATEGORIES:
            return "an unknown category"
        if not 0.0 <= need.confidence <= 1.0:
            return "a confidence outside of 0 to 1"
        if len(need.evidence) > QUOTES_MAX:
            return f"{len(need.evidence)} quotes"
        if not (
            _fits(need.need, NEED_CHARS_MAX) and _fits(need.description, DESCRIPTION_CHARS_MAX)
        ):
            return "an empty or too long need"
    asked = chain.from_iterable((c.potential_need, c.question) for c in made.clarifications)
    return None if all(text.strip() for text in asked) else "an empty question"


def _transformation(_: Call, made: Transformation) -> str | None:
    if made.can_transform:
        return None if made.text.strip() else "an empty preview"
    return None if made.clarifications else "neither a preview nor a question"


def _draft_check(_: Call, made: DraftCheck) -> str | None:
    return None if made.curious or made.hint.strip() else "a no without a hint"


def _common_ground(call: Call, made: Sequence[CommonItem]) -> str | None:
    sides = {need.content_id: need.mine for need in call.given["needs"]}
    if len(made) > COMMON_GROUND_FOUND_MAX:
        return f"{len(made)} items"
    for item in made:
        stands_on = {sides.get(id_) for id_ in item.source_content_ids}
        if stands_on != {True, False}:
            return "an item that does not stand on both lists"
        if item.category not in NEED_CATEGORIES:
            return "an unknown category"
        if not (
            _fits(item.need, NEED_CHARS_MAX)
            and _fits(item.description, SHARED_DESCRIPTION_CHARS_MAX)
        ):
            return "an empty or too long item"
    return None


def _ideas(call: Call, made: Sequence[Suggestion]) -> str | None:
    if len(made) > min(IDEAS_MAX, call.given["count"]):
        return f"{len(made)} ideas"
    if not made and call.given["library"]:
        return "no idea"
    known = {*call.given["common"], *call.given["focus"]}
    for idea in made:
        if not _fits(idea.description, IDEA_CHARS_MAX):
            return "an empty or too long idea"
        if len(idea.duration or "") > DURATION_CHARS_MAX:
            return "a too long duration"
        if len(idea.measure_of_success or "") > MEASURE_CHARS_MAX:
            return "a too long measure"
        if not known.issuperset(idea.needs_addressed):
            return "a need that nobody named"
    return None


def _extraction(call: Call, made: Extraction) -> str | None:
    assert call.bundle is not None
    known = {item.id for item in call.bundle.items}
    if not known.issuperset(event.message_id for event in made.events):
        return "an event of no message"
    if any(event.attributed_to not in ATTRIBUTIONS for event in made.events):
        return "an unknown attribution"
    if not known.issuperset(noticed.message_id for noticed in made.messages):
        return "something noticed in no message"
    categories = (need for noticed in made.messages for need in noticed.needs)
    return None if all(c in NEED_CATEGORIES for c in categories) else "an unknown category"


def _plan(_: Call, made: Sequence[Mapping[str, Any]]) -> str | None:
    whole = all(isinstance(query, Mapping) and query.get("query") for query in made)
    return None if whole else "a query without a name"


FLAWS: Mapping[str, Callable[[Call, Any], str | None]] = {
    "synthesise": _synthesis,
    "transform": _transformation,
    "check_draft": _draft_check,
    "common_ground": _common_ground,
    "suggest": _ideas,
    "extract": _extraction,
    "plan": _plan,
}
"""Call → what may be wrong with its result."""
