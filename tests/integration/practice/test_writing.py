"""What a flush may do to a practice: claims, presets, scenarios, notes; and what leaving does."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from tests.conftest import TestDatabase
from tests.integration.database.conftest import World, delete, insert, update

USED = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}


def session(number: int, user: str, **more: Any) -> dict[str, Any]:
    """A row of somebody's practice, by default one that stands on no invitation."""
    row = {"id": number, "userId": user, "scenarioId": 9001}
    return {**row, "quota": {"tokens": 100}, **more}


def claim(number: int, user: str, invitation: str) -> list[dict[str, Any]]:
    """The rows of a claim."""
    return [
        insert(
            "practice.ConversationSession",
            session(number, user, invitationId=invitation, quota=None),
        ),
        update(
            "practice.Invitation",
            ["id"],
            {"id": invitation, "claimedAt": "2026-01-01T00:00:00Z", "linkedUserId": user},
        ),
    ]


async def invited(world: World) -> None:
    """A fresh invitation of staff."""
    row = {
        "id": "fresh",
        "token": "0" * 64,
        "label": "for somebody",
        "scenarioId": 9001,
        "quota": {"tokens": 100, "label": "x"},
        "expiresAt": "2100-01-01T00:00:00Z",
        "createdById": "staff",
    }
    assert await world.flush({"": ["staff"]}, insert("practice.Invitation", row)) == "ok"


async def refused(world: World, writing: dict[str, list[str]], *ops: dict[str, Any]) -> str:
    """SQLSTATE with which a flush is refused; nothing of it stays."""
    with pytest.raises(asyncpg.PostgresError) as wrong:
        async with world.sql.transaction():
            await world.flush(writing, *ops)
    return str(wrong.value.sqlstate)


# ---- invitations


async def test_the_second_claim_of_an_invitation_meets_the_unique_constraint(world: World) -> None:
    async with world.undone():
        await invited(world)
        assert await world.flush({"91": ["a"]}, *claim(91, "a", "fresh")) == "ok"
        assert await refused(world, {"92": ["b"]}, *claim(92, "b", "fresh")) == "23505"


@pytest.mark.parametrize(
    ("writer", "more", "outcome"),
    [
        ("g", {}, "ok"),
        ("a", {}, "42501"),
        ("g", {"role": "USER"}, "42501"),
        ("g", {"role": "ADMIN"}, "42501"),
        ("g", {"email": "somebody@canary.example"}, "42501"),
        ("g", {"pushToken": "t"}, "42501"),
    ],
)
async def test_a_host_makes_guests_and_nobody_else(
    world: World, writer: str, more: dict[str, str], outcome: str
) -> None:
    op = insert("User", {"id": "g", "role": "GUEST", **more})
    async with world.undone():
        if outcome == "ok":
            assert await world.flush({"": [writer]}, op) == "ok"
        else:
            assert await refused(world, {"": [writer]}, op) == outcome


async def test_an_invitation_that_is_linked_is_linked_by_nobody_else(world: World) -> None:
    async with world.undone():
        await invited(world)
        await world.flush({"91": ["a"]}, *claim(91, "a", "fresh"))
        link = claim(92, "b", "fresh")[1]
        assert await refused(world, {"92": ["b"]}, link) == "BH001"


@pytest.mark.parametrize("ended", ["revokedAt", "expiresAt"])
async def test_an_invitation_that_is_over_is_claimed_by_nobody(world: World, ended: str) -> None:
    async with world.undone():
        await invited(world)
        over = f"""UPDATE practice."Invitation" SET "{ended}" = '2026-01-01' WHERE id = 'fresh'"""
        await world.sql.execute("RESET ROLE")
        await world.sql.execute(over)
        opened, linked = claim(91, "a", "fresh")
        assert await refused(world, {"91": ["a"]}, opened) == "42501"
        assert await refused(world, {"91": ["a"]}, linked) == "BH001"
        back = update("practice.Invitation", ["id"], {"id": "fresh", "revokedAt": "2026-02-01"})
        assert await world.flush({"": ["staff"]}, back) == "ok", "its inviter still may"


