"""Retrieval: what a prompt is built from (spec 4.3).

The order of one turn: stage and thread (`thread`) → memory intent (`ai.memory_intent`) → plan
(`plan`, once) → fetch as role ``ai`` (`fetch`) → assemble (`ai.bundles`). The rules are one table,
`domain.mediation.contract`.
"""

from beheard_hub.reactions.retrieval.fetch import SOURCES, Source, fetch
from beheard_hub.reactions.retrieval.plan import Plan, Rejected, checked, made
from beheard_hub.reactions.retrieval.queries import Query, typed
from beheard_hub.reactions.retrieval.thread import (
    closed,
    conversation,
    people,
    shared_ids,
    stage_of,
    told,
    unanswered,
)

__all__ = [
    "SOURCES",
    "Plan",
    "Query",
    "Rejected",
    "Source",
    "checked",
    "closed",
    "conversation",
    "fetch",
    "made",
    "people",
    "shared_ids",
    "stage_of",
    "told",
    "typed",
    "unanswered",
]
