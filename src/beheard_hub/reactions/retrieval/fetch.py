"""Fetches what a plan names, and nothing else: the database's side of the contract (spec 4.3).

`SOURCES` says for each query which statement finds its rows by structure, which one finds ids by
vector, and what of a row an item carries. A vector hit is a candidate: its id goes through the same
statement, and so through the same conditions, as if it had been asked for by name. Generation
never fetches: what is here is all that a turn gets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from beheard_hub.ai.bundles import Assembled, Frame, assemble
from beheard_hub.domain.mediation.contract import ROWS, Row, Vessel, Way
from beheard_hub.domain.mediation.vocabulary import IDENTIFIED_NEED
from beheard_hub.ports import Actor
from beheard_hub.reactions import library
from beheard_hub.reactions.retrieval.plan import Plan
from beheard_hub.reactions.retrieval.queries import Query
from beheard_hub.reactions.retrieval.thread import DbRow, people
from beheard_hub.reactions.tools import Tools


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where the rows of one query come from, and what of them an item carries."""

    query: str
    """Statement that reads rows by structure; it takes ``ids``, too, where there is `near`."""
    near: str | None = None
    """Statement that finds ids by vector."""
    args: Mapping[int, Mapping[str, Any]] = {}
    """Stage → arguments; the user and the session are always the actor's."""
    stage: int
    """Stage of rows that do not carry one themselves."""
    fields: Sequence[str] = ()
    only: Mapping[str, Any] = {}
    """Rows that have not these values are not meant."""
    limited: bool = True
    """Takes ``limit``; the others give one row."""
    revocable: bool = False
    """Rows say with ``active`` whether the consent behind them stands."""


SOURCES: Mapping[str, Source] = {
    "session_metadata": Source(query="bundle.session", stage=0, limited=False, fields=("status",)),
    "relationship_metadata": Source(query="bundle.relationship", stage=0, limited=False),
    "session_outcomes": Source(query="bundle.outcomes", stage=0, fields=("type", "status")),
    "emotional_reading": Source(
        query="bundle.readings", near="bundle.near_readings", stage=1, fields=("intensity",)
    ),
    "user_event": Source(
        query="bundle.events", near="bundle.near_events", stage=1,
        fields=("attributedTo", "emotions"),
    ),
    "boundary": Source(query="bundle.boundaries", stage=1, fields=("nonNegotiable",)),
    "prior_theme": Source(query="bundle.prior_themes", stage=1, fields=("need", "category")),
    "draft": Source(query="bundle.draft", stage=2, limited=False, fields=("readyToShare",)),
    "clarification": Source(
        query="bundle.clarifications", stage=3, fields=("potentialNeed", "answer")
    ),
    "need": Source(
        query="bundle.needs", near="bundle.near_needs", stage=3,
        args={1: {"earlier": True}, 2: {"earlier": False}, 3: {"earlier": False}},
        fields=("need", "category", "confirmed", "source"),
    ),
    "consented_content": Source(
        query="bundle.contents", near="bundle.near_contents", stage=2, revocable=True,
        args={3: {"types": [IDENTIFIED_NEED]}}, fields=("contentType",), only={"mine": False},
    ),
    "common_ground": Source(
        query="bundle.common_ground", stage=3, revocable=True,
        fields=("need", "category", "confirmed"),
    ),
    "strategy": Source(
        query="bundle.strategies", stage=4,
        fields=("needsAddressed", "duration", "measureOfSuccess"),
    ),
    "ranking": Source(
        query="bundle.rankings", stage=4, fields=("mine", "seen", "round", "rankedIds")
    ),
    "agreement": Source(query="bundle.agreements", stage=4, fields=("type", "status")),
    "micro_experiment": Source(
        query="bundle.agreements", stage=4, fields=("status",), only={"type": "MICRO_EXPERIMENT"}
    ),
}  # fmt: skip
"""All but the conversation (`thread.conversation`) and the library (`library.near`)."""


async def fetch(
    tools: Tools,
    actor: Actor,
    plan: Plan,
    *,
    gates: Mapping[str, bool],
    said: Sequence[DbRow] = (),
) -> Assembled:
    """The bundle of one call for `actor` (role ``ai``): `plan` and `said`, its conversation.

    What the plan's planner asked for in vain is noted for the audit log. Raises StoreUnavailable.
    """
    for rejected in plan.rejected:
        tools.noted("retrieval.rejected", rejected.reason.upper(), msgspec.to_builtins(rejected))
    asked = [query for query in plan.queries if query.name in SOURCES]
    names, *found = await asyncio.gather(
        people(tools.reads, actor), *(_items(tools, actor, query, plan.stage) for query in asked)
    )
    rows = [*said, *(item for items in found for item in items)]
    for query in plan.queries:
        if query.name == library.TYPE:
            common = [row["fields"]["need"] for row in rows if row["type"] == "common_ground"]
            words = getattr(query, "words", None)
            rows += await library.near(tools, actor, [words] if words else common, query.limit)
    frame = Frame(
        user_id=actor.id,
        session_id=actor.session_id,
        user_name=names.own,
        partner_name=names.partner,
        gates=gates,
    )
    return assemble(plan.stage, plan.intent, rows, frame)


async def _items(tools: Tools, actor: Actor, query: Query, stage: int) -> list[dict[str, Any]]:
    row, source = ROWS[query.name], SOURCES[query.name]
    args: dict[str, Any] = {**source.args.get(stage, {})}
    if source.limited:
        args["limit"] = query.limit
    if query.way is Way.VECTOR:
        args["ids"] = await _hits(tools, actor, query, stage)
    found = await tools.reads.read(actor, source.query, args)
    return [
        _item(row, source, one, stage)
        for one in found
        if all(one[name] == value for name, value in source.only.items())
    ]


async def _hits(tools: Tools, actor: Actor, query: Query, stage: int) -> list[str]:
    """Ids of what is nearest to the words: candidates, nothing more."""
    source = SOURCES[query.name]
    assert source.near is not None, f"{query.name} can be searched"
    (vector,) = await tools.embedder.embed([str(getattr(query, "words", ""))])
    args = {
        **source.args.get(stage, {}),
        "vector": str(list(vector)),
        "model": tools.embedder.model,
        "limit": query.limit,
    }
    return [row["id"] for row in await tools.reads.read(actor, source.near, args)]


def _item(row: Row, source: Source, found: DbRow, stage: int) -> dict[str, Any]:
    item = {
        "type": row.query,
        "source": row.source,
        "id": found["id"],
        "consent": row.consent if not source.revocable or found["active"] else "revoked",
        "created_at": found["createdAt"],
        "stage": found.get("stage", min(source.stage, stage)),
        "text": found.get("text") or "",
        "fields": {name: found[name] for name in source.fields},
    }
    if row.vessel is Vessel.USER:
        item |= {"owner": found.get("owner"), "session": found.get("session")}
    return item
