"""The table of spec 4.3, row by row."""

from __future__ import annotations

import pytest

from beheard_hub.ai.memory_intent import memory_intent


@pytest.mark.parametrize(
    ("stage", "text", "intensity", "intent"),
    [
        (1, "we agreed on Sundays", 8, "avoid_recall"),
        (4, "hello", 10, "avoid_recall"),
        (1, "we agreed on Sundays", 7, "emotional_validation"),
        (1, "hello", None, "emotional_validation"),
        (2, "we had agreed to talk on Fridays", None, "recall_commitment"),
        (3, "our agreement did not last", 3, "recall_commitment"),
        (0, "what about our last agreement", None, "recall_commitment"),
        (0, "hello", None, "stage_enforcement"),
        (2, "hello", 7, "offer_continuity"),
        (3, "hello", None, "offer_continuity"),
        (4, "hello", None, "recall_commitment"),
        (2, "we disagreed", None, "offer_continuity"),
    ],
)
def test_intent(stage: int, text: str, intensity: int | None, intent: str) -> None:
    assert memory_intent(stage, text, intensity) == intent
