"""What crosses between two people, and when: the conditional rows of spec 4.1."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from beheard_hub.ports import Actor
from tests.integration.database.conftest import World

A, B, C = (Actor(who, "user", "s", 4) for who in "abc")
ATTEMPTS = 'SELECT id FROM "EmpathyAttempt"'
CONTENTS = 'SELECT id FROM "ConsentedContent"'
STRATEGIES = 'SELECT id FROM "StrategyProposal"'
RANKINGS = 'SELECT id FROM "StrategyRanking"'
SECOND_ATTEMPT = """
INSERT INTO "ConsentRecord" (id, "userId", "sessionId", "contentType", decision,
  "contentDescription") VALUES ('b-attempt', 'b', 's', 'EMPATHY_ATTEMPT', 'GRANTED', 'x');
INSERT INTO "EmpathyAttempt" (id, "draftId", "sessionId", "sourceUserId", content,
  "consentRecordId") VALUES ('b', 'b', 's', 'b', 'canary b', 'b-attempt');
INSERT INTO "ConsentedContent" (id, "sharedVesselId", "sourceUserId", "transformedContent",
  "consentRecordId") VALUES ('b-attempt', 's', 'b', 'canary b', 'b-attempt');
"""
REVOKE = """
UPDATE "ConsentRecord" SET decision = 'REVOKED', "revokedAt" = now() WHERE id = $1
"""


async def sees(world: World, actor: Actor, query: str) -> set[Any]:
    """Inside a transaction under way, then back to the owner."""
    await world.become("beheard_app", actor)
    seen = {row[0] for row in await world.sql.fetch(query)}
    await world.sql.execute("RESET ROLE")
    return seen


async def test_nobody_sees_an_attempt_before_showing_one(world: World) -> None:
    async with world.undone():
        assert await sees(world, B, ATTEMPTS) == set()
        await world.sql.execute(SECOND_ATTEMPT)
        assert await sees(world, A, ATTEMPTS) == {"a", "b"}
        assert await sees(world, B, ATTEMPTS) == {"a", "b"}
        assert await sees(world, B, CONTENTS) == {"a", "b", "a-attempt", "b-attempt"}
        assert await sees(world, C, ATTEMPTS) == set()


async def test_who_takes_an_attempt_back_sees_no_more(world: World) -> None:
    async with world.undone():
        await world.sql.execute(SECOND_ATTEMPT)
        await world.sql.execute(REVOKE, "b-attempt")
        assert await sees(world, A, ATTEMPTS) == {"a"}
        assert await sees(world, B, ATTEMPTS) == {"b"}
        assert "a-attempt" not in await sees(world, B, CONTENTS)
        assert "b-attempt" not in await sees(world, A, CONTENTS)


async def test_a_superseded_attempt_is_the_authors_alone(world: World) -> None:
    async with world.undone():
        await world.sql.execute(SECOND_ATTEMPT)
        await world.sql.execute(
            'INSERT INTO "EmpathyAttempt" (id, "sessionId", "sourceUserId", content,'
            " \"consentRecordId\") VALUES ('a2', 's', 'a', 'x', 'a-attempt')"
        )
        await world.sql.execute(
            """UPDATE "EmpathyAttempt" SET "supersededById" = 'a2' WHERE id = 'a'"""
        )
        assert await sees(world, B, ATTEMPTS) == {"a2", "b"}
        assert await sees(world, A, ATTEMPTS) == {"a", "a2", "b"}


async def test_revoking_takes_content_back_in_the_same_commit(world: World) -> None:
    async with world.undone():
        assert "a" in await sees(world, B, CONTENTS)
        await world.sql.execute(REVOKE, "a")
        assert "a" not in await sees(world, B, CONTENTS)
        assert "a" in await sees(world, A, CONTENTS), "the owner still sees it, marked"
        row = await world.sql.fetchrow("""SELECT * FROM "ConsentedContent" WHERE id = 'a'""")
        assert (row["consentActive"], row["revokedAt"] is None) == (False, False)


@pytest.mark.parametrize("decision", ["NULL", "'DENIED'"])
async def test_content_cannot_be_active_without_a_granted_consent(
    world: World, decision: str
) -> None:
    async with world.undone():
        await world.sql.execute(
            'INSERT INTO "ConsentRecord" (id, "userId", "sessionId", "contentType", decision,'
            f" \"contentDescription\") VALUES ('p', 'a', 's', 'BOUNDARY', {decision}, 'x')"
        )
        with pytest.raises(asyncpg.PostgresError) as refused:
            await world.sql.execute(
                'INSERT INTO "ConsentedContent" (id, "sharedVesselId", "sourceUserId",'
                " \"transformedContent\", \"consentRecordId\") VALUES ('p', 's', 'a', 'x', 'p')"
            )
        assert refused.value.sqlstate == "BH003"


async def test_content_cannot_stand_on_the_partners_consent(world: World) -> None:
    async with world.undone():
        with pytest.raises(asyncpg.PostgresError) as refused:
            await world.sql.execute(
                """UPDATE "ConsentedContent" SET "consentRecordId" = 'b' WHERE id = 'a'"""
            )
        assert refused.value.sqlstate == "BH003"


@pytest.mark.parametrize(
    ("phase", "round_", "seen"),
    [
        ("COLLECTING", 1, {"b"}),
        ("RANKING", 1, {"a", "b", "a-asked"}),
        ("REVEALING", 1, {"a", "b", "a-asked"}),
        ("NEGOTIATING", 2, {"a", "b", "a-asked"}),
        ("AGREED", 1, {"a", "b", "a-asked"}),
    ],
)
async def test_the_pool_opens_with_the_ranking(
    world: World, phase: str, round_: int, seen: set[str]
) -> None:
    async with world.undone():
        await world.sql.execute(
            """UPDATE "Session" SET "strategyPhase" = $1, "strategyRound" = $2 WHERE id = 's'""",
            phase,
            round_,
        )
        assert await sees(world, B, STRATEGIES) == seen


@pytest.mark.parametrize("phase", ["RANKING", "REVEALING", "AGREED"])
async def test_an_idea_that_was_taken_back_leaves_the_pool(world: World, phase: str) -> None:
    async with world.undone():
        await world.sql.execute("""UPDATE "Session" SET "strategyPhase" = $1""", phase)
        await world.sql.execute(REVOKE, "a")
        facilitator = Actor(id="b", role="ai", session_id="s", stage=4)
        assert await sees(world, B, STRATEGIES) == {"b", "a-asked"}
        assert await sees(world, facilitator, STRATEGIES) == {"b", "a-asked"}
        assert await sees(world, A, STRATEGIES) == {"a", "b", "a-asked"}


async def test_ideas_of_a_next_round_are_own_only(world: World) -> None:
    async with world.undone():
        await world.sql.execute(
            """UPDATE "Session" SET "strategyPhase" = 'NEGOTIATING', "strategyRound" = 2"""
        )
        await world.sql.execute("""UPDATE "StrategyProposal" SET round = 2 WHERE id = 'a'""")
        assert await sees(world, B, STRATEGIES) == {"b", "a-asked"}
        assert await sees(world, A, STRATEGIES) == {"a", "b", "a-asked"}


@pytest.mark.parametrize("column", ["createdByUserId", "source", "consentRecordId"])
async def test_what_tells_the_author_cannot_be_read_at_all(world: World, column: str) -> None:
    async with world.acting(A):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.sql.fetch(f'SELECT "{column}" FROM "StrategyProposal"')


@pytest.mark.parametrize("column", ["contributedBy", "contributionConsent"])
async def test_what_tells_the_contributor_cannot_be_read_at_all(world: World, column: str) -> None:
    async with world.acting(A):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.sql.fetch(f'SELECT "{column}" FROM "GlobalLibraryItem"')


async def test_rankings_open_when_both_are_in(world: World) -> None:
    async with world.undone():
        assert await sees(world, A, RANKINGS) == {"a"}
        await world.sql.execute(
            'INSERT INTO "StrategyRanking" (id, "sessionId", "userId", round, "rankedIds")'
            " VALUES ('b', 's', 'b', 1, '{a}'), ('b2', 's', 'b', 2, '{a}')"
        )
        assert await sees(world, A, RANKINGS) == {"a", "b"}, "not b's of the next round"
        assert await sees(world, B, RANKINGS) == {"a", "b", "b2"}
        assert await sees(world, C, RANKINGS) == {"c"}


@pytest.mark.parametrize("stage", [None, 0, 1])
async def test_below_stage_two_nothing_of_the_partner_is_seen(
    world: World, stage: int | None
) -> None:
    early = Actor("b", "user", "s", stage)
    async with world.undone():
        await world.sql.execute(SECOND_ATTEMPT)
        await world.sql.execute("""UPDATE "Session" SET "strategyPhase" = 'RANKING'""")
        assert await sees(world, early, CONTENTS) == {"b", "b-attempt"}
        assert await sees(world, early, ATTEMPTS) == {"b"}
        for table in ("StrategyProposal", "CommonGround", "Agreement"):
            assert await sees(world, early, f'SELECT id FROM "{table}"') == set()


@pytest.mark.parametrize(
    ("table", "opens"), [("ConsentedContent", 2), ("CommonGround", 3), ("Agreement", 4)]
)
async def test_the_facilitator_reads_the_shared_vessel_from_its_stage_on(
    world: World, table: str, opens: int
) -> None:
    for stage in range(5):
        ai = Actor("a", "ai", "s", stage)
        assert bool(await world.see(ai, f'SELECT id FROM "{table}"')) == (stage >= opens), stage


EARLIER_SESSION = """
UPDATE "Session" SET status = 'RESOLVED', "createdAt" = now() - interval '1 day' WHERE id = 's';
INSERT INTO "Session" (id, "relationshipId", "createdById", status)
  VALUES ('later', 's', 'a', 'ACTIVE');
