"""The library in the database: who changes it, who sees all of it, and that its search finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg
import pytest

from beheard_hub.persistence import sql
from beheard_hub.ports import Actor
from tests.integration.database.conftest import World, delete, insert, update
from tests.integration.database.expectations import ACTORS

ITEM: Mapping[str, Any] = {
    "id": "new", "title": "A walk", "description": "Walk.", "category": "household",
    "source": "CURATED", "isActive": True,
}  # fmt: skip
GIVEN = {**ITEM, "source": "CONTRIBUTED", "contributedBy": "a", "contributionConsent": "by letter"}
ADMIN: Mapping[str, list[str]] = {"": ["admin"]}


async def test_an_administrator_adds_and_changes(world: World) -> None:
    async with world.undone():
        assert await world.flush(ADMIN, insert("GlobalLibraryItem", GIVEN)) == "ok"
        change = update("GlobalLibraryItem", ["id"], {"id": "new", "isActive": False})
        assert await world.flush(ADMIN, change) == "ok"
        await world.sql.execute("RESET ROLE")
        row = await world.sql.fetchrow("""SELECT * FROM "GlobalLibraryItem" WHERE id = 'new'""")
        assert (row["contributedBy"], row["isActive"]) == ("a", False)


@pytest.mark.parametrize("writing", [{"": ["a"]}, {"s": ["a", "b"]}, {"": ["staff"]}, {"": []}, {}])
async def test_on_behalf_of_nobody_else(world: World, writing: Mapping[str, list[str]]) -> None:
    async with world.undone():
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.flush(writing, insert("GlobalLibraryItem", ITEM))
    async with world.undone():
        change = update("GlobalLibraryItem", ["id"], {"id": "library", "isActive": False})
        with pytest.raises(asyncpg.PostgresError) as refused:
            await world.flush(writing, change)
        assert refused.value.sqlstate == "BH001"


async def test_whoever_lost_the_role_may_no_longer(world: World) -> None:
    async with world.undone():
        await world.sql.execute("""UPDATE "User" SET role = 'USER' WHERE id = 'admin'""")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.flush(ADMIN, insert("GlobalLibraryItem", ITEM))


@pytest.mark.parametrize(
    ("op", "state"),
    [
        (delete("GlobalLibraryItem", "library"), "BH004"),
        (update("GlobalLibraryItem", ["id"], {"id": "library", "source": "CURATED"}), "42501"),
        (update("GlobalLibraryItem", ["id"], {"id": "library", "contributedBy": "a"}), "42501"),
        (insert("GlobalLibraryItem", {**ITEM, "contributedBy": "a"}), "23514"),
        (insert("GlobalLibraryItem", {**GIVEN, "contributionConsent": None}), "23514"),
        (insert("GlobalLibraryItem", {**GIVEN, "contributedBy": None}), "23514"),
        (insert("GlobalLibraryItem", {**GIVEN, "contributedBy": "nobody"}), "23503"),
    ],
)
async def test_what_not_even_an_administrator_writes(
    world: World, op: Mapping[str, Any], state: str
) -> None:
    async with world.undone():
        with pytest.raises(asyncpg.PostgresError) as refused:
            await world.flush(ADMIN, op)
        assert refused.value.sqlstate == state


async def test_a_stale_host_writes_nothing(world: World) -> None:
    async with world.undone():
        await world.as_writer(ADMIN, epoch=999)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.sql.execute(
                """INSERT INTO "GlobalLibraryItem" (id, title, description, category, source)
                   VALUES ('new', 't', 'd', 'c', 'CURATED')"""
            )


@pytest.mark.parametrize("who", ACTORS)
async def test_only_an_administrator_sees_all_and_who_gave_it(world: World, who: str) -> None:
    async with world.undone():
        await world.sql.execute(
            """INSERT INTO "GlobalLibraryItem" (id, title, description, category, source,
                 "contributedBy", "contributionConsent")
               VALUES ('given', 't', 'd', 'c', 'CONTRIBUTED', 'a', 'by letter')"""
        )
        await world.become("beheard_app", ACTORS[who])
        rows = await world.sql.fetch(sql.text("library.list"), None, None, 1_000)
        people = await world.sql.fetch(sql.text("library.contributor"), ["a"])
        if who == "admin":
            shown = {row["id"]: row["contributedBy"] for row in rows}
            assert (shown["given"], shown["retired"]) == ("a", None)
            assert [row["name"] for row in people] == ["Anna"]
        else:
            assert (rows, people) == ([], [])


async def test_pages_lose_and_repeat_nothing(world: World) -> None:
    async with world.acting(Actor("admin", "admin")):
        everything = await world.sql.fetch(sql.text("library.list"), None, None, None)
        pages: list[str] = []
        before: tuple[Any, Any] = (None, None)
        while rows := await world.sql.fetch(sql.text("library.list"), *before, 7):
            pages += [row["id"] for row in rows]
            before = (rows[-1]["createdAt"], rows[-1]["id"])
    assert pages == [row["id"] for row in everything]
    assert len(pages) >= 40


async def test_the_nearest_are_found_behind_any_number_of_others(world: World) -> None:
    """A crowd of another model's items and of removed ones, all nearer: none is in the way. A plain
    scan of the index would find nothing."""
    async with world.undone():
        await world.sql.execute(
            """UPDATE "GlobalLibraryItem" SET embedding = NULL, "embeddingModel" = NULL"""
        )
        await world.sql.execute(
            """INSERT INTO "GlobalLibraryItem" (id, title, description, category, source,
                 "isActive", embedding, "embeddingModel")
               SELECT kind || n, 't', 'd', 'c', 'CURATED', kind <> 'removed',
                 (SELECT array_agg(CASE i WHEN 1 THEN 1 WHEN 2 THEN far + n / 1000.0 ELSE 0 END)
                  FROM generate_series(1, 1536) i)::vector, model
               FROM (VALUES ('other', 'x', 0.0, 300), ('removed', 'm', 0.0, 300),
                     ('ours', 'm', 1.0, 20)) AS k (kind, model, far, many),
                 generate_series(1, many) n"""
        )
        near = "[1" + ",0" * 1535 + "]"
        await world.sql.execute("SET LOCAL enable_seqscan = off")
        await world.become("beheard_app", Actor("a", "ai", "s", 4))
        plain = await world.sql.fetch(
            """SELECT id FROM "GlobalLibraryItem" WHERE "embeddingModel" = 'm'
               ORDER BY embedding <=> $1::text::vector LIMIT 5""",
            near,
        )
        assert plain == []
        rows = await world.sql.fetch(sql.text("bundle.library_near"), near, "m", "seed", 0, 5)
        assert [row["id"] for row in rows] == [f"ours{n}" for n in range(1, 6)]
        reserved = await world.sql.fetch(sql.text("bundle.library_near"), near, "m", "seed", 400, 5)
        assert len(reserved) <= 5
        none = await world.sql.fetch(sql.text("bundle.library_near"), near, "y", "seed", 0, 5)
        assert none == []
