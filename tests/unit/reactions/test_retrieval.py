"""Plans and fetches: every cell of the contract's table, and only what a plan names is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from beheard_hub.ai.memory_intent import Intent
from beheard_hub.domain.mediation.contract import ROWS, TABLE, Row, Vessel, Way, allows
from beheard_hub.facilitation import FacilitatorFailed, PlanRequest
from beheard_hub.metering import Bill
from beheard_hub.persistence import sql
from beheard_hub.reactions import library, retrieval
from beheard_hub.reactions.recording import Trail
from beheard_hub.reactions.retrieval import queries
from beheard_hub.reactions.retrieval.plan import QUERIES_MAX, Plan, by_rules
from beheard_hub.reactions.tools import Tools, as_ai
from tests.unit.reactions.fakes import ANA, SAM, SESSION, World, at, in_stage

STAGES = range(5)
CELLS = [(row, way, stage) for row in TABLE for way in Way for stage in STAGES]
BUNDLES: dict[int, set[str]] = {
    0: {"session", "relationship", "outcomes"},
    1: {"readings", "prior_themes"},
    2: {"readings", "prior_themes", "contents", "draft"},
    3: {"needs", "contents", "common_ground"},
    4: {"common_ground", "strategies", "rankings", "agreements", "library_any"},
}
"""Spec 4.3, "Bundles per stage", beside the own messages."""


def words(row: Row, way: Way) -> dict[str, Any]:
    """A planner's words for one cell."""
    asked: dict[str, Any] = {"query": row.query, "source": str(way)}
    return asked | ({"words": "a quiet evening"} if way is Way.VECTOR else {})


def plan(stage: int, *wanted: Any, intent: Intent = Intent.OFFER_CONTINUITY) -> Plan:
    return retrieval.checked(stage, intent, wanted, standing=False)


async def fetched(world: World, made: Plan) -> Any:
    return await retrieval.fetch(world.tools, as_ai(SESSION, ANA, made.stage), made, gates={})


def asked(world: World) -> set[str]:
    return {query.removeprefix("bundle.") for query in world.reads.queries()} - {"people"}


# ---- the table, cell by cell


@pytest.mark.parametrize(("row", "way", "stage"), CELLS, ids=lambda v: getattr(v, "query", str(v)))
async def test_every_cell_is_open_or_rejected_and_audited(row: Row, way: Way, stage: int) -> None:
    made = plan(stage, words(row, way))
    world, trail = World(), Trail(Bill("", ""))
    tools = world.tools.__class__(**{**_fields(world.tools), "noted": trail.note})
    await retrieval.fetch(tools, as_ai(SESSION, ANA, stage), made, gates={})
    if allows(row.query, way, stage):
        assert [(query.name, query.way) for query in made.queries] == [(row.query, way)]
        assert trail.entries == []
        assert asked(world) or row.query == "message"
    else:
        assert made.queries == ()
        [(action, outcome, target)] = trail.entries
        assert (action, target["query"]) == ("retrieval.rejected", row.query)
        assert outcome in ("CONTRACT", "TYPE")
        assert asked(world) == set(), "what is rejected is never read"
        assert "quiet" not in repr(trail.entries)


def _fields(tools: Tools) -> dict[str, Any]:
    return {name: getattr(tools, name) for name in tools.__struct_fields__}


@pytest.mark.parametrize("stage", STAGES)
async def test_each_bundle_is_that_of_the_spec(stage: int) -> None:
    world = World()
    await fetched(world, retrieval.checked(stage, Intent.OFFER_CONTINUITY, ()))
    assert asked(world) == BUNDLES[stage]


@pytest.mark.parametrize("stage", STAGES)
async def test_nothing_is_recalled_where_nothing_may_be(stage: int) -> None:
    everything = [words(row, way) for row in TABLE for way in row.ways]
    made = retrieval.checked(stage, Intent.AVOID_RECALL, everything)
    world = World()
    await fetched(world, made)
    assert asked(world) == set()
    assert {query.name for query in made.queries} <= {"message"}
    assert {r.reason for r in made.rejected} <= {"intent", "contract", "count"}


