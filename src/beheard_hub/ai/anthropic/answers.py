"""The shapes of structured answers; their JSON schema goes with the request.

A shape says what an answer looks like, not whether it is true: that is `verification`. Lengths and
counts are looked at there, too, because the provider's schemas know no bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import msgspec
from anthropic import transform_schema

Category = Literal["SAFETY", "CONNECTION", "AUTONOMY", "RECOGNITION", "MEANING", "FAIRNESS"]
Trap = Literal["none", "judgement", "attack", "sarcasm", "dismissal", "mind_reading"]


class _Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of all shapes."""


class SaidNeed(_Answer, frozen=True, kw_only=True):
    """A need, and the user's own words for it."""

    need: str
    category: Category
    description: str
    evidence: list[str]
    confidence: float


class SaidClarification(_Answer, frozen=True, kw_only=True):
    """A question about a need that is not clear."""

    potential_need: str
    question: str
    evidence_so_far: str


class SaidSynthesis(_Answer, frozen=True, kw_only=True):
    """Call ``synthesis``."""

    needs: list[SaidNeed]
    clarifications: list[SaidClarification]


class SaidTransformation(_Answer, frozen=True, kw_only=True):
    """Call ``transform``."""

    can_transform: bool
    clarifications: list[str]
    text: str


class SaidDraftCheck(_Answer, frozen=True, kw_only=True):
    """Call ``draft_check``."""

    curious: bool
    hint: str


class SaidTrap(_Answer, frozen=True, kw_only=True):
    """What one message is."""

    number: int
    kind: Trap


class SaidTraps(_Answer, frozen=True, kw_only=True):
    """Call ``mirror_check``."""

    messages: list[SaidTrap]


class SaidCommonItem(_Answer, frozen=True, kw_only=True):
    """One item of common ground."""

    need: str
    category: Category
    description: str
    source_content_ids: list[str]


class SaidCommonGround(_Answer, frozen=True, kw_only=True):
    """Call ``common_ground``."""

    items: list[SaidCommonItem]


class SaidSuggestion(_Answer, frozen=True, kw_only=True):
    """One small experiment."""

    description: str
    needs_addressed: list[str]
    duration: str
    measure_of_success: str


class SaidSuggestions(_Answer, frozen=True, kw_only=True):
    """Call ``suggest``."""

    suggestions: list[SaidSuggestion]


class SaidQuery(_Answer, frozen=True, kw_only=True):
    """One query of a retrieval plan."""

    query: str
    source: str
    words: str | None


class SaidPlan(_Answer, frozen=True, kw_only=True):
    """Call ``plan``."""

    queries: list[SaidQuery]


class SaidEvent(_Answer, frozen=True, kw_only=True):
    """Something that happened."""

    quote: str
    attributed_to: Literal["SELF", "OTHER", "MUTUAL", "EXTERNAL"]
    emotions: list[str]


class SaidNotice(_Answer, frozen=True, kw_only=True):
    """What speaks from one message."""

    number: int
    needs: list[Category]
    emotions: list[str]


class SaidExtraction(_Answer, frozen=True, kw_only=True):
    """Call ``extract``."""

    events: list[SaidEvent]
    messages: list[SaidNotice]


@cache
def schema(shape: type[msgspec.Struct]) -> Mapping[str, Any]:
    """The JSON schema of a shape in the form that the provider takes."""
    return transform_schema(msgspec.json.schema(shape))