async def test_a_reply_that_was_under_way_is_charged_after_the_end(world: World) -> None:
    async with world.undone():
        await world.sql.execute("""UPDATE practice."Invitation" SET "expiresAt" = '2026-01-01'""")
        charge = update("practice.Invitation", ["id"], {"id": "a", "usage": USED})
        assert await world.flush({"1": ["a"]}, charge) == "ok"
        assert await refused(world, {"2": ["b"]}, charge) == "BH001"


async def test_of_two_racing_claims_one_wins(database: TestDatabase) -> None:
    connections = [await asyncpg.connect(database.owner_url) for _ in range(2)]
    worlds = [World(connection) for connection in connections]
    hosts = {"race-1": 2001, "race-2": 2002}
    try:
        for host, epoch in hosts.items():
            await connections[0].execute(
                'INSERT INTO hub."HostLease" ("hostId", epoch, endpoint, "expiresAt")'
                " VALUES ($1, $2, 'nowhere', now() + interval '1 day')",
                host, epoch,
            )  # fmt: skip
        await invited(worlds[0])

        async def race(at: int, user: str) -> str:
            host, epoch = list(hosts.items())[at]
            number = 93 + at
            batch = {"writing": {str(number): [user]}, "ops": claim(number, user, "fresh")}
            return await flushed(connections[at], host, epoch, batch)

        said = await asyncio.gather(race(0, "a"), race(1, "b"), return_exceptions=True)
        lost = [one for one in said if isinstance(one, asyncpg.UniqueViolationError)]
        assert [one for one in said if one == "ok"] == ["ok"]
        assert len(lost) == 1
        rows = await connections[0].fetch(
            'SELECT c."userId", i."linkedUserId" FROM practice."Invitation" i'
            ' JOIN practice."ConversationSession" c ON c."invitationId" = i.id'
            " WHERE i.id = 'fresh'"
        )
        assert len(rows) == 1
        assert rows[0]["userId"] == rows[0]["linkedUserId"]
    finally:
        await connections[0].execute(
            'DELETE FROM practice."ConversationSession" WHERE "invitationId" = \'fresh\''
        )
        await connections[0].execute("DELETE FROM practice.\"Invitation\" WHERE id = 'fresh'")
        for connection in connections:
            await connection.close()


async def flushed(connection: asyncpg.Connection, host: str, epoch: int, batch: Any) -> str:
    """The first flush of a host, in a transaction of its own."""
    said: str = await connection.fetchval(
        "SELECT hub.flush($1, $2, 1, $3::jsonb)", host, epoch, json.dumps(batch)
    )
    return said


@pytest.mark.parametrize("user", ["a", "b"])
async def test_who_is_no_staff_invites_nobody(world: World, user: str) -> None:
    row = {"id": "x", "token": "1" * 64, "quota": {"tokens": 1}, "createdById": user,
           "expiresAt": "2100-01-01T00:00:00Z"}  # fmt: skip
    async with world.undone():
        assert await refused(world, {"": [user]}, insert("practice.Invitation", row)) == "42501"


# ---- presets and scenarios


async def test_the_default_goes_from_preset_to_preset_in_one_flush(world: World) -> None:
    async with world.undone():
        rows = [{"id": "preset-standard", "isDefault": False}, {"id": "preset", "isDefault": True}]
        for order in (rows, rows[::-1]):
            async with world.undone():
                op = update("practice.QuotaPreset", ["id"], *order)
                assert await world.flush({"": ["admin"]}, op) == "ok"
        second = update("practice.QuotaPreset", ["id"], rows[1])
        assert await refused(world, {"": ["admin"]}, second) == "23505"


async def test_two_defaults_at_once_are_one(database: TestDatabase, world: World) -> None:
    """The second waits for the first, and fails when that has come to stay."""
    one, other = [await asyncpg.connect(database.owner_url) for _ in range(2)]
    make = (
        'INSERT INTO practice."QuotaPreset" (id, name, label, quota, "isDefault")'
        " VALUES ($1, $1, 'x', '{\"tokens\": 1}', true)"
    )
    try:
        async with one.transaction():
            await one.execute("""UPDATE practice."QuotaPreset" SET "isDefault" = false""")
            await one.execute(make, "first")
            late = asyncio.create_task(other.execute(make, "second"))
        with pytest.raises(asyncpg.UniqueViolationError):
            await late
        assert await one.fetchval(
            'SELECT array_agg(id) FROM practice."QuotaPreset" WHERE "isDefault"'
        ) == ["first"]
    finally:
        await one.execute("DELETE FROM practice.\"QuotaPreset\" WHERE id = 'first'")
        await one.execute(
            """UPDATE practice."QuotaPreset" SET "isDefault" = true WHERE name = 'standard'"""
        )
        await one.close()
        await other.close()


