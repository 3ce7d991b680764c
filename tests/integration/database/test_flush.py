"""`hub.flush`: once, in order, all or nothing, and only what the writer may (spec 01, 4.2)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from tests.integration.database.conftest import World, delete, insert, update

FOR_A = {"s": ["a"]}


def message(key: str, **changes: Any) -> dict[str, Any]:
    """A row of A's thread."""
    row = {"id": key, "sessionId": "s", "forUserId": "a", "senderId": "a", "role": "USER"}
    return {**row, "content": "hello", "stage": 1, **changes}


async def messages(world: World) -> set[str]:
    return {row[0] for row in await world.sql.fetch('SELECT id FROM "Message"')}


async def lease(world: World) -> asyncpg.Record:
    return await world.sql.fetchrow('SELECT * FROM hub."HostLease"')


async def reset(world: World) -> None:
    await world.sql.execute("RESET ROLE")


async def test_a_flush_applies_its_operations_in_order(world: World) -> None:
    async with world.undone():
        answer = await world.flush(
            FOR_A,
            insert("Message", message("m1"), message("m2")),
            update("Session", ["id"], {"id": "s", "strategyRound": 3}),
            update(
                "StageProgress",
                ["sessionId", "userId", "stage"],
                {
                    "sessionId": "s",
                    "userId": "a",
                    "stage": 4,
                    "gatesSatisfied": {"strategiesSubmitted": True},
                },
            ),
            delete("UserEvent", "a"),
        )
        assert answer == "ok"
        await reset(world)
        assert {"m1", "m2"} <= await messages(world)
        assert await world.sql.fetchval(
            """SELECT "strategyRound" FROM "Session" WHERE id = 's'"""
        ) == 3  # fmt: skip
        gates = await world.sql.fetchval(
            """SELECT "gatesSatisfied" FROM "StageProgress" WHERE id = 'a'"""
        )
        assert json.loads(gates) == {"strategiesSubmitted": True}
        left = await world.sql.fetchval("""SELECT count(*) FROM "UserEvent" WHERE id = 'a'""")
        assert left == 0


async def test_columns_that_are_not_named_take_their_defaults(world: World) -> None:
    async with world.undone():
        await world.flush(FOR_A, insert("Message", message("m1")))
        await reset(world)
        row = await world.sql.fetchrow("""SELECT * FROM "Message" WHERE id = 'm1'""")
        assert row["extractedNeeds"] == []
        assert row["createdAt"] == row["timestamp"] == row["updatedAt"]
        assert row["embedding"] is None


async def test_a_number_seen_before_is_already_done(world: World) -> None:
    async with world.undone():
        assert await world.flush(FOR_A, insert("Message", message("m1")), n=1) == "ok"
        await reset(world)
        assert await world.flush(FOR_A, insert("Message", message("m1")), n=1) == "already"
        await reset(world)
        assert (await lease(world))["flushNo"] == 1


@pytest.mark.parametrize(("n", "epoch"), [(2, 1000), (0, 1000), (1, 999), (1, 1001)])
async def test_a_wrong_number_or_epoch_is_fenced(world: World, n: int, epoch: int) -> None:
    async with world.undone():
        if n == 0:
            await world.sql.execute('UPDATE hub."HostLease" SET "flushNo" = 5')
        assert await world.flush(FOR_A, insert("Message", message("m1")), n=n, epoch=epoch) == (
            "fenced"
        )
        await reset(world)
        assert "m1" not in await messages(world)


async def test_a_dead_lease_is_fenced_also_for_a_heartbeat(world: World) -> None:
    async with world.undone():
        await world.sql.execute('UPDATE hub."HostLease" SET dead = true')
        assert await world.flush({}, n=1) == "fenced"


async def test_a_heartbeat_moves_number_and_expiry(world: World) -> None:
    async with world.undone():
        await world.sql.execute("""UPDATE hub."HostLease" SET "expiresAt" = 'epoch'""")
        before = await world.sql.fetchval("SELECT clock_timestamp()")
        answer = await world.sql.fetchval("SELECT hub.flush('host', 1000, 1, '{}')")
        after = await world.sql.fetchval("SELECT clock_timestamp()")
        await reset(world)
        expires = await world.sql.fetchval('SELECT "expiresAt" FROM hub."HostLease"')
        assert answer == "ok"
        assert before <= expires - timedelta(seconds=3) <= after
        assert (await lease(world))["flushNo"] == 1


async def refused(world: World, *ops: Any, writing: Any = None) -> asyncpg.PostgresError:
    """Flushes a good row and then `ops`; nothing of it may stay."""
    async with world.undone():
        with pytest.raises(asyncpg.PostgresError) as error:
            async with world.sql.transaction():
                await world.flush(writing or FOR_A, insert("Message", message("good")), *ops)
        assert "good" not in await messages(world)
        assert (await lease(world))["flushNo"] == 0
    return error.value


