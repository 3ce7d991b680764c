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
from beheard_hub.domain.limits import UNANSWERED_MESSAGES_MAX
from beheard_hub.domain.mediation.vocabulary import GATE_PENDING, IDENTIFIED_NEED, IN_PROGRESS
from beheard_hub.ports import Actor, ReadStore
from beheard_hub.reactions import library
from beheard_hub.reactions.tools import Tools

Row = Mapping[str, Any]

MESSAGES_MAX = 30
LIBRARY_MAX = 5


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One type of item: where its rows come from and what of them an item carries."""

    type: str
    query: str
    source: str
    args: Mapping[str, Any] = {}
    """Of the query; the user and the session are always the actor's."""
    stage: int
    """Stage of rows that do not carry one themselves."""
    stages: frozenset[int] = frozenset(range(5))
    """Stages of the user in which this row of the table is meant; the contract may say less."""
    fields: Sequence[str] = ()
    only: Mapping[str, Any] = {}
    """Rows that have not these values are somebody else's row of `CANDIDATES`."""

    @property
    def consent(self) -> str:
        """Shared rows are visible only while active; one's own need no consent."""
        return "active" if self.source == "shared" else "not_applicable"


CANDIDATES: Sequence[Candidate] = (
    Candidate(type="session_metadata", query="bundle.session", source="user", stage=0,
              fields=("status",)),
    Candidate(type="relationship_metadata", query="bundle.relationship", source="user", stage=0),
    Candidate(type="session_outcome", query="bundle.outcomes", source="shared", stage=0,
              args={"limit": 5}, fields=("type", "status")),
    Candidate(type="emotional_reading", query="bundle.readings", source="user", stage=1,
              args={"limit": 5}, fields=("intensity",)),
    Candidate(type="user_event", query="bundle.events", source="user", stage=1,
              args={"limit": 20}, fields=("attributedTo", "emotions")),
    Candidate(type="boundary", query="bundle.boundaries", source="user", stage=1,
              args={"limit": 20}, fields=("nonNegotiable",)),
    Candidate(type="prior_theme", query="bundle.prior_themes", source="user", stage=1,
              args={"limit": 3}, fields=("need", "category")),
    Candidate(type="draft", query="bundle.draft", source="user", stage=2, fields=("readyToShare",)),
    Candidate(type="clarification", query="bundle.clarifications", source="user", stage=3,
              fields=("potentialNeed", "answer")),
    Candidate(type="need", query="bundle.needs", source="user", stage=3,
              fields=("need", "category", "confirmed", "source")),
    Candidate(type="consented_content", query="bundle.contents", source="shared", stage=2,
              stages=frozenset({2}), fields=("contentType",), only={"mine": False}),
    Candidate(type="consented_content", query="bundle.contents", source="shared", stage=3,
              stages=frozenset({3}), args={"types": [IDENTIFIED_NEED]}, fields=("contentType",),
              only={"mine": False}),
    Candidate(type="common_ground", query="bundle.common_ground", source="shared", stage=3,
              fields=("need", "category", "confirmed")),
    Candidate(type="strategy", query="bundle.strategies", source="shared", stage=4,
              fields=("needsAddressed", "duration", "measureOfSuccess")),
    Candidate(type="ranking", query="bundle.rankings", source="user", stage=4,
              fields=("mine", "round", "rankedIds"), only={"mine": True}),
    Candidate(type="ranking", query="bundle.rankings", source="shared", stage=4,
              fields=("bothSubmitted", "round", "rankedIds"), only={"mine": False}),
    Candidate(type="agreement", query="bundle.agreements", source="shared", stage=4,
              fields=("type", "status")),
)  # fmt: skip
"""All but the conversation (`conversation`) and the library (`library.near`)."""

_STANDING_TYPES = frozenset({"consented_content", "common_ground"})
"""Shared items that can be taken back after a reply was made from them."""

_ALLOWED: frozenset[tuple[str, str, int]] = frozenset(
    (rule.type, rule.source, stage) for rule in CONTRACT for stage in rule.stages
)
_KEPT = frozenset(rule.type for rule in CONTRACT if rule.survives_avoid_recall)
_SAME_STAGE = frozenset((rule.type, stage) for rule in CONTRACT for stage in rule.same_stage)


def may_fetch(type_: str, source: str, stage: int, intent: Intent) -> bool:
    """Whether the contract lets a type be asked for at all."""
    recalled = intent is not Intent.AVOID_RECALL or type_ in _KEPT
    return (type_, source, stage) in _ALLOWED and recalled


def closed(stage: int, written_in: int) -> bool:
    """Whether a message of another stage is out of sight in `stage`."""
    return ("message", stage) in _SAME_STAGE and written_in != stage


class People(msgspec.Struct, frozen=True):
    """The two names that a prompt may hold."""

    own: str | None
    partner: str | None


