"""`hub.load_sessions` and the look-ups before an actor is known (spec 4.2)."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import asyncpg

from tests.conftest import TestDatabase
from tests.integration.database.conftest import World, insert

SEAT = {
    "progress", "draft", "attempts", "validations", "needs", "clarifications", "events",
    "boundaries", "documents", "consents", "rankings", "strategies", "readings", "unanswered",
    "aiTurn", "nudgedAt", "hasPrivate", "lastEventAt", "openedStage",
}  # fmt: skip


def hash8(command_id: str) -> int:
    """As the host computes it."""
    return int.from_bytes(hashlib.sha256(command_id.encode()).digest()[:8], "big", signed=True)


async def test_facts_have_the_documented_layout(world: World) -> None:
    [row] = await world.load(["s"])
    facts = row["facts"]
    assert set(facts) == {
        "session", "invitation", "members", "seats", "shared", "reminders", "callers",
    }  # fmt: skip
    assert facts["members"] == [
        {"userId": "a", "vesselId": "a", "erased": False, "presenceShown": True},
        {"userId": "b", "vesselId": "b", "erased": False, "presenceShown": True},
    ]
    assert set(facts["session"]) == {
        "id", "relationshipId", "createdById", "status", "createdAt", "resolvedAt", "outcome",
        "closeProposedById", "pausedAt", "pausedById", "lastActivityAt", "strategyPhase",
        "strategyRound", "sharedVesselId",
    }  # fmt: skip
    assert set(facts["seats"]) == {"a", "b"}
    for seat in facts["seats"].values():
        assert set(seat) == SEAT
    assert facts["invitation"]["targetUserId"] == "b"
    assert facts["invitation"]["hasName"]


async def test_each_seat_is_read_as_its_user_and_the_shared_as_both(world: World) -> None:
    [row] = await world.load(["s"])
    seats, shared = row["facts"]["seats"], row["facts"]["shared"]
    assert seats["a"]["unanswered"] == ["a"]
    assert seats["b"]["events"] == ["b"]
    assert seats["a"]["attempts"][0]["consentRecordId"] == "a-attempt"
    assert seats["b"]["validations"] == [
        {
            "id": "b",
            "attemptId": "a",
            "validated": False,
            "feedbackShared": False,
            "hasFeedback": True,
            "validatedAt": None,
        }
    ]
    assert {one["id"] for one in seats["a"]["strategies"]} == {"a", "a-asked"}
    assert {one["id"] for one in shared["strategies"]} == {"a", "a-asked", "b"}
    assert {one["id"] for one in shared["contents"]} == {"a", "b", "a-taken-back", "a-attempt"}
    assert [one["id"] for one in shared["commonGround"]] == ["s"], "seen by both, listed once"
    assert [one["id"] for one in shared["agreements"]] == ["s"]
    assert [one["id"] for one in seats["a"]["rankings"]] == ["a"]
    assert seats["a"]["aiTurn"] == "a"
    assert seats["a"]["nudgedAt"] is not None


async def test_names_seqs_and_receipts(world: World) -> None:
    [row] = await world.load(["s"])
    assert row["names"] == {"": "canary a", "a": "Anna", "b": "Bela"}
    assert row["seqs"] == {"a": 1, "b": 1}
    assert row["receipts"] == {"a": [hash8("command")], "b": [hash8("command")]}


async def test_facts_hold_no_text_of_anybody(world: World) -> None:
    rows = await world.load(["s", "t"], {"s": ["c"]})
    assert len(rows) == 2
    for row in rows:
        assert "canary" not in json.dumps({**row, "names": None})


async def test_a_message_is_answered_when_an_answer_names_it(world: World) -> None:
    thread = {"sessionId": "s", "forUserId": "a", "content": "x"}
    mine = {**thread, "role": "USER", "senderId": "a", "stage": 1}
    async with world.undone():
        await world.flush(
            {"s": ["a"]},
            insert("Message", {**mine, "id": "meanwhile", "timestamp": "2100-01-01T00:00:00Z"}),
            insert("Message", {**mine, "id": "dealt", "timestamp": "2100-01-01T00:00:01Z"}),
            insert("Message", {**thread, "id": "answer", "role": "AI", "stage": 3,
                               "bundle": {"answers": ["a", "dealt"]},
                               "timestamp": "2100-01-01T00:00:02Z"}),
            insert("hub.SessionEvent", {"sessionId": "s", "userId": "a", "seq": 900, "name": "x",
                                        "at": "2100-01-01T00:00:03Z"}),
        )  # fmt: skip
        await world.sql.execute("RESET ROLE")
        [row] = await world.load(["s"])
        seat = row["facts"]["seats"]["a"]
        assert seat["unanswered"] == ["meanwhile"]
        assert seat["openedStage"] == 3
        assert seat["lastEventAt"].startswith("2100-01-01T00:00:03")


async def test_a_caller_from_outside_brings_receipts_and_relationships(world: World) -> None:
    async with world.undone():
        await world.flush(
            {"t": ["c"]},
            insert(
                "hub.CommandReceipt",
                {"sessionId": "", "userId": "c", "commandId": "k", "name": "x", "digest": "d"},
            ),
        )
        await world.sql.execute("RESET ROLE")
        [row] = await world.load(["s"], {"s": ["c", "a"]})
    assert row["facts"]["callers"] == {
        "c": {"relationships": [{"id": "t", "partnerId": None, "openSessionId": "t"}]}
    }
    assert set(row["facts"]["seats"]) == {"a", "b"}
    assert row["receipts"]["c"] == [hash8("k")]
    assert row["names"]["c"] == "Cleo"


async def test_a_session_that_is_not_there_has_no_row(world: World) -> None:
    assert [row["sessionId"] for row in await world.load(["nope", "t"])] == ["t"]


async def test_nobody_is_the_actor_after_a_load(world: World) -> None:
    async with world.undone():
        await world.sql.fetch("SELECT * FROM hub.load_sessions('{s}', '{}')")
        assert await world.sql.fetchval("SELECT current_user::text") == "beheard_app"
        assert await world.sql.fetchval("SELECT hub.actor_id()") is None
        assert await world.sql.fetchval('SELECT count(*) FROM "Message"') == 0


async def test_a_load_stays_with_its_session_when_the_tables_grow(
    world: World, database: TestDatabase
) -> None:
    """A connection plans once, when there may be hardly anything to read."""
    fresh = World(await asyncpg.connect(database.owner_url))
    try:
        async with fresh.undone():
            await remind(fresh, range(200))
            await fresh.load(["s"])
            await remind(fresh, range(200, 3_000))
            before = await reminders_read(fresh)
            [row] = await fresh.load(["s"])
            read = await reminders_read(fresh) - before
    finally:
        await fresh.sql.close()
    assert len(row["facts"]["reminders"]) <= read < 100


async def remind(world: World, numbers: range) -> None:
    """Others wait for these."""
    await world.sql.execute(
        """INSERT INTO hub."Reminder" (id, "sessionId", "userId", shard, kind, "dueAt")
        SELECT 'r' || n, md5(n::text) || md5(n::text), 'c', n % 256, 'x', now()
        FROM unnest($1::int[]) n""",
        list(numbers),
    )


async def reminders_read(world: World) -> int:
    """Rows of the table that this transaction has read."""
    count: int = await world.sql.fetchval(
        """SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables
        WHERE relid = 'hub."Reminder"'::regclass"""
    )
    return count


async def directory(world: World, user_id: str) -> dict[str, Any] | None:
    async with world.undone():
        row = await world.sql.fetchrow("SELECT * FROM hub.load_directory($1)", user_id)
    return {k: json.loads(v) for k, v in row.items() if k != "sessionId"} if row else None


async def test_the_directory_knows_own_relationships_only(world: World) -> None:
    loaded = await directory(world, "a")
    assert loaded is not None
    assert loaded["facts"] == {
        "user": {"id": "a", "role": "USER", "erased": False},
        "relationships": [{"id": "s", "partnerId": "b", "openSessionId": "s"}],
    }
    assert loaded["names"] == {"a": "Anna", "b": "Bela"}
    assert await directory(world, "nobody") is None


async def test_an_invitation_is_found_and_previewed_without_addresses(world: World) -> None:
    async with world.acting(None):
        assert await world.sql.fetchval("SELECT hub.find_invitation('a')") == "s"
        assert await world.sql.fetchval("SELECT hub.find_invitation('nope')") is None
        row = await world.sql.fetchrow("SELECT * FROM hub.invitation_preview('a')")
    assert set(row.keys()) == {"inviterName", "status", "createdAt", "expiresAt"}
    assert (row["inviterName"], row["status"]) == ("Anna", "ACCEPTED")


async def test_racing_first_sights_make_one_user(world: World, database: TestDatabase) -> None:
    connections = [await asyncpg.connect(database.owner_url) for _ in range(5)]
    made = await asyncio.gather(
        *(
            c.fetchval("""SELECT "userId" FROM hub.provision_user('i', 'new', 'Nina', NULL)""")
            for c in connections
        )
    )
    for connection in connections:
        await connection.close()
    assert len(set(made)) == 1
    row = await world.sql.fetchrow('SELECT * FROM "User" WHERE id = $1', made[0])
    assert (row["name"], row["role"]) == ("Nina", "USER")