@pytest.mark.parametrize(
    ("op", "sqlstate"),
    [
        (insert("Message", message("a")), "23505"),
        (insert("Message", message("m1", content="")), "23514"),
        (insert("Message", message("m1", sessionId="t")), "42501"),
        (insert("Message", message("m1", forUserId="b", senderId="b")), "42501"),
        (insert("Message", message("m1", updatedAt="2020-01-01")), "BH004"),
        (insert("Message", message("m1", nosuch=1)), "BH004"),
        (update("Message", ["id"], {"id": "a", "content": "rewritten"}), "42501"),
        (update("UserEvent", ["id"], {"id": "nobody's", "description": "x"}), "BH001"),
        (update("UserEvent", ["id"], {"id": "b", "description": "x"}), "BH001"),
        (update("EmpathyAttempt", ["id"], {"id": "a", "content": "x"}), "42501"),
        (delete("UserEvent", "b"), "BH001"),
        (delete("Message", "a"), "BH004"),
        (delete("Agreement", "s"), "BH004"),
        (insert("hub.ShardOwner", {"shard": 1}), "BH004"),
        (insert("hub.HostLease", {"hostId": "x"}), "BH004"),
        (insert('Message"; DROP TABLE "Message', {"id": "x"}), "BH004"),
        (update("Session", ["id"], {"id": "t", "status": "ACTIVE"}), "BH001"),
        (update("Session", ["id"], {"id": "s", 'status" = NULL --': "x"}), "42703"),
        (insert("SharedVessel", {"id": "x", "sessionId": "nosuch"}), "42501"),
    ],
)
async def test_a_poisonous_row_takes_the_whole_batch_with_it(
    world: World, op: Any, sqlstate: str
) -> None:
    assert (await refused(world, op)).sqlstate == sqlstate


async def test_a_refusal_does_not_repeat_what_was_written(world: World) -> None:
    """Nor do the constraint's details, which could land in a log (spec 4.4)."""
    for op in (
        insert("UserDocument", {"id": "x", "vesselId": "a", "title": "canary" * 50,
                                "content": "canary", "type": "x"}),
        insert("EmpathyDraft", {"id": "x", "sessionId": "s", "userId": "a", "content": "canary"}),
        insert("Message", message("m1", content="canary", forUserId="b", senderId="b")),
    ):  # fmt: skip
        error = await refused(world, op)
        said = " ".join(str(part) for part in (error, *vars(error).values()))
        assert "canary" not in said


async def test_a_change_stays_prepared_when_its_flush_is_rolled_back(world: World) -> None:
    closed = update("Session", ["id"], {"id": "s", "outcome": None, "strategyRound": 2})
    for _ in range(2):
        error = await refused(world, closed, insert("Message", message("m1", stage=9)))
        assert error.sqlstate == "23514"
    async with world.undone():
        assert await world.flush(FOR_A, closed, closed) == "ok"
        await reset(world)
        assert await world.sql.fetchval("SELECT current_setting('app.rows')") == ""
        shapes = "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'change%'"
        assert await world.sql.fetchval(shapes + " AND statement LIKE '%outcome%'") == 1


async def test_a_refused_change_has_no_row_in_its_context(world: World) -> None:
    private = {"id": "a", "description": "canary", "attributedTo": "NOBODY"}
    error = await refused(world, update("UserEvent", ["id"], private))
    assert "canary" not in " ".join(str(part) for part in (error, *vars(error).values()))


async def test_a_session_begins_in_one_flush(world: World) -> None:
    async with world.undone():
        await world.sql.execute("""UPDATE "Session" SET status = 'ABANDONED'""")
        assert await world.flush(
            {"new": ["a"]},
            insert("Relationship", {"id": "new"}),
            insert("RelationshipMember", {"id": "n", "relationshipId": "new", "userId": "a"}),
            insert("Session", {"id": "new", "relationshipId": "new", "createdById": "a"}),
            insert("SharedVessel", {"id": "new", "sessionId": "new"}),
            insert("UserVessel", {"id": "n", "userId": "a", "sessionId": "new"}),
            insert("hub.SessionEvent", {"sessionId": "new", "userId": "a", "seq": 1, "name": "x"}),
            insert(
                "hub.CommandReceipt",
                {"sessionId": "", "userId": "a", "commandId": "k", "name": "x", "digest": "d"},
            ),
        ) == "ok"  # fmt: skip


async def test_a_vessel_needs_membership_of_the_relationship(world: World) -> None:
    row = {"id": "x", "userId": "c", "sessionId": "s"}
    error = await refused(world, insert("UserVessel", row), writing={"s": ["a", "c"]})
    assert error.sqlstate == "42501"


async def test_two_members_at_most(world: World) -> None:
    row = {"id": "x", "relationshipId": "s", "userId": "staff"}
    error = await refused(world, insert("RelationshipMember", row), writing={"s": ["a", "staff"]})
    assert error.sqlstate == "23505"


async def test_one_open_session_per_relationship(world: World) -> None:
    row = {"id": "x", "relationshipId": "s", "createdById": "a"}
    error = await refused(world, insert("Session", row), writing={"s": ["a"], "x": ["a"]})
    assert error.sqlstate == "23505"


async def test_a_receipt_without_a_session_is_the_writers_own(world: World) -> None:
    row = {"sessionId": "", "userId": "b", "commandId": "k", "name": "x", "digest": "d"}
    assert (await refused(world, insert("hub.CommandReceipt", row))).sqlstate == "42501"


async def test_the_role_ends_with_the_statement(world: World) -> None:
    await world.sql.execute("SET SESSION AUTHORIZATION beheard_login")
    try:
        assert await world.sql.fetchval("SELECT hub.flush('nobody', 1, 1, '{}')") == "fenced"
        assert await world.sql.fetchval("SELECT current_user::text") == "beheard_login"
        left = await world.sql.fetchval("SELECT current_setting('app.writing', true)")
        assert left in (None, "")
    finally:
        await world.sql.execute("RESET SESSION AUTHORIZATION")


async def test_the_reading_role_cannot_flush(world: World) -> None:
    async with world.acting(None):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.sql.fetchval("SELECT hub.flush('host', 1000, 1, '{}')")
