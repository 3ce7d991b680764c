"""The traps of spec 4.2 that live in the database, one test each."""

from __future__ import annotations

import io
import re
from pathlib import Path

import asyncpg
import pytest

from beheard_hub.ports import Actor
from tests.integration.database.conftest import World

A = Actor("a", "user", "s", 4)
WALLS = Path(__file__).parents[3] / "docs" / "walls.md"
OURS = "n.nspname IN ('public', 'hub', 'practice')"


async def test_the_writer_cannot_use_on_conflict_do_update(world: World) -> None:
    async with world.undone():
        await world.as_writer({"s": ["a"]})
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.sql.execute(
                'INSERT INTO "EmpathyDraft" (id, "sessionId", "userId", content)'
                " VALUES ('x', 's', 'a', 'x') ON CONFLICT (\"sessionId\", \"userId\")"
                " DO UPDATE SET content = excluded.content"
            )


async def test_reading_for_share_needs_a_right_that_readers_lack(world: World) -> None:
    async with world.acting(A):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.sql.execute('SELECT id FROM "Session" FOR SHARE')


async def test_the_owner_is_held_by_the_walls_too(world: World) -> None:
    """Forced: what runs as the owner sees only where a policy names the owner."""
    async with world.undone():
        await world.sql.execute('DELETE FROM hub."Erasure"')
        await world.become("beheard_owner")
        for table in ("Message", "UserEvent", "EmpathyDraft", "IdentifiedNeed", "CommonGround"):
            assert await world.sql.fetchval(f'SELECT count(*) FROM "{table}"') == 0
        assert await world.sql.fetchval('SELECT count(*) FROM practice."Message"') == 0
        assert await world.sql.fetchval('SELECT count(*) FROM "Session"') == 2


async def test_copy_from_is_refused(world: World) -> None:
    async with world.undone():
        await world.as_writer({"s": ["a"]})
        with pytest.raises(asyncpg.FeatureNotSupportedError):
            await world.sql.copy_to_table(
                "UserEvent",
                source=io.BytesIO(b"x\ta\tx\tSELF\n"),
                columns=["id", "vesselId", "description", "attributedTo"],
            )


async def test_do_nothing_skips_an_invisible_row_and_so_no_flush_uses_it(world: World) -> None:
    source = await world.sql.fetch(
        "SELECT prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE n.nspname = 'hub'"
    )
    assert source
    assert not [row for row in source if re.search("on conflict", row[0], re.IGNORECASE)]


async def test_a_local_of_the_last_user_is_empty_and_reads_as_nobody(world: World) -> None:
    async with world.acting(A):
        assert await world.sql.fetchval("SELECT hub.actor_id()") == "a"
    async with world.undone():
        assert await world.sql.fetchval("SELECT current_setting('app.actor_id', true)") == ""
        assert await world.sql.fetchval("SELECT hub.actor_id()") is None
        assert await world.sql.fetchval("SELECT hub.current_stage()") is None
        await world.sql.execute("SET LOCAL ROLE beheard_app")
        assert await world.sql.fetchval('SELECT count(*) FROM "Message"') == 0


async def test_reset_all_keeps_the_role_and_a_local_role_ends_by_itself(world: World) -> None:
    async with world.acting(A):
        await world.sql.execute("RESET ALL")
        assert await world.sql.fetchval("SELECT current_user::text") == "beheard_app"
    assert await world.sql.fetchval("SELECT current_user = session_user")


async def test_every_view_asks_with_the_rights_of_its_reader(world: World) -> None:
    views = await world.sql.fetch(
        "SELECT c.relname, c.reloptions FROM pg_class c"
        f" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND {OURS}"
    )
    assert len(views) >= 4
    for view in views:
        assert view["reloptions"] == ["security_invoker=true"], view["relname"]


async def test_definer_functions_are_those_listed_and_have_no_search_path(world: World) -> None:
    rows = await world.sql.fetch(
        "SELECT n.nspname || '.' || p.proname AS name, p.proconfig FROM pg_proc p"
        f" JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.prosecdef AND {OURS}"
    )
    listed = set(re.findall(r"^\| `(hub\.\w+)", WALLS.read_text(), re.MULTILINE))
    assert {row["name"] for row in rows} == listed
    for row in rows:
        assert row["proconfig"] == ['search_path=""'], row["name"]


async def test_no_function_is_for_everybody(world: World) -> None:
    rows = await world.sql.fetch(
        "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE n.nspname = 'hub' AND has_function_privilege('public', p.oid, 'EXECUTE')"
    )
    assert [row["proname"] for row in rows] == []


async def test_only_the_library_has_an_approximate_index(world: World) -> None:
    rows = await world.sql.fetch(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
        " JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am a ON a.oid = x.relam"
        " WHERE a.amname IN ('hnsw', 'ivfflat')"
    )
    assert [row["relname"] for row in rows] == ["GlobalLibraryItem"]


async def test_no_run_time_role_goes_around_the_walls(world: World) -> None:
    rows = await world.sql.fetch(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'beheard\\_%'"
        " AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolinherit)"
    )
    assert [row["rolname"] for row in rows] == []
    for role in ("beheard_app", "beheard_writer", "beheard_ops", "beheard_login"):
        assert not await world.sql.fetchval(
            "SELECT pg_has_role($1, 'beheard_owner', 'MEMBER')", role
        )
    async with world.undone():
        await world.become("beheard_login")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.sql.fetchval('SELECT count(*) FROM "Session"')


@pytest.mark.parametrize("claimed", ["s", "t", "nope"])
async def test_a_claimed_session_proves_nothing(world: World, claimed: str) -> None:
    stranger = Actor("c", "ai", claimed, 4)
    for table in ("Session", "Message", "ConsentedContent", "CommonGround", "Agreement"):
        seen = await world.see(stranger, f'SELECT id FROM "{table}"')
        assert seen <= ({"c", "t"} if claimed == "t" else set()), table