async def test_a_scenario_with_sessions_keeps_its_words(world: World) -> None:
    words = update("practice.Scenario", ["id"], {"id": 9001, "partnerSystemPrompt": "other"})
    switched = update("practice.Scenario", ["id"], {"id": 9001, "isActive": False})
    async with world.undone():
        assert await refused(world, {"": ["admin"]}, words) == "BH006"
        newer = {"id": 9100, "slug": "scenario-1", "version": 2, "name": "x", "description": "x",
                 "partnerPersona": "x", "partnerSystemPrompt": "other",
                 "coachSystemPrompt": "x"}  # fmt: skip
        two = [switched, insert("practice.Scenario", newer)]
        assert await world.flush({"": ["admin"]}, *two) == "ok"
        free = update("practice.Scenario", ["id"], {"id": 9100, "partnerSystemPrompt": "third"})
        assert await world.flush({"": ["admin"]}, free) == "ok"


# ---- sessions, messages, notes


@pytest.mark.parametrize(
    ("op", "sqlstate"),
    [
        (insert("practice.ConversationSession", session(94, "a", quota={"tokens": 0})), "23514"),
        (insert("practice.ConversationSession", session(94, "a", quota=None)), "23514"),
        (insert("practice.ConversationSession", session(94, "a", status="COMPLETED")), "23514"),
        (insert("practice.ConversationSession", session(94, "b")), "42501"),
        (update("practice.ConversationSession", ["id"], {"id": 2, "totalMessages": 1}), "BH001"),
        (update("practice.ConversationSession", ["id"], {"id": 1, "usage": {"totalTokens": 1}}),
         "23514"),
        (insert("practice.Message",
                {"id": 999, "sessionId": 2, "role": "user", "content": "x"}), "42501"),
        (insert("practice.Message",
                {"id": 999, "sessionId": 1, "role": "user", "content": "x" * 10_001}), "23514"),
        (insert("practice.Message",
                {"id": 999, "sessionId": 1, "role": "partner", "content": ""}), "23514"),
        (insert("practice.Message",
                {"id": 11, "sessionId": 1, "role": "user", "content": "x"}), "23505"),
        (delete("practice.Message", "11"), "BH004"),
        (insert("practice.UsageLog",
                {"id": "x", "userId": "a", "invitationId": None, "sessionId": 1, "model": "x",
                 "streamType": "coach", "inputTokens": 1, "outputTokens": 1}), "42501"),
        (insert("practice.TelemetryEvent",
                {"id": "x", "name": "x", "properties": {"x": "y" * 8200}}), "23514"),
    ],
)  # fmt: skip
async def test_a_flush_for_a_does_no_more_than_it_may(
    world: World, op: dict[str, Any], sqlstate: str
) -> None:
    async with world.undone():
        assert await refused(world, {"1": ["a"], "94": ["a"]}, op) == sqlstate


async def test_an_exchange_is_one_flush(world: World) -> None:
    said = {"id": 999, "sessionId": 1, "role": "partner", "content": "x", "metadata": {}}
    charged = {"id": "new", "userId": "a", "invitationId": "a", "sessionId": 1, "model": "x",
               "streamType": "partner", "inputTokens": 10, "outputTokens": 5}  # fmt: skip
    event = {"sessionId": "1", "userId": "a", "seq": 1, "name": "practice.message"}
    due = {"id": "r", "sessionId": "1", "userId": "a", "shard": 1, "kind": "practice_exchange",
           "dueAt": "2026-01-01T00:00:00Z"}  # fmt: skip
    receipt = {"sessionId": "1", "userId": "a", "commandId": "c", "name": "x", "digest": "x"}
    async with world.undone():
        assert await world.flush(
            {"1": ["a"]},
            insert("practice.Message", said),
            insert("practice.UsageLog", charged),
            update("practice.Invitation", ["id"], {"id": "a", "usage": USED}),
            update("practice.ConversationSession", ["id"], {"id": 1, "totalMessages": 4}),
            insert("hub.Reminder", due),
            insert("hub.SessionEvent", event),
            insert("hub.CommandReceipt", receipt),
        ) == "ok"  # fmt: skip
        done = update("hub.Reminder", ["id"], {"id": "r", "firedAt": "2026-01-01T00:00:00Z"})
        assert await world.flush({"1": ["a"]}, done) == "ok"


