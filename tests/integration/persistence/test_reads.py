"""Every named query, on a session with one row of everything: each person gets their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from beheard_hub.persistence import sql
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.stores import PostgresAccounts, PostgresReadStore
from beheard_hub.ports import Actor
from tests.conftest import TestDatabase
from tests.integration.persistence import scene
from tests.integration.persistence.scene import SESSION, A, B

FOREIGN = {A: B, B: A}
SETUP = {
    "setup", "acting", "operations", "proof", "export", "embeddings", "erasure", "practice_setup",
    "practice_export",
}  # fmt: skip
OWN_KINDS = ("message", "reading", "event", "boundary", "document", "draft", "need")
LISTS = {
    "message.list": 5,
    "reading.list": 2,
    "event.list": 2,
    "boundary.list": 1,
    "document.list": 1,
    "draft.own": 1,
    "need.list": 1,
    "clarification.list": 1,
    "progress.own": 5,
    "notifications.unread": 1,
    "attempt.partner": 1,
    "attempt.own": 1,
    "common_ground.list": 1,
    "strategy.list": 4,
    "ranking.list": 2,
    "agreement.list": 1,
    "consent.pending": 1,
    "consent.history": 2,
    "shared.list": 4,
    "session.list": 1,
    "people": 2,
    "user.own": 1,
    "notifications.count": 1,
    "notifications.find": 1,
    "reading.summary": 1,
}


@pytest.fixture(scope="module", autouse=True)
async def played(database: TestDatabase) -> None:
    connection = await asyncpg.connect(database.owner_url)
    await scene.play(connection)
    await connection.close()


@pytest.fixture(scope="module")
def reads(db: Database) -> PostgresReadStore:
    return PostgresReadStore(db)


def person(user: str, stage: int = 4) -> Actor:
    return Actor(user, session_id=SESSION, stage=stage)


def facilitator(user: str, stage: int) -> Actor:
    return Actor(user, role="ai", session_id=SESSION, stage=stage)


def names_of(file: str) -> list[str]:
    return [query.name for query in sql._queries_of(sql.QUERIES / f"{file}.sql")]


RUN_TIME = [
    name
    for path in sorted(sql.QUERIES.glob("*.sql"))
    if path.stem not in SETUP and not path.stem.startswith("load_")
    for name in names_of(path.stem)
]


NUMBERED = {"by_id.practice_session", "by_id.practice_message", "by_id.practice_scenario"}
"""Queries whose ids are numbers, as text."""


@pytest.mark.parametrize("name", RUN_TIME)
@pytest.mark.parametrize("role", ["user", "ai"])
async def test_every_query_runs_and_shows_nothing_private_of_the_other(
    reads: PostgresReadStore, name: str, role: str
) -> None:
    query = sql.queries()[name]
    everything = {
        "ids": await every_id(reads),
        "limit": 100,
        "kinds": ["user_event", "emotional_reading", "need"],
        "vector": scene.VECTOR,
        "model": "m",
        "round": 1,
        "after": 0,
        "id": f"reading-{B}-1",
        "seed": "s",
        "partner_id": B,
        "command_id": "c-1",
    }
    if name in NUMBERED:
        everything["ids"] = ["1", "2"]
    args = {arg: everything[arg] for arg in query.args if arg in everything}
    for user in (A, B):
        for stage in (0, 1, 2, 4):
            actor = Actor(user, role="ai" if role == "ai" else "user", session_id=SESSION,
                          stage=stage)  # fmt: skip
            rows = await reads.read(actor, name, args)
            text = repr(rows)
            assert f"private of {FOREIGN[user]}" not in text
            assert f"preview of {FOREIGN[user]}" not in text
            assert f"consent of {FOREIGN[user]}" not in text
            assert "my Benny" not in text
            if user == B:
                assert "private feedback" not in text


async def every_id(reads: PostgresReadStore) -> list[str]:
    own = [f"{kind}-{user}-{n}" for kind in ("message", "reading", "event")
           for user in (A, B) for n in range(5)]  # fmt: skip
    single = ["boundary", "document", "draft", "need", "attempt", "pending", "consent-need",
              "content-need", "content-attempt", "consent-attempt"]  # fmt: skip
    rest = ["validation-a", "validation-b", "ground", "agreement", "idea-1", "invitation", SESSION]
    return own + [f"{kind}-{user}" for kind in single for user in (A, B)] + rest


@pytest.mark.parametrize(("name", "count"), LISTS.items())
async def test_lists_hold_what_a_person_may_see(
    reads: PostgresReadStore, name: str, count: int
) -> None:
    for user in (A, B):
        rows = await reads.read(person(user), name, {"limit": 50} if page(name) else {})
        assert len(rows) == count


def page(name: str) -> bool:
    return "limit" in sql.queries()[name].args


@pytest.mark.parametrize("name", sorted(LISTS))
async def test_a_stranger_gets_nothing(reads: PostgresReadStore, name: str) -> None:
    if name in ("people", "user.own", "notifications.count", "reading.summary"):
        return
    rows = await reads.read(person("user-c"), name, {"limit": 50} if page(name) else {})
    assert rows == []


@pytest.mark.parametrize("kind", OWN_KINDS)
async def test_by_id_gives_the_own_and_not_the_other(reads: PostgresReadStore, kind: str) -> None:
    ids = await every_id(reads)
    mine = await reads.read(person(A), f"by_id.{kind}", {"ids": ids})
    theirs = await reads.read(person(B), f"by_id.{kind}", {"ids": ids})
    assert mine
    assert {row["id"] for row in mine}.isdisjoint(row["id"] for row in theirs)
    assert all(A in row["id"] for row in mine)


async def test_a_page_follows_the_other_without_gap_or_repeat(reads: PostgresReadStore) -> None:
    found: list[str] = []
    cursor: dict[str, Any] = {}
    while rows := await reads.read(person(A), "message.list", {"limit": 2, **cursor}):
        found += [row["id"] for row in rows]
        cursor = {"before_at": rows[-1]["timestamp"], "before_id": rows[-1]["id"]}
    assert found == [f"message-{A}-{n}" for n in (4, 3, 2, 1, 0)]
    stage_one = await reads.read(person(A), "message.list", {"limit": 9, "stage": 1})
    assert [row["id"] for row in stage_one] == [f"message-{A}-{n}" for n in (2, 1, 0)]


async def test_a_message_carries_the_reading_of_its_commit(reads: PostgresReadStore) -> None:
    [row] = await reads.read(person(A), "by_id.message", {"ids": [f"message-{A}-0"]})
    assert row["emotionalReading.intensity"] == 8
    [row] = await reads.read(person(A), "by_id.message", {"ids": [f"message-{A}-1"]})
    assert row["emotionalReading.id"] is None


async def test_nobody_can_ask_for_another_person(reads: PostgresReadStore) -> None:
    rows = await reads.read(person(A), "message.list", {"user_id": B, "limit": 9})
    assert {row["id"] for row in rows} == {f"message-{A}-{n}" for n in range(5)}
    with pytest.raises(TypeError, match="no argument of_user"):
        await reads.read(person(A), "message.list", {"of_user": B})
    with pytest.raises(KeyError):
        await reads.read(person(A), "no.such", {})


async def test_the_attempt_of_the_partner_goes_with_the_own_one(
    reads: PostgresReadStore, owner: asyncpg.Connection
) -> None:
    [seen] = await reads.read(person(A), "attempt.partner", {})
    assert seen["content"] == f"attempt of {B}"
    taken_back = (
        'UPDATE "ConsentRecord" SET decision = $1, "revokedAt" = $2 WHERE id = $3',
        f"consent-attempt-{A}",
    )
    await owner.execute(taken_back[0], "REVOKED", scene.at(9), taken_back[1])
    try:
        assert await reads.read(person(A), "attempt.partner", {}) == []
        assert await reads.read(person(B), "attempt.partner", {}) == []
        contents = await reads.read(person(A), "shared.list", {})
        assert f"shared attempt of {B}" not in repr(contents)
    finally:
        await owner.execute(taken_back[0], "GRANTED", None, taken_back[1])
        await owner.execute(
            'UPDATE "ConsentedContent" SET "consentActive" = true, "revokedAt" = NULL'
        )


async def test_feedback_reaches_the_author_only_when_shared(reads: PostgresReadStore) -> None:
    [given] = await reads.read(person(A), "feedback.received", {})
    assert given["feedback"] == "shared feedback"
    assert await reads.read(person(B), "feedback.received", {}) == []


async def test_the_order_of_strategies_is_the_same_for_both_and_not_that_of_their_birth(
    reads: PostgresReadStore,
) -> None:
    one = [row["id"] for row in await reads.read(person(A), "strategy.list", {})]
    other = [row["id"] for row in await reads.read(person(B), "strategy.list", {})]
    assert one == other
    assert sorted(one) == ["idea-1", "idea-2", "idea-3", "idea-4"]
    [row] = await reads.read(person(A), "by_id.strategy", {"ids": ["idea-1"]})
    assert set(row) == {"id", "description", "needsAddressed", "duration", "measureOfSuccess"}


async def test_the_facilitator_sees_the_partner_only_from_stage_two(
    reads: PostgresReadStore,
) -> None:
    assert await reads.read(facilitator(A, 1), "bundle.contents", {}) == []
    contents = await reads.read(facilitator(A, 2), "bundle.contents", {})
    assert {row["text"] for row in contents if not row["mine"]} == {
        f"shared attempt of {B}",
        f"shared need of {B}",
    }
    assert await reads.read(facilitator(A, 2), "bundle.common_ground", {}) == []
    assert len(await reads.read(facilitator(A, 3), "bundle.common_ground", {})) == 1
    assert await reads.read(facilitator(A, 3), "bundle.agreements", {}) == []
    assert len(await reads.read(facilitator(A, 4), "bundle.agreements", {})) == 1
    elsewhere = Actor(A, role="ai", session_id="another", stage=4)
    assert await reads.read(elsewhere, "bundle.messages", {"limit": 30}) == []


async def test_library_items_come_shuffled_by_seed(reads: PostgresReadStore) -> None:
    async def pick(seed: str) -> Sequence[str]:
        args = {"seed": seed, "limit": 3}
        rows = await reads.read(facilitator(A, 4), "bundle.library_any", args)
        return [row["id"] for row in rows]

    assert await pick("x") == await pick("x")
    assert len(await pick("x")) == len(await pick("y"))


async def test_recall_finds_the_nearest_own_moment(reads: PostgresReadStore) -> None:
    args = {"kinds": ["user_event"], "vector": scene.VECTOR, "model": "m", "limit": 5}
    rows = await reads.read(person(A), "recall.vessel", args)
    assert [row["id"] for row in rows] == [f"event-{A}-1", f"event-{A}-0"]
    assert rows[0]["similarity"] == pytest.approx(1.0)
    other_model = await reads.read(person(A), "recall.vessel", {**args, "model": "n"})
    assert other_model == []
    by_words = {**args, "model": "n", "query": "user-a private"}
    found = await reads.read(person(A), "recall.vessel", by_words)
    assert [(row["id"], row["similarity"]) for row in found] == [
        (f"event-{A}-1", 0.0), (f"event-{A}-0", 0.0),
    ]  # fmt: skip
    nobodys = await reads.read(person(A), "recall.vessel", {**by_words, "query": "user-b private"})
    assert nobodys == [], "a partner's words are not there to be found"


async def test_the_public_preview_and_first_sight(db: Database) -> None:
    accounts = PostgresAccounts(db)
    preview = await accounts.invitation_preview("invitation")
    assert preview is not None
    assert preview["inviterName"] == "Ada"
    assert "my Benny" not in repr(preview)
    assert await accounts.invitation_preview("none") is None
    first = await accounts.provision("issuer", "subject", "Dora")
    assert first == await accounts.provision("issuer", "subject", "Another name")
    assert first[1:] == ("USER", "Dora")
