"""Fetches what one model call may see: the retrieval contract's side of the database (spec 4.3).

Each row of `CANDIDATES` is one named query and how its rows become items with provenance. Which of
them a stage may ask is decided by `ai.bundles.CONTRACT` before anything is fetched, and again for
every item by the assembler; row-level security as role ``ai`` is the third wall.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from beheard_hub.ai.bundles import CONTRACT, Assembled, Frame, assemble
from beheard_hub.ai.memory_intent import Intent
from beheard_hub.ports import Actor, ReadStore

Row = Mapping[str, Any]


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One type of item: where its rows come from and what of them an item carries."""

    type: str
    query: str
    source: str
    limit: int | None = None
    stage: int
    """Stage of rows that do not carry one themselves."""
    fields: Sequence[str] = ()
    only: Mapping[str, Any] = {}
    """Rows that have not these values are somebody else's row of `CANDIDATES`."""

    @property
    def consent(self) -> str:
        """Shared rows are visible only while active; one's own need no consent."""
        return "active" if self.source == "shared" else "not_applicable"


CANDIDATES: Sequence[Candidate] = (
    Candidate(type="message", query="bundle.messages", source="user", limit=30, stage=1,
              fields=("role",)),
    Candidate(type="emotional_reading", query="bundle.readings", source="user", limit=5, stage=1,
              fields=("intensity",)),
    Candidate(type="user_event", query="bundle.events", source="user", limit=20, stage=1,
              fields=("attributedTo", "emotions")),
    Candidate(type="boundary", query="bundle.boundaries", source="user", limit=20, stage=1,
              fields=("nonNegotiable",)),
    Candidate(type="prior_theme", query="bundle.prior_themes", source="user", limit=3, stage=1,
              fields=("need", "category")),
    Candidate(type="draft", query="bundle.draft", source="user", stage=2, fields=("readyToShare",)),
    Candidate(type="clarification", query="bundle.clarifications", source="user", stage=3,
              fields=("potentialNeed", "answer")),
    Candidate(type="need", query="bundle.needs", source="user", stage=3,
              fields=("need", "category", "confirmed", "source")),
    Candidate(type="consented_content", query="bundle.contents", source="shared", stage=2,
              fields=("contentType",), only={"mine": False}),
    Candidate(type="common_ground", query="bundle.common_ground", source="shared", stage=3,
              fields=("need", "category", "confirmed")),
    Candidate(type="strategy", query="bundle.strategies", source="shared", stage=4,
              fields=("needsAddressed", "duration", "measureOfSuccess")),
    Candidate(type="agreement", query="bundle.agreements", source="shared", stage=4,
              fields=("type", "status")),
    Candidate(type="session_outcome", query="bundle.outcomes", source="shared", limit=5, stage=0,
              fields=("type", "status")),
)  # fmt: skip

_ALLOWED: frozenset[tuple[str, str, int]] = frozenset(
    (rule.type, rule.source, stage) for rule in CONTRACT for stage in rule.stages
)


def allowed(stage: int, intent: Intent) -> list[Candidate]:
    """What may be fetched at all; with nothing to be recalled only the conversation itself."""
    keeps = {rule.type for rule in CONTRACT if rule.survives_avoid_recall}
    return [
        candidate
        for candidate in CANDIDATES
        if (candidate.type, candidate.source, stage) in _ALLOWED
        and (intent is not Intent.AVOID_RECALL or candidate.type in keeps)
    ]


class People(msgspec.Struct, frozen=True):
    """The two names that a prompt may hold."""

    own: str | None
    partner: str | None


async def people(reads: ReadStore, actor: Actor) -> People:
    """Names of the two, as the acting user may see them."""
    rows = await reads.read(actor, "bundle.people", {"user_id": actor.id})
    names = {bool(row["own"]): row["name"] for row in rows}
    return People(names.get(True), names.get(False))