async def people(reads: ReadStore, actor: Actor) -> People:
    """Names of the two, as the acting user may see them."""
    rows = await reads.read(actor, "bundle.people", {})
    names = {bool(row["own"]): row["name"] for row in rows}
    return People(names.get(True), names.get(False))


async def stage_of(
    reads: ReadStore, actor: Actor, wanted: int | None = None
) -> tuple[int, Mapping[str, bool]]:
    """`wanted`, if the user has come so far, else the user's stage (spec 2.1: the highest that is
    under way); and the gates of that stage as they are."""
    rows = {int(row["stage"]): row for row in await reads.read(actor, "bundle.progress", {})}
    current = max(
        (stage for stage, row in rows.items() if row["status"] in (IN_PROGRESS, GATE_PENDING)),
        default=0,
    )
    stage = wanted if wanted in rows and wanted < current else current
    gates = rows[stage]["gatesSatisfied"] if stage in rows else {}
    return stage, {key: True for key, true in gates.items() if true}


async def unanswered(reads: ReadStore, actor: Actor) -> Sequence[Row]:
    """Id, stage, text and time of the own messages that no reply has answered, oldest first."""
    rows = await reads.read(actor, "bundle.unanswered", {"limit": UNANSWERED_MESSAGES_MAX})
    return rows[::-1]


async def conversation(
    reads: ReadStore, actor: Actor, stage: int, waiting: frozenset[str]
) -> list[dict[str, Any]]:
    """The newest of the own thread as candidate items, oldest first; `waiting` are the ids that no
    reply has answered. Replies made from what was taken back since are left out."""
    args = {"stage": stage if ("message", stage) in _SAME_STAGE else None, "limit": MESSAGES_MAX}
    if ("message", "user", stage) not in _ALLOWED:
        return []
    rows = await reads.read(actor, "bundle.messages", args)
    standing = await _without_revoked(reads, actor, rows)
    return [_message(row, waiting) for row in reversed(standing)]


async def fetch(
    tools: Tools,
    actor: Actor,
    *,
    stage: int,
    intent: Intent,
    gates: Mapping[str, bool],
    said: Sequence[Row] = (),
    types: frozenset[str] | None = None,
) -> Assembled:
    """The bundle of one call for `actor` (role ``ai``), under the contract of `stage`.

    `said` is its conversation; `types` narrows the rest. Raises StoreUnavailable.
    """
    chosen = [
        c
        for c in CANDIDATES
        if stage in c.stages
        and may_fetch(c.type, c.source, stage, intent)
        and (types is None or c.type in types)
    ]
    names, *found = await asyncio.gather(
        people(tools.reads, actor), *(_items(tools.reads, actor, c, stage) for c in chosen)
    )
    rows = [*said, *(item for items in found for item in items)]
    if types is None and may_fetch(library.TYPE, "global", stage, intent):
        common = [row["fields"]["need"] for row in rows if row["type"] == "common_ground"]
        rows += await library.near(tools, actor, common, LIBRARY_MAX)
    frame = Frame(
        user_id=actor.id,
        session_id=actor.session_id,
        user_name=names.own,
        partner_name=names.partner,
        gates=gates,
    )
    return assemble(stage, intent, rows, frame)


async def _items(
    reads: ReadStore, actor: Actor, candidate: Candidate, stage: int
) -> list[dict[str, Any]]:
    rows = await reads.read(actor, candidate.query, candidate.args)
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
        "stage": row.get("stage", min(candidate.stage, stage)),
        "text": row.get("text") or "",
        "fields": {name: row[name] for name in candidate.fields},
    }


def _message(row: Row, waiting: frozenset[str]) -> dict[str, Any]:
    return {
        "type": "message",
        "source": "user",
        "id": row["id"],
        "consent": "not_applicable",
        "created_at": row["createdAt"],
        "stage": row["stage"],
        "text": row["text"],
        "fields": {"role": row["role"], "answered": row["id"] not in waiting},
    }


async def _without_revoked(reads: ReadStore, actor: Actor, rows: Sequence[Row]) -> list[Row]:
    """Leaves out replies that were made from content which was taken back since (spec 2.4)."""
    used = {row["id"]: shared_ids(row["bundle"]) for row in rows if row["bundle"]}
    ids = sorted(set().union(*used.values()))
    if not ids:
        return list(rows)
    standing = {row["id"] for row in await reads.read(actor, "bundle.standing", {"ids": ids})}
    return [row for row in rows if used.get(row["id"], set()) <= standing]


def shared_ids(bundle: Mapping[str, Any]) -> set[str]:
    """What can be taken back of a stored bundle: ``{"items": provenance, "answers": [id]}``."""
    return {item["id"] for item in bundle["items"] or () if item["type"] in _STANDING_TYPES}
