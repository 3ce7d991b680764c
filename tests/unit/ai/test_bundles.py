"""The assembler: nothing without provenance, nothing that the stage does not allow."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from beheard_hub.ai.bundles import CONTRACT, Frame, assemble, provenance
from beheard_hub.ai.memory_intent import Intent
from tests.unit.ai.bundles_for_tests import item

FRAME = Frame(user_id="u1", session_id="s1")


def row(number: int = 1, **more: Any) -> dict[str, Any]:
    given = item(number, "text")
    return {name: getattr(given, name) for name in given.__struct_fields__} | more


@pytest.mark.parametrize("key", ["source", "type", "id", "created_at", "consent", "stage"])
@pytest.mark.parametrize("missing", [True, False])
def test_provenance_is_needed(key: str, missing: bool) -> None:
    candidate = row()
    if missing:
        del candidate[key]
    else:
        candidate[key] = None
    made = assemble(1, Intent.EMOTIONAL_VALIDATION, [candidate], FRAME)
    assert made.bundle.items == []
    assert [r.reason for r in made.refused] == ["provenance"]


@pytest.mark.parametrize("stage", range(5))
@pytest.mark.parametrize("rule", CONTRACT, ids=lambda r: f"{r.type}-{r.source}")
def test_the_contract_row_by_row(stage: int, rule: Any) -> None:
    candidate = row(
        source=rule.source,
        type=rule.type,
        consent=rule.consent,
        stage=stage,
        fields={**rule.requires, **rule.requires_in_stage.get(stage, {})},
    )
    made = assemble(stage, Intent.OFFER_CONTINUITY, [candidate], FRAME)
    assert bool(made.bundle.items) == (stage in rule.stages)


@pytest.mark.parametrize("stage", [0, 1])
def test_nothing_shared_before_stage_two_but_outcomes(stage: int) -> None:
    types = {r.type for r in CONTRACT if r.source == "shared" and stage in r.stages}
    assert types <= {"session_outcome"}


def test_no_vessel_in_stage_four() -> None:
    seen = {r.type for r in CONTRACT if r.source == "user" and 4 in r.stages}
    assert seen == {"message", "ranking", "session_metadata", "relationship_metadata"}


@pytest.mark.parametrize(
    ("stage", "more", "reason"),
    [
        (3, {"stage": 2}, "stage"),
        (2, {"fields": {"role": "USER", "sessionId": "other"}}, "session"),
        (1, {"type": "user_event", "source": "shared"}, "contract"),
        (2, {"type": "consented_content", "source": "shared"}, "consent"),
        (4, {"type": "ranking", "fields": {"mine": False}}, "field"),
        (
            4,
            {
                "type": "strategy",
                "source": "shared",
                "consent": "active",
                "fields": {"createdByUserId": "u2"},
            },
            "field",
        ),
    ],
)
def test_what_is_refused_and_why(stage: int, more: dict[str, Any], reason: str) -> None:
    made = assemble(stage, Intent.OFFER_CONTINUITY, [row(**{"stage": stage, **more})], FRAME)
    assert made.bundle.items == []
    assert [r.reason for r in made.refused] == [reason]


def test_avoid_recall_leaves_the_conversation_only() -> None:
    rows = [row(1), row(2, type="user_event"), row(3, type="emotional_reading")]
    made = assemble(1, Intent.AVOID_RECALL, rows, FRAME)
    assert [i.type for i in made.bundle.items] == ["message"]
    assert {r.reason for r in made.refused} == {"intent"}


def test_the_newest_thirty_messages_in_order() -> None:
    made = assemble(1, Intent.EMOTIONAL_VALIDATION, [row(n) for n in range(40, 0, -1)], FRAME)
    assert [i.id for i in made.bundle.items] == [f"i{n:04}" for n in range(11, 41)]


def test_the_audit_entry_and_refusals_hold_no_text() -> None:
    rows = [row(1, text="canary"), row(2, text="canary", type="unknown")]
    made = assemble(1, Intent.EMOTIONAL_VALIDATION, rows, FRAME)
    assert b"canary" not in msgspec.json.encode([provenance(made.bundle), made.refused])
