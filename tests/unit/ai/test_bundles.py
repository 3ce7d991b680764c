"""The assembler: nothing without provenance, nothing that the stage does not allow."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from beheard_hub.ai.bundles import Frame, assemble, provenance
from beheard_hub.ai.memory_intent import Intent
from beheard_hub.domain.mediation.contract import TABLE, Row, Vessel
from tests.unit.ai.bundles_for_tests import item

FRAME = Frame(user_id="u1", session_id="s1")


def row(number: int = 1, **more: Any) -> dict[str, Any]:
    given = item(number, "text")
    whose = {"owner": "u1", "session": "s1"}
    return {name: getattr(given, name) for name in given.__struct_fields__} | whose | more


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


def fitting(rule: Row, stage: int) -> dict[str, Any]:
    """An item that the rule lets in, if the stage does."""
    return row(
        source=rule.source,
        type=rule.query,
        consent=rule.consent,
        stage=stage,
        session="s0" if stage in rule.earlier else "s1",
        fields={key: values[0] for key, values in rule.requires.get(stage, {}).items()},
    )


@pytest.mark.parametrize("stage", range(5))
@pytest.mark.parametrize("rule", TABLE, ids=lambda r: r.query)
def test_the_contract_row_by_row(stage: int, rule: Row) -> None:
    made = assemble(stage, Intent.OFFER_CONTINUITY, [fitting(rule, stage)], FRAME)
    assert bool(made.bundle.items) == (stage in rule.stages)
    assert [r.reason for r in made.refused] == ([] if stage in rule.stages else ["contract"])


@pytest.mark.parametrize(
    "rule", [r for r in TABLE if r.vessel is Vessel.USER], ids=lambda r: r.query
)
@pytest.mark.parametrize("owner", ["u2", None, ""])
def test_nobody_elses_vessel(rule: Row, owner: str | None) -> None:
    for stage in rule.stages:
        made = assemble(
            stage, Intent.OFFER_CONTINUITY, [{**fitting(rule, stage), "owner": owner}], FRAME
        )
        assert made.bundle.items == []
        assert [r.reason for r in made.refused] == ["owner"]


@pytest.mark.parametrize(
    "rule", [r for r in TABLE if r.vessel is Vessel.USER], ids=lambda r: r.query
)
def test_no_other_session_but_where_earlier_ones_are_meant(rule: Row) -> None:
    for stage in rule.stages:
        other = "s1" if stage in rule.earlier else "s0"
        made = assemble(
            stage, Intent.OFFER_CONTINUITY, [{**fitting(rule, stage), "session": other}], FRAME
        )
        assert [r.reason for r in made.refused] == ["session"]


@pytest.mark.parametrize("rule", [r for r in TABLE if r.consent == "active"], ids=lambda r: r.query)
@pytest.mark.parametrize("state", ["revoked", "not_applicable", "pending"])
def test_what_was_shared_needs_a_consent_in_force(rule: Row, state: str) -> None:
    for stage in rule.stages:
        made = assemble(
            stage, Intent.OFFER_CONTINUITY, [{**fitting(rule, stage), "consent": state}], FRAME
        )
        assert [r.reason for r in made.refused] == ["consent"]


def test_three_prior_themes_and_no_more() -> None:
    themes = [row(n, type="prior_theme", session="s0") for n in range(1, 6)]
    made = assemble(1, Intent.EMOTIONAL_VALIDATION, themes, FRAME)
    assert [i.id for i in made.bundle.items] == ["i0003", "i0004", "i0005"]


@pytest.mark.parametrize(
    ("stage", "more", "reason"),
    [
        (3, {"stage": 2}, "stage"),
        (2, {"session": "other"}, "session"),
        (1, {"type": "user_event", "source": "shared"}, "contract"),
        (2, {"type": "consented_content", "source": "shared"}, "consent"),
        (
            4,
            {
                "type": "ranking",
                "source": "shared",
                "consent": "active",
                "fields": {"mine": False, "seen": "one"},
            },
            "field",
        ),
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
