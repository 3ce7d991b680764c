"""Only what the contract of a stage names is asked for at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from beheard_hub.ai.bundles import CONTRACT
from beheard_hub.ai.memory_intent import Intent
from beheard_hub.persistence import sql
from beheard_hub.reactions import library, retrieval
from beheard_hub.reactions.tools import as_ai
from tests.unit.reactions.fakes import ANA, SESSION, World, at, in_stage

ASKED: dict[int, set[str]] = {
    0: {"session", "relationship", "outcomes"},
    1: {"session", "relationship", "readings", "events", "boundaries", "prior_themes",
        "clarifications", "needs"},
    2: {"session", "relationship", "readings", "events", "boundaries", "prior_themes",
        "clarifications", "needs", "draft", "contents"},
    3: {"session", "relationship", "clarifications", "needs", "contents", "common_ground"},
    4: {"session", "relationship", "common_ground", "strategies", "rankings", "agreements",
        "library_any"},
}  # fmt: skip


async def asked(stage: int, intent: Intent, **more: Any) -> set[str]:
    world = World()
    await retrieval.fetch(
        world.tools, as_ai(SESSION, ANA, stage), stage=stage, intent=intent, gates={}, **more
    )
    return {query.removeprefix("bundle.") for query in world.reads.queries()} - {"people"}


@pytest.mark.parametrize("stage", range(5))
async def test_each_stage_asks_for_its_own(stage: int) -> None:
    assert await asked(stage, Intent.OFFER_CONTINUITY) == ASKED[stage]


@pytest.mark.parametrize("stage", range(5))
async def test_nothing_is_recalled_where_nothing_may_be(stage: int) -> None:
    assert await asked(stage, Intent.AVOID_RECALL) == {"session"}


async def test_what_was_not_wanted_is_not_asked_for() -> None:
    assert await asked(2, Intent.OFFER_CONTINUITY, types=frozenset({"draft"})) == {"draft"}


def test_every_type_of_the_contract_has_its_query() -> None:
    offered = {(c.type, c.source) for c in retrieval.CANDIDATES}
    offered |= {("message", "user"), (library.TYPE, "global")}
    without_rows = {("micro_experiment", "shared")}  # an agreement like any other
    assert {(rule.type, rule.source) for rule in CONTRACT} - without_rows == offered


@pytest.mark.parametrize("candidate", retrieval.CANDIDATES, ids=lambda c: f"{c.type}-{c.source}")
def test_candidates_ask_only_what_their_query_knows(candidate: retrieval.Candidate) -> None:
    query = sql.queries()[candidate.query]
    assert candidate.args.keys() <= set(query.args)
    for column in (*candidate.fields, *candidate.only):
        assert re_column(column, query.text), column


def re_column(column: str, text: str) -> bool:
    return f'"{column}"' in text or f".{column}" in text or f"AS {column}" in text


async def test_rankings_are_told_apart() -> None:
    row = {"round": 1, "rankedIds": ["i1"], "createdAt": at(1), "bothSubmitted": True}
    world = World(
        bundle__rankings=[{**row, "id": "own", "mine": True}, {**row, "id": "his", "mine": False}]
    )
    made = await retrieval.fetch(
        world.tools, as_ai(SESSION, ANA, 4), stage=4, intent=Intent.RECALL_COMMITMENT, gates={}
    )
    assert {(i.id, i.source) for i in made.bundle.items} == {("own", "user"), ("his", "shared")}
    assert made.refused == []


async def test_only_needs_of_the_partner_in_stage_three() -> None:
    def content(kind: str) -> dict[str, Any]:
        return {"id": kind, "contentType": kind, "mine": False, "text": "t", "createdAt": at(1)}

    wanted: list[Any] = []

    def contents(args: Mapping[str, Any]) -> list[dict[str, Any]]:
        wanted.append(args.get("types"))
        return [content("EVENT_SUMMARY"), content("IDENTIFIED_NEED")]

    for stage, expected in ((2, {"EVENT_SUMMARY", "IDENTIFIED_NEED"}), (3, {"IDENTIFIED_NEED"})):
        world = World(bundle__contents=contents)
        made = await retrieval.fetch(
            world.tools, as_ai(SESSION, ANA, stage), stage=stage,
            intent=Intent.OFFER_CONTINUITY, gates={},
        )  # fmt: skip
        assert {item.id for item in made.bundle.items} == expected
    assert wanted == [None, ["IDENTIFIED_NEED"]]


async def test_the_stage_of_a_user_without_one_under_way_is_the_first() -> None:
    world = World(bundle__progress=[in_stage(4, "COMPLETED")])
    assert await retrieval.stage_of(world.reads, as_ai(SESSION, ANA, 0)) == (0, {})
