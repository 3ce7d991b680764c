"""Refs and reads become what the receiver may see at that moment, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import pytest

from beheard_hub.domain.kernel import Json, Read, Ref
from beheard_hub.domain.mediation.state import Seat, State
from beheard_hub.domain.paging import page_args
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.mediation_views import rendered_kinds
from beheard_hub.persistence.refs import filled, refs_in
from beheard_hub.persistence.renderer import PostgresRenderer, kinds
from beheard_hub.persistence.stores import PostgresAccounts, PostgresReadStore
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


class Embedder:
    """Everything means the same."""

    model = "m"

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return [[1.0] + [0.0] * 1535 for _ in texts]


class View:
    """A state that knows the summary of its session; B looks."""

    state = State(SESSION, a=Seat(A, "vessel-user-a"), b=Seat(B, "vessel-user-b"))
    names: Mapping[str, str | None] = {}

    def shape(self, ref: Ref) -> Mapping[str, Json] | None:
        return {"id": ref.id, "isMyTurn": True} if ref.kind == "session" else None


@pytest.fixture(scope="module")
def renderer(db: Database) -> PostgresRenderer:
    store, accounts = PostgresReadStore(db), PostgresAccounts(db)
    return PostgresRenderer(store, accounts, Embedder(), rendered_kinds(summaries))


async def ask(
    renderer: PostgresRenderer, user: str, session: str, query: str, /, **args: Json
) -> Mapping[str, Json]:
    page = page_args(args.pop("cursor", None), args.pop("limit", 50))
    assert page is not None
    read = Read(query, {**page, **args})
    kind = "mediation" if session else "directory"
    said = await renderer.read(kind, None, user, session, read)
    assert not isinstance(said, Refusal)
    return said


async def show(renderer: PostgresRenderer, user: str, data: Json, view: View | None = None) -> Json:
    return await renderer.render("mediation", view, user, SESSION, data)


def test_every_kind_of_the_architecture_has_a_query() -> None:
    assert kinds() >= ARCHITECTURE


async def test_refs_show_the_own_and_nothing_of_the_other(renderer: PostgresRenderer) -> None:
    mine, theirs = Ref("message", f"message-{A}-0"), Ref("message", f"message-{B}-0")
    draft, gone = Ref("draft", f"draft-{A}"), Ref("event", "erased")
    data = {"mine": mine, "theirs": theirs, "list": [draft, gone, theirs], "count": 2}
    shown = await show(renderer, A, data)
    assert shown["mine"]["content"] == f"private of {A} 0"
    assert shown["theirs"] is None
    assert [one["id"] for one in shown["list"]] == [f"draft-{A}"]
    assert shown["count"] == 2


async def test_what_was_taken_back_is_not_replayed(
    renderer: PostgresRenderer, owner: asyncpg.Connection
) -> None:
    stored = {"$": "ref", "kind": "consented_content", "id": f"content-need-{B}"}
    assert (await show(renderer, A, {"content": stored}))["content"] is not None
    revoke = 'UPDATE "ConsentRecord" SET decision = $1, "revokedAt" = $2 WHERE id = $3'
    await owner.execute(revoke, "REVOKED", scene.at(9), f"consent-need-{B}")
    assert (await show(renderer, A, {"content": stored}))["content"] is None
    assert (await show(renderer, B, {"content": stored}))["content"]["consentActive"] is False


async def test_what_the_state_knows_is_not_read(renderer: PostgresRenderer) -> None:
    data = {"session": Ref("session", SESSION), "message": Ref("message", f"message-{A}-0")}
    shown = await show(renderer, A, data, View())
    assert shown["session"] == {"id": SESSION, "isMyTurn": True}
    assert shown["message"]["emotionalReading"]["intensity"] == 8
    listed = await show(renderer, A, [Ref("session", "old-1"), Ref("session", "none")])
    assert [one["id"] for one in listed] == ["old-1", "none"]


async def test_mine_and_the_partners_side_do_not_depend_on_where_the_seat_is_known_from(
    renderer: PostgresRenderer,
) -> None:
    data = {"ground": Ref("common_ground", "ground"), "agreement": Ref("agreement", "agreement")}
    for view in (None, View()):
        for user, mine in ((A, True), (B, False)):
            shown = await show(renderer, user, data, view)
            assert shown["ground"]["confirmedByMe"] is mine
            assert shown["ground"]["confirmedByPartner"] is not mine
            assert shown["agreement"]["agreedByMe"] is not mine


async def test_the_shared_vessel_opens_at_stage_two(
    renderer: PostgresRenderer, owner: asyncpg.Connection
) -> None:
    data = {"attempt": Ref("attempt", f"attempt-{B}")}
    assert (await show(renderer, A, data))["attempt"] is not None
    await owner.execute('DELETE FROM "StageProgress" WHERE "userId" = $1 AND stage > 1', A)
    try:
        assert (await show(renderer, A, data))["attempt"] is None
    finally:
        for stage in (2, 3, 4):
            await scene.insert(
                owner, "StageProgress", id=f"again-{stage}", sessionId=SESSION, userId=A,
                stage=stage, status="IN_PROGRESS",
            )  # fmt: skip


async def test_pages_of_a_thread(renderer: PostgresRenderer) -> None:
    first = await ask(renderer, A, SESSION, "message.list", limit=3)
    assert [m["id"] for m in first["messages"]] == [f"message-{A}-{n}" for n in (4, 3, 2)]
    assert first["hasMore"] is True
    second = await ask(renderer, A, SESSION, "message.list", limit=3, cursor=first["cursor"])
    assert [m["id"] for m in second["messages"]] == [f"message-{A}-{n}" for n in (1, 0)]
    assert (second["hasMore"], second["cursor"]) == (False, None)


async def test_emotions_come_with_trend_and_average(renderer: PostgresRenderer) -> None:
    said = await ask(renderer, A, SESSION, "emotions.list")
    assert [reading["intensity"] for reading in said["readings"]] == [5, 8]
    assert said["trend"] == {"direction": "DECREASING", "changeFromStart": -3}
    assert said["averageIntensity"] == 6.5
    nothing = await ask(renderer, A, "old-0", "emotions.list")
    assert nothing["trend"] == {"direction": "STABLE", "changeFromStart": 0}
    assert nothing["averageIntensity"] is None


async def test_what_is_shared_is_sorted_into_mine_and_the_partners(
    renderer: PostgresRenderer,
) -> None:
    said = await ask(renderer, B, SESSION, "shared.list")
    assert {row["sourceUserId"] for row in said["mine"]} == {B}
    assert {row["sourceUserId"] for row in said["partner"]} == {A}


async def test_pages_of_sessions_and_the_derived_status(renderer: PostgresRenderer) -> None:
    async def ids(**args: Any) -> tuple[list[str], Json]:
        said = await ask(renderer, A, "", "session.list", **args)
        return [row["id"] for row in said["sessions"]], said["cursor"]

    found, cursor = await ids(limit=2)
    assert found == [SESSION, "old-0"]
    found, cursor = await ids(limit=2, cursor=cursor)
    assert found == ["old-1", "old-2"]
    assert await ids(limit=2, cursor=cursor) == (["old-3"], None)
    assert await ids(status="ACTIVE", shown="WAITING") == ([SESSION], None)
    assert await ids(status="ACTIVE", shown="ACTIVE") == ([], None)
    assert (await ids(status="RESOLVED"))[0] == [f"old-{n}" for n in range(4)]
    said = await ask(renderer, "user-c", "", "session.list")
    assert said == {"sessions": [], "cursor": None, "hasMore": False}


async def test_the_other_lists_have_their_plural(renderer: PostgresRenderer) -> None:
    for query, field in (
        ("event.list", "events"),
        ("boundary.list", "boundaries"),
        ("document.list", "documents"),
        ("consent.pending", "pendingRequests"),
        ("consent.history", "records"),
        ("agreement.list", "agreements"),
        ("common_ground.list", "commonGround"),
        ("strategies.list", "strategies"),
    ):
        assert (await ask(renderer, A, SESSION, query))[field], query


async def test_an_invitation_for_everybody(
    renderer: PostgresRenderer, owner: asyncpg.Connection
) -> None:
    said = await ask(renderer, "", "", "invitation.get", invitation_id="invitation")
    assert said["invitation"]["status"] == "ACCEPTED"
    assert said["invitation"]["invitedBy"] == {"name": "Ada"}
    await scene.insert(
        owner, "Invitation", id="late", sessionId="old-0", invitedById=A, expiresAt=scene.at(0)
    )
    said = await ask(renderer, "", "", "invitation.get", invitation_id="late")
    assert said["invitation"]["status"] == "EXPIRED"
    read = Read("invitation.get", {"invitation_id": "none"})
    missing = await renderer.read("directory", None, "", "", read)
    assert isinstance(missing, Refusal)
    assert missing.code is Code.NOT_FOUND


async def test_recall_looks_only_where_it_was_told(renderer: PostgresRenderer) -> None:
    async def moments(*kinds: str) -> list[Mapping[str, Json]]:
        asked = {"query": "q", "kinds": list(kinds), "limit": 3}
        found: list[Mapping[str, Json]] = (
            await ask(renderer, A, SESSION, "recall.search", **asked)
        )["moments"]
        return found

    assert await moments() == []
    found = await moments("user_event", "emotional_reading")
    assert len(found) == 4
    assert found[0]["similarity"] == pytest.approx(1.0)
    assert {"id", "type", "text", "stage", "timestamp", "similarity"} == set(found[0])
    assert B not in repr(found)


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
