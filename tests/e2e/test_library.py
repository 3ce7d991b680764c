"""The library through a whole hub: an administrator's items, and nobody else's."""

from __future__ import annotations

import asyncpg
import pytest

from beheard_hub.client import Hub, Refused
from beheard_hub.demo.record import PlayResult
from beheard_hub.domain.refusals import Code

from . import haystacks
from .conftest import Town

ITEM = {"title": "A quiet hour", "description": "One hour without screens.", "category": "x"}


async def test_an_administrator_keeps_the_library_and_a_tokens_word_is_not_enough(
    town: Town,
) -> None:
    person = town.person("Libby")
    sql = await asyncpg.connect(haystacks.owner_url(town))
    async with Hub.connect(town.hub.websocket_url, person.token) as hub:
        for name, data in (("library.list", {}), ("library.add", ITEM)):
            with pytest.raises(Refused) as refused:
                await hub.command(name, data)
            assert refused.value.code == Code.FORBIDDEN
        user = (await hub.profile.get()).user.id
        await sql.execute("""UPDATE "User" SET role = 'ADMIN' WHERE id = $1""", user)
        item = (await hub.command("library.add", ITEM, id="one")).data["item"]
        again = (await hub.command("library.add", ITEM, id="one")).data["item"]
        assert again == item
        given = {
            **ITEM, "source": "CONTRIBUTED", "contributedBy": user, "contributionConsent": "said so"
        }  # fmt: skip
        with pytest.raises(Refused) as refused:
            await hub.command("library.add", {**given, "description": "As Libby does it."})
        assert refused.value.code == Code.VALIDATION_ERROR
        await hub.command("library.add", given)
        edit = {"itemId": item["id"], "title": "A quieter hour"}
        edited = (await hub.command("library.edit", edit)).data["item"]
        assert (edited["title"], edited["description"]) == (edit["title"], ITEM["description"])
        removed = await hub.command("library.remove", {"itemId": item["id"]})
        assert removed.data == {"removed": True}
        with pytest.raises(Refused) as refused:
            await hub.command("library.edit", {"itemId": "none", "title": "t"})
        assert refused.value.code == Code.NOT_FOUND
        listed = {row["id"]: row for row in (await hub.command("library.list")).data["items"]}
        assert listed[item["id"]]["isActive"] is False
        assert [row["contributedBy"] for row in listed.values() if row["contributedBy"]] == [user]
    noted = await sql.fetch(
        """SELECT action, outcome, "actorRole" FROM hub."AuditLog" WHERE "actorId" = $1
           AND action LIKE 'library.%' ORDER BY id""",
        user,
    )
    await sql.close()
    assert [tuple(row) for row in noted] == [
        ("library.list", "FORBIDDEN", "user"),
        ("library.add", "FORBIDDEN", "user"),
        ("library.add", "DONE", "admin"),
        ("library.add", "DONE", "admin"),
        ("library.edit", "DONE", "admin"),
        ("library.remove", "DONE", "admin"),
    ]


async def test_what_was_sent_to_a_model_is_in_the_audit_log(
    town: Town, friendship: PlayResult
) -> None:
    """Replies, and what no reply carries: synthesis, transformation, common ground, suggestions."""
    sql = await asyncpg.connect(haystacks.owner_url(town))
    rows = await sql.fetch(
        """SELECT target ? 'messageId' AS reply, item ->> 'type' AS type
           FROM hub."AuditLog", jsonb_array_elements(target -> 'items') item
           WHERE action = 'ai.bundle' AND "actorRole" = 'ai'"""
    )
    rejected = await sql.fetchval(
        """SELECT count(*) FROM hub."AuditLog" WHERE action = 'retrieval.rejected'"""
    )
    await sql.close()
    assert friendship in town.played
    replies = {row["type"] for row in rows if row["reply"]}
    others = {row["type"] for row in rows if not row["reply"]}
    assert {"message", "common_ground", "strategy", "agreement"} <= replies
    assert {"message", "consented_content", "experiment_suggestion"} <= others
    assert rejected == 0, "the planner by rules asks for nothing in vain"