def test_the_table_reads_as_the_spec_says() -> None:
    def in_stage(stage: int, vessel: Vessel, way: Way | None = None) -> set[str]:
        return {
            row.query
            for row in TABLE
            if row.vessel is vessel
            and any(stage in row.ways[w] for w in row.ways if way in (None, w))
        }

    for stage in (0, 1):
        assert in_stage(stage, Vessel.SHARED) == set(), "no shared vessel before stage 2"
    assert in_stage(4, Vessel.USER) == {"message"}, "no user vessel in stage 4"
    assert in_stage(0, Vessel.USER) == set()
    by_vector = {row.query for row in TABLE if 3 in row.ways.get(Way.VECTOR, frozenset())}
    assert by_vector == {"need"}, "stage 3: vectors over needs only"
    assert {row.query for row in TABLE if 4 in row.ways.get(Way.VECTOR, frozenset())} == {
        "experiment_suggestion"
    }, "stage 4: decisions from structured rows only"


# ---- words of a planner


@pytest.mark.parametrize(
    "wanted",
    [
        {"query": "user_event", "vessel": "shared"},
        {"query": "consented_content", "vessel": "user"},
        {"query": "user_event", "userId": SAM},
        {"query": "user_event", "limit": 0},
        {"query": "user_event", "limit": 10_000},
        {"query": "user_event", "limit": "5"},
        {"query": "user_event", "source": "vector"},
        {"query": "user_event", "words": "without a vector"},
        {"query": "user_event", "source": "vector", "words": ""},
        {"query": "user_event", "source": "vector", "words": "x" * 1_001},
        {"query": "agreement", "source": "vector", "words": "x"},
        {"query": "partner_vessel"},
        {"query": None},
        {},
        [],
        None,
        "user_event",
        b"\xff",
    ],
)
def test_what_does_not_fit_the_type_is_rejected_and_the_rest_goes_on(wanted: Any) -> None:
    made = plan(2, {"query": "need"}, wanted, {"query": "boundary"})
    assert [query.name for query in made.queries] == ["need", "boundary"]
    assert [rejected.reason for rejected in made.rejected] == ["type"]
    assert all(r.query in ROWS or r.query == "" for r in made.rejected)


def test_a_plan_is_bounded() -> None:
    made = plan(2, *[{"query": "need"}] * (QUERIES_MAX + 2))
    assert len(made.queries) == QUERIES_MAX
    assert [r.reason for r in made.rejected] == ["count", "count"]


@pytest.mark.parametrize("failure", [FacilitatorFailed("away"), TimeoutError()])
async def test_a_planner_that_fails_costs_only_its_own_wishes(failure: Exception) -> None:
    async def planner(request: PlanRequest) -> list[Any]:
        raise failure

    world = World()
    tools = world.tools.__class__(**{**_fields(world.tools), "planner": planner})
    request = PlanRequest(stage=2, intent="offer_continuity", words="hello")
    made = await retrieval.made(tools, request)
    assert made.queries == retrieval.checked(2, Intent.OFFER_CONTINUITY, ()).queries
    assert [r.reason for r in made.rejected] == ["planner"]


@pytest.mark.parametrize("stage", STAGES)
def test_the_planner_by_rules_asks_only_what_it_may(stage: int) -> None:
    request = PlanRequest(stage=stage, intent="offer_continuity", words="hello")
    made = retrieval.checked(stage, Intent.OFFER_CONTINUITY, by_rules(request))
    assert made.rejected == ()


def test_every_query_of_the_table_has_its_type_and_its_source() -> None:
    tags = {kind.__struct_config__.tag for kind in queries.AnyQuery.__args__}
    assert tags == set(ROWS)
    assert set(retrieval.SOURCES) | {"message", library.TYPE} == set(ROWS)
    for name, source in retrieval.SOURCES.items():
        searched = Way.VECTOR in ROWS[name].ways
        assert (source.near is not None) == searched, name


@pytest.mark.parametrize("name", retrieval.SOURCES)
def test_sources_ask_only_what_their_statement_knows(name: str) -> None:
    source = retrieval.SOURCES[name]
    query = sql.queries()[source.query]
    wanted = {key for args in source.args.values() for key in args}
    wanted |= {"limit"} if source.limited else set()
    wanted |= {"ids"} if source.near is not None else set()
    assert wanted <= set(query.args)
    more = {"active"} if source.revocable else set()
    more |= {"owner", "session"} if ROWS[name].vessel is Vessel.USER else set()
    for column in (*source.fields, *source.only, *more):
        assert re.search(rf'("{column}"|[.]{column}|AS {column})', query.text), column


# ---- items


EVENT = {
    "text": "t", "attributedTo": "OTHER", "emotions": [], "createdAt": at(1), "owner": ANA,
    "session": SESSION,
}  # fmt: skip