INSERT INTO "SharedVessel" (id, "sessionId") VALUES ('later', 'later');
INSERT INTO "UserVessel" (id, "userId", "sessionId")
  VALUES ('a-later', 'a', 'later'), ('b-later', 'b', 'later');
INSERT INTO "Message" (id, "sessionId", "forUserId", "senderId", role, content, stage)
  VALUES ('a-later', 'later', 'a', 'a', 'USER', 'x', 1);
"""


@pytest.mark.parametrize("stage", range(5))
async def test_earlier_sessions_are_open_to_the_facilitator_by_stage(
    world: World, stage: int
) -> None:
    ai = Actor("a", "ai", "later", stage)
    stranger = Actor("c", "ai", "later", stage)
    async with world.undone():
        await world.sql.execute(EARLIER_SESSION)
        for table in ("UserEvent", "EmotionalReading", "IdentifiedNeed", "Boundary"):
            seen = await sees(world, ai, f'SELECT id FROM "{table}"')
            assert seen == ({"a"} if stage in (1, 2) else set()), table
            assert await sees(world, stranger, f'SELECT id FROM "{table}"') == set()
        assert await sees(world, ai, 'SELECT id FROM "Message"') == {"a-later"}
        agreements = await sees(world, ai, 'SELECT id FROM "Agreement"')
        assert agreements == ({"s"} if stage in (0, 4) else set())
        assert await sees(world, stranger, 'SELECT id FROM "Agreement"') == set()


async def test_views_show_stage_and_status_name_and_avatar_only(world: World) -> None:
    columns = {
        "PartnerProgress": {"sessionId", "userId", "stage", "status"},
        "Person": {"userId", "name", "avatarUrl"},
    }
    for view, expected in columns.items():
        async with world.acting(A):
            rows = await world.sql.fetch(f'SELECT * FROM "{view}"')
        assert set(rows[0].keys()) == expected
    assert await world.see(A, 'SELECT "userId" FROM "PartnerProgress"') == {"b"}
    assert await world.see(C, 'SELECT "userId" FROM "PartnerProgress"') == set()
    assert await world.see(A, 'SELECT "userId" FROM "Person"') == {"a", "b"}
    assert await world.see(C, 'SELECT "userId" FROM "Person"') == {"c"}
    assert await world.see(Actor("a", "ai", "s", 1), 'SELECT name FROM "Person"') == {
        "Anna",
        "Bela",
    }
    assert await world.see(Actor("a", "ai", "t", 1), 'SELECT name FROM "Person"') == set()


async def test_the_accepted_partner_sees_the_invitation_without_addresses(world: World) -> None:
    assert await world.see(B, 'SELECT id FROM "InvitationSeen"') == {"a"}
    async with world.acting(B):
        row = await world.sql.fetchrow('SELECT * FROM "InvitationSeen"')
    assert not {"email", "phone", "name", "declineReason"} & set(row.keys())


async def test_feedback_reaches_the_author_only_when_shared(world: World) -> None:
    view = 'SELECT feedback FROM "PartnerValidation"'
    async with world.undone():
        assert await sees(world, A, view) == set(), "not even that it happened"
        await world.sql.execute('UPDATE "EmpathyValidation" SET validated = true')
        assert await sees(world, A, view) == {None}, "validated, without the unshared words"
        await world.sql.execute(
            'UPDATE "EmpathyValidation" SET validated = false, "feedbackShared" = true'
        )
        assert await sees(world, A, view) == {"canary b"}
        assert await sees(world, B, view) == set()
        assert await sees(world, C, view) == set()
