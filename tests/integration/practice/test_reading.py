"""What a practice shows: lanes, prompts, tokens, scenarios; and neither kind reaches the other."""

from __future__ import annotations

import asyncpg
import pytest

from beheard_hub.persistence import sql
from beheard_hub.ports import Actor
from tests.integration.database.conftest import World
from tests.integration.database.expectations import ACTORS, WALLS

PARTNER = Actor("a", "partner", "1")
COACH = Actor("a", "coach", "1")
SECRET = {
    "Scenario": ["partnerSystemPrompt", "coachSystemPrompt", "partnerModel", "coachModel"],
    "Invitation": ["token"],
}
LANES = ["partner's lane", "coach's lane", "lane in another's practice", "lane in a mediation"]


@pytest.mark.parametrize("who", ACTORS)
async def test_prompts_models_and_tokens_are_read_by_nobody(world: World, who: str) -> None:
    for table, columns in SECRET.items():
        for column in columns:
            async with world.acting(ACTORS[who]):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await world.sql.fetch(f'SELECT "{column}" FROM practice."{table}"')


@pytest.mark.parametrize("role", ["beheard_writer", "beheard_ops", "beheard_login"])
async def test_no_other_role_reads_them_either(world: World, role: str) -> None:
    for table, columns in SECRET.items():
        for column in columns:
            assert not await world.sql.fetchval(
                "SELECT has_column_privilege($1, $2, $3, 'SELECT')",
                role, f'practice."{table}"', column,
            )  # fmt: skip


async def test_operations_reach_no_table_of_practices(world: World) -> None:
    assert not await world.sql.fetchval(
        "SELECT has_schema_privilege('beheard_ops', 'practice', 'USAGE')"
    )


@pytest.mark.parametrize("who", [who for who in ACTORS if who not in LANES])
async def test_only_a_lane_gets_a_prompt(world: World, who: str) -> None:
    assert await world.see(ACTORS[who], sql.text("practice.prompt")) == set()


async def test_each_lane_gets_its_own_prompt_in_its_own_session(world: World) -> None:
    async with world.undone():
        await world.sql.execute("SET LOCAL session_replication_role = replica")
        await world.sql.execute(
            """UPDATE practice."Scenario" SET "partnerSystemPrompt" = 'play',
               "coachSystemPrompt" = 'coach' WHERE id = 9002"""
        )
        for lane, prompt in ((PARTNER, "play"), (COACH, "coach")):
            assert await world.see(lane, sql.text("practice.prompt")) == {prompt}
        for elsewhere in ("2", "s", "", "1 ", "01"):
            lost = Actor("a", "coach", elsewhere)
            assert await world.see(lost, sql.text("practice.prompt")) == set(), elsewhere


@pytest.mark.parametrize("who", LANES)
async def test_a_lane_reaches_no_mediation(world: World, who: str) -> None:
    for table in WALLS:
        if not table.startswith("practice."):
            try:
                seen = await world.see(ACTORS[who], f"SELECT count(*) FROM {table}")
            except asyncpg.InsufficientPrivilegeError:
                continue
            assert seen == {0}, table


async def test_the_partner_does_not_hear_the_coach(world: World) -> None:
    for lane, roles in ((PARTNER, {"user", "partner"}), (COACH, {"user", "partner", "coach"})):
        async with world.acting(lane):
            rows = await world.sql.fetch(sql.text("practice.transcript"), "1", 50)
            other = await world.sql.fetch(sql.text("practice.transcript"), "2", 50)
        assert {row["role"] for row in rows} == roles
        assert other == []


async def test_everybody_may_see_the_active_scenarios(world: World) -> None:
    async with world.acting(None):
        rows = await world.sql.fetch("SELECT * FROM hub.practice_scenarios()")
    assert {row["slug"] for row in rows} == {
        "borrowed-money", "defensive-coworker", "family-table", "scenario-1",
        "stonewalling-partner",
    }  # fmt: skip
    assert {"id", "name", "description", "slug", "partnerPersona"} == set(rows[0].keys())


async def test_who_holds_the_token_learns_nothing_private(world: World) -> None:
    token = await world.sql.fetchval("""SELECT token FROM practice."Invitation" WHERE id = 'a'""")
    async with world.acting(None):
        [row] = await world.sql.fetch("SELECT * FROM hub.practice_invitation($1)", token)
        assert await world.sql.fetch("SELECT * FROM hub.practice_invitation($1)", "0" * 64) == []
    assert (row["id"], row["linkedUserId"], row["sessionId"]) == ("a", "a", 1)
    assert "canary" not in str(dict(row))


@pytest.mark.parametrize(
    ("actor", "seen"),
    [(Actor("a"), {"a"}), (Actor("b"), set()), (Actor("c"), {"c"}), (Actor("staff"), set()),
     (PARTNER, set()), (None, set())],
)  # fmt: skip
async def test_an_invitation_is_held_by_whoever_claimed_it(
    world: World, actor: Actor | None, seen: set[str]
) -> None:
    assert await world.see(actor, 'SELECT id FROM practice."InvitationHeld"') == seen


async def test_role_loss_ends_the_view(world: World) -> None:
    watching = Actor("staff", "staff")
    messages = 'SELECT id FROM practice."Message"'
    async with world.undone():
        assert await world.see(watching, messages) == {11, 12, 13}
        await world.sql.execute("""UPDATE "User" SET role = 'USER' WHERE id = 'staff'""")
        assert await world.see(watching, messages) == set()
        assert await world.see(watching, 'SELECT id FROM practice."ObservationNote"') == set()
