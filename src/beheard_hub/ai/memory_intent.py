"""Memory intent: what a turn calls to mind, decided before any retrieval (spec 4.3).

A table, read from the top; the first row whose three columns all hold decides. No model is asked.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec


class Intent(StrEnum):
    """What the facilitator may do with earlier material in this turn."""

    AVOID_RECALL = "avoid_recall"
    EMOTIONAL_VALIDATION = "emotional_validation"
    RECALL_COMMITMENT = "recall_commitment"
    STAGE_ENFORCEMENT = "stage_enforcement"
    OFFER_CONTINUITY = "offer_continuity"


class IntentRule(msgspec.Struct, frozen=True, kw_only=True):
    """One row: a column that is None or False asks nothing."""

    stages: frozenset[int] | None = None
    intensity_min: int | None = None
    mentions_agreement: bool = False
    intent: Intent


INTENT_RULES: tuple[IntentRule, ...] = (
    IntentRule(intensity_min=8, intent=Intent.AVOID_RECALL),
    IntentRule(stages=frozenset({1}), intent=Intent.EMOTIONAL_VALIDATION),
    IntentRule(mentions_agreement=True, intent=Intent.RECALL_COMMITMENT),
    IntentRule(stages=frozenset({0}), intent=Intent.STAGE_ENFORCEMENT),
    IntentRule(stages=frozenset({2, 3}), intent=Intent.OFFER_CONTINUITY),
    IntentRule(stages=frozenset({4}), intent=Intent.RECALL_COMMITMENT),
)

_AGREEMENT = re.compile(
    r"\b(we|had|have|both|was|were|what) (had |have |both |already )?(agreed|promised|decided)\b"
    r"|\b(our|the|that|this|last|first) (\w+ )?(agreements?|experiments?|deal|arrangement|pact)\b"
    r"|\b(the|our) (weekly )?(check-in|commitment)s?\b",
    re.IGNORECASE,
)


def mentions_agreement(text: str) -> bool:
    """Whether a message refers to something that was agreed."""
    return _AGREEMENT.search(text) is not None


def memory_intent(stage: int, text: str, intensity: int | None) -> Intent:
    """The intent of one turn: `stage` 0-4, the newest message, the newest intensity 1-10 if any."""
    agreement = mentions_agreement(text)
    for rule in INTENT_RULES:
        if rule.stages is not None and stage not in rule.stages:
            continue
        if rule.intensity_min is not None and (intensity or 0) < rule.intensity_min:
            continue
        if rule.mentions_agreement and not agreement:
            continue
        return rule.intent
    raise AssertionError(f"no intent for stage {stage}")
