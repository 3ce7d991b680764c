"""The assembler: what one model call may see, and the table that says so (spec 4.3).

What is not in the bundle cannot slip out of it, so this is the narrow place of the facilitator.
Rows come from reads that were already made as role ``ai`` of one user; here every one of them must
show where it comes from (source, type, id, time, consent, stage), must be of a type that the stage
allows, and must fit that type's line of the contract. What does not fit is left out and named, by
id and reason, for the audit log; the rest goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from beheard_hub.ai.memory_intent import Intent
from beheard_hub.facilitation import Bundle, Item

_ALL = frozenset(range(5))


class ItemRule(msgspec.Struct, frozen=True, kw_only=True):
    """What may be in a bundle: one type of item, from one source."""

    type: str
    source: str
    consent: str
    stages: frozenset[int]
    """Stages of the user in which the type may be seen."""
    same_stage: frozenset[int] = frozenset()
    """Stages in which only items written in that very stage may be seen."""
    own_session: bool = False
    """Must belong to this session (`fields.sessionId`, where the row carries one)."""
    requires: Mapping[str, Any] = {}
    """Fields that must have this value."""
    requires_in_stage: Mapping[int, Mapping[str, Any]] = {}
    """Stage of the user → fields that must have this value there."""
    count_max: int = 50
    """Newest first; older ones are left out in silence."""
    survives_avoid_recall: bool = False
    """Stays although nothing is to be recalled: the conversation itself."""


def _rule(type_: str, source: str, consent: str, stages: frozenset[int], **more: Any) -> ItemRule:
    return ItemRule(type=type_, source=source, consent=consent, stages=stages, **more)


CONTRACT: tuple[ItemRule, ...] = (
    _rule("session_metadata", "user", "not_applicable", _ALL, survives_avoid_recall=True),
    _rule("relationship_metadata", "user", "not_applicable", _ALL),
    _rule("session_outcome", "shared", "active", frozenset({0})),
    _rule(
        "message",
        "user",
        "not_applicable",
        frozenset({1, 2, 3, 4}),
        same_stage=frozenset({3, 4}),
        own_session=True,
        count_max=30,
        survives_avoid_recall=True,
    ),
    _rule("emotional_reading", "user", "not_applicable", frozenset({1, 2}), own_session=True),
    _rule("user_event", "user", "not_applicable", frozenset({1, 2})),
    _rule("boundary", "user", "not_applicable", frozenset({1, 2})),
    _rule("prior_theme", "user", "not_applicable", frozenset({1, 2}), count_max=3),
    _rule("clarification", "user", "not_applicable", frozenset({1, 2, 3})),
    _rule("draft", "user", "not_applicable", frozenset({2}), count_max=1),
    _rule("need", "user", "not_applicable", frozenset({1, 2, 3})),
    _rule(
        "consented_content",
        "shared",
        "active",
        frozenset({2, 3}),
        requires_in_stage={3: {"contentType": "IDENTIFIED_NEED"}},
    ),
    _rule("common_ground", "shared", "active", frozenset({3, 4})),
    _rule("strategy", "shared", "active", frozenset({4})),
    _rule("ranking", "user", "not_applicable", frozenset({4}), requires={"mine": True}),
    _rule("ranking", "shared", "active", frozenset({4}), requires={"bothSubmitted": True}),
    _rule("agreement", "shared", "active", frozenset({4})),
    _rule("micro_experiment", "shared", "active", frozenset({4})),
    _rule("experiment_suggestion", "global", "not_applicable", frozenset({4}), count_max=5),
)

_BY_KEY: Mapping[tuple[str, str], ItemRule] = {(r.type, r.source): r for r in CONTRACT}

_FORBIDDEN_FIELDS: Mapping[str, frozenset[str]] = {
    "strategy": frozenset({"createdByUserId", "source", "mine"}),
}
"""Fields whose mere presence would name an author (strategies are unlabelled)."""


class Refused(msgspec.Struct, frozen=True):
    """An item that was left out: for the audit log; no text."""

    type: str
    id: str
    reason: str
    """``provenance``, ``contract``, ``consent``, ``stage``, ``session``, ``field``, ``intent``."""


class Assembled(msgspec.Struct, frozen=True):
    """A bundle, and what was kept out of it."""

    bundle: Bundle
    refused: Sequence[Refused] = ()


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """For whom a bundle is made; the facts that every prompt may state."""

    user_id: str
    session_id: str
    user_name: str | None = None
    partner_name: str | None = None
    gates: Mapping[str, bool] = {}
    """Own gates of the current stage as they truly are."""


def assemble(
    stage: int, intent: Intent | str, rows: Sequence[Mapping[str, Any]], frame: Frame
) -> Assembled:
    """Builds the bundle of one call: `rows` are candidate items as mappings with `Item`'s names.

    Ordering: items by time, then id. Pure: the same rows give the same bundle.
    """
    avoid = Intent(intent) is Intent.AVOID_RECALL
    kept: list[Item] = []
    refused: list[Refused] = []
    for row in rows:
        item = _item(row)
        reason = "provenance" if item is None else _objection(item, stage, avoid, frame)
        if item is None or reason is not None:
            refused.append(Refused(_name(row, "type"), _name(row, "id"), reason or "provenance"))
        else:
            kept.append(item)
    bundle = Bundle(
        user_id=frame.user_id,
        user_name=frame.user_name,
        partner_name=frame.partner_name,
        session_id=frame.session_id,
        stage=stage,
        intent=str(intent),
        gates=dict(frame.gates),
        items=_newest(kept),
    )
    return Assembled(bundle, refused)


def provenance(bundle: Bundle) -> list[dict[str, Any]]:
    """What the audit log keeps of a bundle: types, ids, sources, consent; no text."""
    return [
        {"source": i.source, "type": i.type, "id": i.id, "consent": i.consent, "stage": i.stage}
        for i in bundle.items
    ]


def _name(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""


def _item(row: Mapping[str, Any]) -> Item | None:
    """The row as an item, or None where provenance is missing or malformed."""
    texts = [row.get(key) for key in ("source", "type", "id", "consent")]
    if not all(isinstance(value, str) and value for value in texts):
        return None
    created, stage = row.get("created_at"), row.get("stage")
    if not isinstance(created, datetime) or not isinstance(stage, int) or isinstance(stage, bool):
        return None
    try:
        return msgspec.convert({"text": "", **row}, Item)
    except msgspec.ValidationError:
        return None


def _objection(item: Item, stage: int, avoid_recall: bool, frame: Frame) -> str | None:
    """Why an item may not be seen in this stage, or None."""
    rule = _BY_KEY.get((item.type, item.source))
    if rule is None or stage not in rule.stages:
        return "contract"
    if item.consent != rule.consent:
        return "consent"
    if stage in rule.same_stage and item.stage != stage:
        return "stage"
    if item.source == "user" and item.stage > stage:
        return "stage"
    session = item.fields.get("sessionId")
    if rule.own_session and session is not None and session != frame.session_id:
        return "session"
    required = {**rule.requires, **rule.requires_in_stage.get(stage, {})}
    if any(item.fields.get(key) != value for key, value in required.items()):
        return "field"
    if _FORBIDDEN_FIELDS.get(item.type, frozenset()) & item.fields.keys():
        return "field"
    return "intent" if avoid_recall and not rule.survives_avoid_recall else None


def _newest(items: Sequence[Item]) -> list[Item]:
    """At most `count_max` of each type, the newest ones, in the order of time."""
    seen: Counter[tuple[str, str]] = Counter()
    kept: list[Item] = []
    for item in sorted(items, key=lambda i: (i.created_at, i.id), reverse=True):
        key = (item.type, item.source)
        seen[key] += 1
        if seen[key] <= _BY_KEY[key].count_max:
            kept.append(item)
    return kept[::-1]