async def test_a_vector_hit_passes_the_same_checks_again() -> None:
    read: list[Mapping[str, Any]] = []

    def events(args: Mapping[str, Any]) -> list[dict[str, Any]]:
        read.append(args)
        return [{**EVENT, "id": "e1"}, {**EVENT, "id": "e2", "owner": SAM}]

    world = World(bundle__near_events=[{"id": "e1"}, {"id": "e2"}], bundle__events=events)
    made = await fetched(world, plan(1, words(ROWS["user_event"], Way.VECTOR)))
    assert [args["ids"] for args in read] == [["e1", "e2"]]
    assert [item.id for item in made.bundle.items] == ["e1"]
    assert [(r.id, r.reason) for r in made.refused] == [("e2", "owner")]


async def test_what_comes_twice_is_there_once() -> None:
    world = World(bundle__near_events=[{"id": "e1"}], bundle__events=[{**EVENT, "id": "e1"}])
    both = plan(1, {"query": "user_event"}, words(ROWS["user_event"], Way.VECTOR))
    made = await fetched(world, both)
    assert [item.id for item in made.bundle.items] == ["e1"]


async def test_rankings_are_told_apart() -> None:
    row = {"round": 1, "rankedIds": ["i1"], "createdAt": at(1)}
    rows = [
        {**row, "id": "own", "mine": True, "seen": "own"},
        {**row, "id": "his", "mine": False, "seen": "both"},
        {**row, "id": "early", "mine": False, "seen": "one"},
    ]
    made = await fetched(World(bundle__rankings=rows), plan(4, {"query": "ranking"}))
    assert {item.id for item in made.bundle.items} == {"own", "his"}
    assert [(r.id, r.reason) for r in made.refused] == [("early", "field")]


async def test_only_needs_of_the_partner_in_stage_three() -> None:
    def content(kind: str) -> dict[str, Any]:
        return {
            "id": kind, "contentType": kind, "mine": False, "text": "t", "createdAt": at(1),
            "active": True,
        }  # fmt: skip

    wanted: list[Any] = []

    def contents(args: Mapping[str, Any]) -> list[dict[str, Any]]:
        wanted.append(args.get("types"))
        return [content("EVENT_SUMMARY"), content("IDENTIFIED_NEED")]

    for stage, expected in ((2, {"EVENT_SUMMARY", "IDENTIFIED_NEED"}), (3, {"IDENTIFIED_NEED"})):
        world = World(bundle__contents=contents)
        made = await fetched(world, plan(stage, {"query": "consented_content"}))
        assert {item.id for item in made.bundle.items} == expected
    assert wanted == [None, ["IDENTIFIED_NEED"]]


async def test_content_whose_consent_is_over_is_refused_although_a_query_brought_it() -> None:
    row = {"id": "c1", "contentType": "EVENT_SUMMARY", "mine": False, "text": "t",
           "createdAt": at(1), "active": False}  # fmt: skip
    made = await fetched(World(bundle__contents=[row]), plan(2, {"query": "consented_content"}))
    assert made.bundle.items == []
    assert [r.reason for r in made.refused] == ["consent"]


async def test_needs_of_stage_one_are_those_of_earlier_sessions() -> None:
    need = {"need": "Rest", "category": "SAFETY", "confirmed": True, "source": "USER", "text": "t",
            "createdAt": at(1), "owner": ANA}  # fmt: skip
    rows = [{**need, "id": "now", "session": SESSION}, {**need, "id": "then", "session": "s0"}]
    for stage, expected in ((1, ["then"]), (2, ["now"]), (3, ["now"])):
        made = await fetched(World(bundle__needs=rows), plan(stage, {"query": "need"}))
        assert [item.id for item in made.bundle.items] == expected


async def test_the_library_is_searched_by_what_both_share() -> None:
    seen: list[Mapping[str, Any]] = []

    def near(args: Mapping[str, Any]) -> list[dict[str, Any]]:
        seen.append(args)
        return [{"id": "l1", "title": "T", "text": "t", "category": "c", "createdAt": at(1)}]

    ground = {"id": "g", "need": "Rest", "category": "SAFETY", "confirmed": True, "text": "t",
              "createdAt": at(1), "active": True}  # fmt: skip
    world = World(bundle__common_ground=[ground], bundle__library_near=near)
    made = await fetched(world, retrieval.checked(4, Intent.RECALL_COMMITMENT, ()))
    assert {item.type for item in made.bundle.items} == {"common_ground", "experiment_suggestion"}
    assert [(args["model"], args["limit"]) for args in seen] == [("fake", 5)]


async def test_the_stage_of_a_user_without_one_under_way_is_the_first() -> None:
    world = World(bundle__progress=[in_stage(4, "COMPLETED")])
    assert await retrieval.stage_of(world.reads, as_ai(SESSION, ANA, 0)) == (0, {})
