"""Refs and reads become what the receiver may see at that moment, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import pytest

from beheard_hub.domain.kernel import Json, Read, Ref
from beheard_hub.domain.limits import PAGE_BYTES_MAX
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.persistence import paging
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.renderer import PostgresRenderer, Viewer, filled, kinds, refs_in
from beheard_hub.persistence.stores import PostgresReadStore
from tests.conftest import TestDatabase
from tests.integration.persistence import scene
from tests.integration.persistence.scene import SESSION, A, B

ARCHITECTURE = {
    "session_detail", "invitation", "message", "reading", "event", "boundary", "document", "draft",
    "attempt", "need", "common_ground", "strategy", "agreement", "consent_request",
    "consent_record", "consented_content", "validation",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
async def played(database: TestDatabase) -> None:
    connection = await asyncpg.connect(database.owner_url)
    await scene.play(connection)
    for n in range(4):
        await scene.insert(
            connection, "Session", id=f"old-{n}", relationshipId="rel", createdById=A,
            status="RESOLVED", createdAt=scene.at(-n - 1),
        )  # fmt: skip
        await scene.insert(
            connection, "UserVessel", id=f"vessel-old-{n}", userId=A, sessionId=f"old-{n}"
        )
    await connection.close()


async def summaries(_user: str, ids: Sequence[str]) -> Mapping[str, Json]:
    """As the states would say: the one that is open waits for the partner."""
    shown = {True: "WAITING", False: "RESOLVED"}
    return {name: {"id": name, "status": shown[name == SESSION]} for name in ids}


@pytest.fixture(scope="module")
def renderer(db: Database) -> PostgresRenderer:
    def as_it_is(row: Mapping[str, Any], viewer: str) -> Mapping[str, Json]:
        return {**row, "viewer": viewer}

    shapes = dict.fromkeys([*kinds(), "notification"], as_it_is)
    return PostgresRenderer(PostgresReadStore(db), shapes, summaries)


def test_every_kind_of_the_architecture_has_a_query() -> None:
    assert kinds() >= ARCHITECTURE


async def test_refs_show_the_own_and_nothing_of_the_other(renderer: PostgresRenderer) -> None:
    mine, theirs = Ref("message", f"message-{A}-0"), Ref("message", f"message-{B}-0")
    draft, gone = Ref("draft", f"draft-{A}"), Ref("event", "erased")
    found = await renderer.refs(Viewer(A, SESSION, 4), [mine, theirs, draft, gone, mine])
    assert found[mine]["content"] == f"private of {A} 0"
    assert found[mine]["viewer"] == A
    assert found[draft]["content"] == f"private of {A}"
    assert found[theirs] is None
    assert found[gone] is None


async def test_a_stage_that_is_not_given_is_looked_up(
    renderer: PostgresRenderer, owner: asyncpg.Connection
) -> None:
    ref = Ref("attempt", f"attempt-{B}")
    assert (await renderer.refs(Viewer(A, SESSION), [ref]))[ref] is not None
    assert (await renderer.refs(Viewer(A, SESSION, 1), [ref]))[ref] is None


async def test_pages_of_a_thread(renderer: PostgresRenderer) -> None:
    viewer = Viewer(A, SESSION, 4)
    first = await renderer.read(viewer, Read("message.list", {"limit": 3}))
    assert not isinstance(first, Refusal)
    assert [m["id"] for m in first["messages"]] == [f"message-{A}-{n}" for n in (4, 3, 2)]
    assert first["hasMore"] is True
    more = {"limit": 3, "cursor": first["cursor"]}
    second = await renderer.read(viewer, Read("message.list", more))
    assert not isinstance(second, Refusal)
    assert [m["id"] for m in second["messages"]] == [f"message-{A}-{n}" for n in (1, 0)]
    assert (second["hasMore"], second["cursor"]) == (False, None)


@pytest.mark.parametrize("cursor", ["x", "....", "bm90IGpzb24", "W10", "é", "WyIyMDI0IiwxXQ"])
async def test_a_cursor_that_is_not_ours_is_refused(
    renderer: PostgresRenderer, cursor: str
) -> None:
    said = await renderer.read(Viewer(A, SESSION, 4), Read("message.list", {"cursor": cursor}))
    assert isinstance(said, Refusal)
    assert said.code is Code.VALIDATION_ERROR


async def test_emotions_come_with_trend_and_average(renderer: PostgresRenderer) -> None:
    said = await renderer.read(Viewer(A, SESSION, 4), Read("emotions.list"))
    assert not isinstance(said, Refusal)
    assert [reading["intensity"] for reading in said["readings"]] == [5, 8]
    assert said["trend"] == {"direction": "DECREASING", "changeFromStart": -3}
    assert said["averageIntensity"] == 6.5
    nothing = await renderer.read(Viewer(A, "old-0", 0), Read("emotions.list"))
    assert not isinstance(nothing, Refusal)
    assert nothing["trend"] == {"direction": "STABLE", "changeFromStart": 0}
    assert nothing["averageIntensity"] is None


async def test_what_is_shared_is_sorted_into_mine_and_the_partners(
    renderer: PostgresRenderer,
) -> None:
    said = await renderer.read(Viewer(B, SESSION, 4), Read("shared.list"))
    assert not isinstance(said, Refusal)
    assert {row["sourceUserId"] for row in said["mine"]} == {B}
    assert {row["sourceUserId"] for row in said["partner"]} == {A}


async def test_pages_of_sessions_and_the_derived_status(renderer: PostgresRenderer) -> None:
    async def ids(**args: Any) -> tuple[list[str], Json]:
        said = await renderer.read(Viewer(A), Read("session.list", args))
        assert not isinstance(said, Refusal)
        return [row["id"] for row in said["sessions"]], said["cursor"]

    found, cursor = await ids(limit=2)
    assert found == [SESSION, "old-0"]
    found, cursor = await ids(limit=2, cursor=cursor)
    assert found == ["old-1", "old-2"]
    assert await ids(limit=2, cursor=cursor) == (["old-3"], None)
    assert await ids(status="WAITING") == ([SESSION], None)
    assert await ids(status="ACTIVE") == ([], None)
    assert (await ids(status="RESOLVED"))[0] == [f"old-{n}" for n in range(4)]
    said = await renderer.read(Viewer("user-c"), Read("session.list"))
    assert said == {"sessions": [], "cursor": None, "hasMore": False}


async def test_the_other_lists_have_their_plural(renderer: PostgresRenderer) -> None:
    for query, field in (
        ("event.list", "events"),
        ("boundary.list", "boundaries"),
        ("document.list", "documents"),
        ("consent.pending", "pendingRequests"),
        ("consent.history", "records"),
        ("agreement.list", "agreements"),
        ("notifications.unread", "notifications"),
    ):
        said = await renderer.read(Viewer(A, SESSION, 4), Read(query))
        assert not isinstance(said, Refusal)
        assert said[field], query


def test_refs_are_found_and_filled_wherever_they_stand() -> None:
    one, two = Ref("message", "1"), Ref("need", "2")
    stored = {"$": "ref", "kind": "need", "id": "2"}
    value = {"a": one, "b": [two, {"c": stored}, 3], "d": (one,), "e": None}
    assert refs_in(value) == [one, two, two, one]
    assert filled(value, {one: {"x": 1}, two: None}) == {
        "a": {"x": 1},
        "b": [{"c": None}, 3],
        "d": [{"x": 1}],
        "e": None,
    }


def test_a_page_ends_before_it_is_too_large() -> None:
    rows = [{"content": "é" * 10_000} for _ in range(100)]
    count = paging.fitting(rows, 100)
    assert 10 <= count < 100
    assert sum(len(row["content"].encode()) for row in rows[:count]) < PAGE_BYTES_MAX
    assert paging.fitting([{"content": "x" * PAGE_BYTES_MAX}], 5) == 1
    assert paging.fitting([], 5) == 0
