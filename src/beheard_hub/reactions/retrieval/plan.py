"""A retrieval plan: made once a turn, before anything is fetched (spec 4.3).

Memory intent comes first; under ``avoid_recall`` nobody is asked and nothing is planned. Otherwise
a plan is the stage's standing bundle and what a planner asks for besides. A planner is not trusted:
each of its words must fit a type (`queries`) and an open cell of the contract, or it is rejected,
named for the audit log without a word of its text, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from beheard_hub.ai.memory_intent import Intent
from beheard_hub.domain.mediation.contract import ROWS, STAGES, TABLE, Row, Way, allows
from beheard_hub.facilitation import FacilitatorFailed, PlanRequest
from beheard_hub.reactions.retrieval.queries import Query, typed
from beheard_hub.reactions.tools import Tools

QUERIES_MAX = 16
"""Of one planner; what is beyond is rejected."""

RULES: Mapping[int, tuple[str, ...]] = {
    0: (),
    1: ("user_event", "boundary", "clarification"),
    2: ("user_event", "boundary", "clarification", "need"),
    3: ("clarification",),
    4: (),
}
"""What the planner by rules asks for beside the standing bundle; a model may be put in its place
(`Tools.planner`)."""


class Rejected(msgspec.Struct, frozen=True):
    """What a planner asked for in vain: for the audit log; no text."""

    query: str
    """Name of a row of the contract, or empty where it named none."""
    source: str
    """A way of the contract, or empty."""
    reason: str
    """``type``, ``contract``, ``count``, ``intent``; ``planner`` where none could be asked."""


class Plan(msgspec.Struct, frozen=True):
    """What will be fetched, and what will not."""

    stage: int
    intent: Intent
    queries: tuple[Query, ...] = ()
    rejected: tuple[Rejected, ...] = ()


def checked(stage: int, intent: Intent, wanted: Sequence[Any], *, standing: bool = True) -> Plan:
    """A plan from a planner's words (structs, or what JSON decodes to) and, with `standing`, what
    the stage's bundle always holds."""
    queries: list[Query] = []
    rejected: list[Rejected] = []
    recalls = intent is not Intent.AVOID_RECALL
    for number, words in enumerate(wanted):
        query = words if isinstance(words, Query) else typed(words)
        reason = _reason(query, number, stage, recalls)
        if query is None or reason is not None:
            rejected.append(Rejected(*_named(words, query), reason or "type"))
        else:
            queries.append(query)
    always = [_standing(row, stage) for row in TABLE if standing and _stands(row, stage, recalls)]
    asked = {(query.name, query.way) for query in queries}
    kept = [query for query in always if (query.name, query.way) not in asked]
    return Plan(stage, intent, (*kept, *queries), tuple(rejected))


async def made(tools: Tools, request: PlanRequest) -> Plan:
    """The plan of one turn. A planner that cannot be asked costs what it would have asked for."""
    stage, intent = request.stage, Intent(request.intent)
    if intent is Intent.AVOID_RECALL:
        return checked(stage, intent, ())
    if tools.planner is None:
        return checked(stage, intent, by_rules(request))
    try:
        wanted = await tools.planner(request)
    except (FacilitatorFailed, TimeoutError):
        plan = checked(stage, intent, ())
        return msgspec.structs.replace(plan, rejected=(Rejected("", "", "planner"),))
    return checked(stage, intent, wanted)


def by_rules(request: PlanRequest) -> Sequence[Mapping[str, Any]]:
    """The planner without a model."""
    return [{"query": name} for name in RULES[request.stage]]


def _reason(query: Query | None, number: int, stage: int, recalls: bool) -> str | None:
    if number >= QUERIES_MAX:
        return "count"
    if query is None:
        return "type"
    if not allows(query.name, query.way, stage):
        return "contract"
    return None if recalls or ROWS[query.name].kept else "intent"


def _named(words: Any, query: Query | None) -> tuple[str, str]:
    """Name and way as far as they are ours: a planner's own words stay out of the log."""
    if query is not None:
        return query.name, query.way
    given = words if isinstance(words, Mapping) else {}
    name, way = given.get("query"), given.get("source")
    known = isinstance(name, str) and name in ROWS
    return str(name) if known else "", str(way) if way in list(Way) else ""


def _stands(row: Row, stage: int, recalls: bool) -> bool:
    assert stage in STAGES, "there are five stages"
    return stage in row.bundled and (recalls or row.kept)


def _standing(row: Row, stage: int) -> Query:
    """The query that a bundle always makes: by structure where that is open."""
    [*ways] = [way for way in row.ways if stage in row.ways[way]]
    query = typed({"query": row.query, "source": ways[0], "limit": row.count_max})
    assert query is not None, f"{row.query} has a typed query"
    return query
