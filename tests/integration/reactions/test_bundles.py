"""What a model call would see, stage by stage, read through row-level security.

Every private text of the scene names its owner, so that a word of the partner shows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import msgspec
import pytest

from beheard_hub.ai.bundles import Assembled
from beheard_hub.ai.memory_intent import Intent
from beheard_hub.facilitation import PlanRequest
from beheard_hub.reactions import retrieval
from beheard_hub.reactions.tools import Tools, as_ai
from tests.integration.persistence import scene
from tests.integration.persistence.scene import SESSION, A, B

OTHER = {A: B, B: A}
PRIVATE = ("private of {}", "preview of {}", "consent of {}", "private feedback of {}")

Kinds = dict[str, int]
EXPECTED: dict[int, Kinds] = {
    0: {"session_metadata": 1, "relationship_metadata": 1},
    1: {"message": 3, "emotional_reading": 2, "user_event": 2, "boundary": 1, "clarification": 1},
    2: {"message": 5, "emotional_reading": 2, "user_event": 2, "boundary": 1, "clarification": 1,
        "need": 1, "draft": 1, "consented_content": 2},
    3: {"message": 1, "clarification": 1, "need": 1, "consented_content": 1, "common_ground": 1},
    4: {"message": 1, "common_ground": 1, "strategy": 4, "ranking": 2, "agreement": 1,
        "experiment_suggestion": 5},
}  # fmt: skip
"""In stages 1 and 2 own needs and questions are open; in life there are none yet."""


@pytest.fixture(scope="module", autouse=True)
async def later_messages(played: None, tools: Tools, database: Any) -> None:
    """One message of each of stages 3 and 4 in both threads, and a reply made from content."""
    connection = await asyncpg.connect(database.owner_url)
    for user in (A, B):
        for stage in (3, 4):
            await scene.insert(
                connection, "Message", id=f"late-{user}-{stage}", sessionId=SESSION,
                forUserId=user, senderId=user, role="USER", content=f"private of {user}",
                stage=stage, timestamp=scene.at(100 + stage),
            )  # fmt: skip
    await connection.close()


@pytest.fixture
async def owner(database: Any) -> AsyncIterator[asyncpg.Connection]:
    """The owner, in a transaction that the test may commit."""
    connection = await asyncpg.connect(database.owner_url)
    yield connection
    await connection.close()


async def bundle(
    tools: Tools, user: str, stage: int, intent: Intent = Intent.OFFER_CONTINUITY
) -> Assembled:
    actor = as_ai(SESSION, user, stage)
    said = await retrieval.conversation(tools.reads, actor, stage, frozenset())
    plan = await retrieval.made(tools, PlanRequest(stage=stage, intent=intent, words=""))
    return await retrieval.fetch(tools, actor, plan, gates={}, said=said)


def counted(made: Assembled) -> Kinds:
    found: Kinds = {}
    for item in made.bundle.items:
        found[item.type] = found.get(item.type, 0) + 1
    return found


@pytest.mark.parametrize("user", [A, B])
@pytest.mark.parametrize("stage", range(5))
async def test_each_stage_sees_its_own_and_not_a_private_word_of_the_other(
    tools: Tools, user: str, stage: int
) -> None:
    made = await bundle(tools, user, stage)
    assert counted(made) == EXPECTED[stage]
    assert {(refused.type, refused.reason) for refused in made.refused} <= {("message", "stage")}
    assert bool(made.refused) == (stage in (1, 2)), "the scene has messages of stages to come"
    seen = repr(msgspec.to_builtins(made.bundle))
    for canary in PRIVATE:
        assert canary.format(OTHER[user]) not in seen
    shared = {i.text for i in made.bundle.items if i.type == "consented_content"}
    assert shared == {
        0: set(), 1: set(), 3: {f"shared need of {OTHER[user]}"}, 4: set(),
        2: {f"shared need of {OTHER[user]}", f"shared attempt of {OTHER[user]}"},
    }[stage]  # fmt: skip
    assert OTHER[user] not in seen.replace(f"of {OTHER[user]}", "").replace(f"-{OTHER[user]}", "")
    assert made.bundle.user_name == {A: "Ada", B: "Ben"}[user]


@pytest.mark.parametrize("stage", range(5))
async def test_where_nothing_is_recalled_only_the_conversation_stays(
    tools: Tools, stage: int
) -> None:
    made = await bundle(tools, A, stage, Intent.AVOID_RECALL)
    assert set(counted(made)) <= {"message"}


async def test_no_author_is_named_in_stage_four(tools: Tools) -> None:
    made = await bundle(tools, A, 4)
    for item in made.bundle.items:
        if item.type == "strategy":
            assert set(item.fields) == {"needsAddressed", "duration", "measureOfSuccess"}
    assert {i.fields["title"] for i in made.bundle.items if i.source == "global"}


async def test_the_partners_ranking_needs_an_own_one(
    tools: Tools, owner: asyncpg.Connection
) -> None:
    await owner.execute('DELETE FROM "StrategyRanking" WHERE "userId" = $1', A)
    try:
        assert "ranking" not in counted(await bundle(tools, A, 4))
        assert counted(await bundle(tools, B, 4))["ranking"] == 1
    finally:
        await scene.insert(
            owner, "StrategyRanking", id=f"ranking-{A}", sessionId=SESSION, userId=A, round=1,
            rankedIds=["idea-1"], submittedAt=scene.at(6),
        )  # fmt: skip


async def test_the_current_stage_and_gates_are_the_users_own(
    tools: Tools, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        """UPDATE "StageProgress" SET "gatesSatisfied" = '{"strategiesSubmitted": true}'
           WHERE "userId" = $1 AND stage = 4""",
        A,
    )
    found = await retrieval.stage_of(tools.reads, as_ai(SESSION, A, 0))
    assert found == (4, {"strategiesSubmitted": True})
    assert await retrieval.stage_of(tools.reads, as_ai(SESSION, B, 0)) == (4, {})


async def test_a_reply_outlives_neither_a_revoked_content_nor_a_stale_common_ground(
    tools: Tools, owner: asyncpg.Connection
) -> None:
    for name, type_, used in (
        ("reply-content", "consented_content", f"content-need-{B}"),
        ("reply-ground", "common_ground", "ground"),
    ):
        bundle_json = msgspec.json.encode(
            {"items": [{"type": type_, "id": used}], "answers": [f"late-{A}-3"]}
        ).decode()
        await owner.execute(
            """INSERT INTO "Message" (id, "sessionId", "forUserId", role, content, stage, timestamp,
                 bundle) VALUES ($1, $2, $3, 'AI', $1, 3, $4, $5::text::jsonb)""",
            name, SESSION, A, scene.at(200), bundle_json,
        )  # fmt: skip

    async def replies() -> set[str]:
        made = await bundle(tools, A, 3)
        return {i.id for i in made.bundle.items if i.fields.get("role") == "AI"}

    assert await replies() == {"reply-content", "reply-ground"}
    waiting = await retrieval.unanswered(tools.reads, as_ai(SESSION, A, 3))
    assert [row["id"] for row in waiting][-1] == f"late-{A}-4"
    assert f"late-{A}-3" not in {row["id"] for row in waiting}
    await owner.execute("""UPDATE "CommonGround" SET stale = true WHERE id = 'ground'""")
    assert await replies() == {"reply-content"}
    await owner.execute("""UPDATE "CommonGround" SET stale = false WHERE id = 'ground'""")
    await owner.execute(
        """UPDATE "ConsentRecord" SET decision = 'REVOKED', "revokedAt" = now() WHERE id = $1""",
        f"consent-need-{B}",
    )
    assert await replies() == {"reply-ground"}
    assert "consented_content" not in counted(await bundle(tools, A, 3))


async def test_after_a_revoked_attempt_neither_sees_the_others(
    tools: Tools, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        """UPDATE "ConsentRecord" SET decision = 'REVOKED', "revokedAt" = now() WHERE id = $1""",
        f"consent-attempt-{A}",
    )
    for user in (A, B):
        made = await bundle(tools, user, 2)
        assert "attempt" not in " ".join(i.text for i in made.bundle.items)