async def current_stage(reads: ReadStore, actor: Actor) -> tuple[int, Mapping[str, bool]]:
    """The user's highest stage that is under way (or done), and its own gates as they are."""
    args = {"session_id": actor.session_id, "user_id": actor.id}
    rows = await reads.read(actor, "bundle.progress", args)
    if not rows:
        return 0, {}
    newest = max(rows, key=lambda row: int(row["stage"]))
    return int(newest["stage"]), dict(newest["gatesSatisfied"] or {})


async def fetch(
    reads: ReadStore,
    actor: Actor,
    *,
    stage: int,
    intent: Intent,
    gates: Mapping[str, bool],
    types: frozenset[str] | None = None,
) -> Assembled:
    """The bundle of one call for `actor` (role ``ai``), under the contract of `stage`.

    `types` narrows it further. Raises StoreUnavailable.
    """
    chosen = [c for c in allowed(stage, intent) if types is None or c.type in types]
    names, *found = await asyncio.gather(
        people(reads, actor), *(_items(reads, actor, candidate, stage) for candidate in chosen)
    )
    frame = Frame(
        user_id=actor.id,
        session_id=actor.session_id,
        user_name=names.own,
        partner_name=names.partner,
        gates=gates,
    )
    return assemble(stage, intent, [item for items in found for item in items], frame)


async def _items(
    reads: ReadStore, actor: Actor, candidate: Candidate, stage: int
) -> list[Mapping[str, Any]]:
    same_stage = (candidate.type, stage) in _SAME_STAGE
    args = {
        "session_id": actor.session_id,
        "user_id": actor.id,
        "limit": candidate.limit,
        "stage": stage if same_stage else None,
        "types": None,
    }
    rows = await reads.read(
        actor, candidate.query, {name: args[name] for name in _ARGS[candidate.query]}
    )
    if candidate.type == "message":
        rows = await _without_revoked(reads, actor, rows)
    return [
        _item(candidate, row, stage)
        for row in rows
        if all(row[name] == value for name, value in candidate.only.items())
    ]


def _item(candidate: Candidate, row: Row, stage: int) -> dict[str, Any]:
    return {
        "type": candidate.type,
        "source": candidate.source,
        "id": row["id"],
        "consent": candidate.consent,
        "created_at": row["createdAt"],
        "stage": row["stage"] if "stage" in row else min(candidate.stage, stage),
        "text": row["text"] or "",
        "fields": {name: row[name] for name in candidate.fields},
    }


async def _without_revoked(reads: ReadStore, actor: Actor, rows: Sequence[Row]) -> list[Row]:
    """Leaves out replies that were made from content which was taken back since (spec 2.4)."""
    used = {row["id"]: shared_ids(row["bundle"]) for row in rows if row["bundle"]}
    ids = sorted(set().union(*used.values())) if used else []
    if not ids:
        return list(rows)
    active = await reads.read(actor, "bundle.active_contents", {"ids": ids})
    standing = {row["id"] for row in active}
    return [row for row in rows if used.get(row["id"], set()) <= standing]


def shared_ids(bundle: Any) -> set[str]:
    """Ids of the consented contents in a stored bundle (`ai.bundles.provenance`)."""
    return {item["id"] for item in bundle["items"] if item["type"] == "consented_content"}


_SAME_STAGE = frozenset((rule.type, stage) for rule in CONTRACT for stage in rule.same_stage)

_ARGS: Mapping[str, Sequence[str]] = {
    "bundle.messages": ("session_id", "user_id", "stage", "limit"),
    "bundle.readings": ("session_id", "user_id", "limit"),
    "bundle.events": ("session_id", "user_id", "limit"),
    "bundle.boundaries": ("session_id", "user_id", "limit"),
    "bundle.prior_themes": ("session_id", "user_id", "limit"),
    "bundle.draft": ("session_id", "user_id"),
    "bundle.clarifications": ("session_id", "user_id"),
    "bundle.needs": ("session_id", "user_id"),
    "bundle.contents": ("session_id", "user_id", "types"),
    "bundle.common_ground": ("session_id",),
    "bundle.strategies": ("session_id",),
    "bundle.agreements": ("session_id",),
    "bundle.outcomes": ("session_id", "limit"),
}