@pytest.mark.parametrize(
    "op",
    [
        insert("hub.SessionEvent", {"sessionId": "1", "userId": "b", "seq": 1, "name": "x"}),
        insert("hub.SessionEvent", {"sessionId": "77", "userId": "a", "seq": 1, "name": "x"}),
        insert("hub.Reminder", {"id": "r", "sessionId": "77", "userId": None, "shard": 1,
                                "kind": "x", "dueAt": "2026-01-01T00:00:00Z"}),
        insert("hub.CommandReceipt", {"sessionId": "77", "userId": "a", "commandId": "c",
                                      "name": "x", "digest": "x"}),
    ],
)  # fmt: skip
async def test_the_logs_take_nothing_of_a_session_that_is_not_there(
    world: World, op: dict[str, Any]
) -> None:
    async with world.undone():
        assert await refused(world, {"1": ["a"], "77": ["a"]}, op) == "42501"


async def test_a_note_is_about_a_session_of_its_invitation(world: World) -> None:
    note = {"id": "n", "invitationId": "a", "researcherId": "staff", "content": "x"}
    async with world.undone():
        for place, wanted in ((1, "ok"), (3, "23503"), (None, "ok")):
            op = insert("practice.ObservationNote", {**note, "sessionId": place})
            async with world.undone():
                if wanted == "ok":
                    assert await world.flush({"": ["staff"]}, op) == "ok"
                else:
                    assert await refused(world, {"": ["staff"]}, op) == wanted
        others = insert("practice.ObservationNote", {**note, "invitationId": "c"})
        assert await refused(world, {"": ["staff"]}, others) == "42501"


@pytest.mark.parametrize(("writer", "note", "may"), [
    ("staff", "a", True), ("staff", "c", False), ("admin", "a", True), ("a", "a", False),
])  # fmt: skip
async def test_own_notes_are_deleted_and_any_by_an_administrator(
    world: World, writer: str, note: str, may: bool
) -> None:
    op = delete("practice.ObservationNote", note)
    async with world.undone():
        if may:
            assert await world.flush({"": [writer]}, op) == "ok"
        else:
            assert await refused(world, {"": [writer]}, op) == "BH001"


# ---- leaving


async def leave(world: World, user: str) -> None:
    """The first mark, then the eyes of the owner again."""
    await world.flush({"": [user]}, insert("hub.Erasure", {"userId": user}))
    await world.sql.execute("RESET ROLE")


async def test_who_leaves_takes_along_what_was_said(world: World) -> None:
    async with world.undone():
        await leave(world, "a")
        left = await world.sql.fetch('SELECT DISTINCT "sessionId" FROM practice."Message"')
        assert {row[0] for row in left} == {2, 3}
        row = await world.sql.fetchrow(
            'SELECT status, "endedAt", "durationSeconds" FROM practice."ConversationSession"'
            " WHERE id = 1"
        )
        assert row["status"] == "ABANDONED"
        assert None not in row.values()
        late = {"id": 999, "sessionId": 1, "role": "coach", "content": "too late"}
        assert await refused(world, {"1": ["a"]}, insert("practice.Message", late)) == "42501"


async def test_a_researcher_who_leaves_takes_the_own_notes_and_words_along(world: World) -> None:
    async with world.undone():
        await leave(world, "staff")
        notes = await world.sql.fetch('SELECT id FROM practice."ObservationNote"')
        assert {row[0] for row in notes} == {"c"}
        labels = await world.sql.fetch('SELECT id FROM practice."Invitation" WHERE label IS NULL')
        assert {row[0] for row in labels} == {"a"}
        assert await world.sql.fetchval('SELECT count(*) FROM practice."Message"') == 9
