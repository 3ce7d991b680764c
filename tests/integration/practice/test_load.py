"""`hub.load_practice`: the facts of practice sessions (0043_practice_load.sql)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.integration.database.conftest import World, insert, update
from tests.integration.database.test_load import hash8

LATER = "2100-01-01T00:00:0{}Z"


async def load(
    world: World, *ids: str, callers: Mapping[str, Sequence[str]] | None = None
) -> list[dict[str, Any]]:
    """Rows, their JSON parsed, as the login role asks for them; nobody is the actor afterwards."""
    async with world.undone():
        rows = await world.sql.fetch(
            "SELECT * FROM hub.load_practice($1, $2)", ids, json.dumps(callers or {})
        )
        assert await world.sql.fetchval("SELECT hub.actor_id()") is None
    return [{k: json.loads(v) if k != "sessionId" else v for k, v in r.items()} for r in rows]


async def test_facts_have_the_documented_layout(world: World) -> None:
    [row] = await load(world, "1")
    facts = row["facts"]
    assert set(facts) == {
        "session", "invitation", "quota", "usage", "exchange", "reminders", "erased", "callers",
    }  # fmt: skip
    assert set(facts["session"]) == {
        "id", "userId", "invitationId", "scenarioId", "status", "startedAt", "endedAt",
        "totalMessages", "lastAt",
    }  # fmt: skip
    assert (facts["session"]["id"], facts["session"]["userId"]) == (1, "a")
    assert set(facts["invitation"]) == {"id", "observed", "expiresAt", "revokedAt", "claimedAt"}
    assert facts["quota"] == {"tokens": 100}
    assert facts["usage"] == {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
    assert facts["exchange"] == {
        "userMessageId": 11, "exchangeId": "x", "partnerMessageId": 12, "coachMessageId": 13,
    }  # fmt: skip
    assert facts["erased"] is False
    assert row["sessionId"] == "1"
    assert row["names"] == {"a": "Anna"}
    assert row["seqs"] == {"a": 0}
    assert row["receipts"] == {"a": []}


async def test_a_session_without_an_invitation_has_its_own_quota(world: World) -> None:
    [row] = await load(world, "2")
    assert row["facts"]["invitation"] is None
    assert row["facts"]["quota"] == {"tokens": 100}


async def test_one_row_for_each_session_that_is_there(world: World) -> None:
    rows = await load(world, "3", "nope", "", "77", "1", "99999999999")
    assert [row["sessionId"] for row in rows] == ["3", "1"]
    assert rows[0]["facts"]["erased"] is True


async def test_facts_hold_no_text_of_anybody(world: World) -> None:
    rows = await load(world, "1", "2", "3", callers={"1": ["staff", "c"]})
    assert len(rows) == 3
    for row in rows:
        assert "canary" not in json.dumps(row)


async def test_an_exchange_under_way_shows_what_is_missing(world: World) -> None:
    asked = {"id": 5, "sessionId": 1, "role": "user", "content": "x",
             "timestamp": LATER.format(1), "metadata": {"exchangeId": "new"}}  # fmt: skip
    told = {"id": 4, "sessionId": 1, "role": "partner", "content": "x",
            "timestamp": LATER.format(2)}  # fmt: skip
    due = {"id": "r", "sessionId": "1", "userId": "a", "shard": 1, "kind": "practice_exchange",
           "dueAt": LATER.format(1), "payload": {"messageId": 5}}  # fmt: skip
    want = {"userMessageId": 5, "exchangeId": "new", "partnerMessageId": None,
            "coachMessageId": None}  # fmt: skip
    async with world.undone():
        await world.flush(
            {"1": ["a"]}, insert("practice.Message", asked), insert("hub.Reminder", due)
        )
        await world.sql.execute("RESET ROLE")
        [row] = await load(world, "1")
        assert row["facts"]["exchange"] == want
        assert row["facts"]["session"]["lastAt"].startswith("2100-01-01T00:00:01")
        assert [(r["id"], r["payload"]) for r in row["facts"]["reminders"]] == [
            ("r", {"messageId": 5})
        ]
        fired = update("hub.Reminder", ["id"], {"id": "r", "firedAt": LATER.format(2)})
        await world.flush({"1": ["a"]}, insert("practice.Message", told), fired)
        await world.sql.execute("RESET ROLE")
        [row] = await load(world, "1")
        assert row["facts"]["exchange"] == {**want, "partnerMessageId": 4}, (
            "time goes before number"
        )
        assert row["facts"]["reminders"] == []


async def test_nothing_was_said_yet(world: World) -> None:
    fresh = {"id": 90, "userId": "a", "scenarioId": 9001, "quota": {"tokens": 5},
             "startedAt": LATER.format(0)}  # fmt: skip
    async with world.undone():
        await world.flush({"90": ["a"]}, insert("practice.ConversationSession", fresh))
        await world.sql.execute("RESET ROLE")
        [row] = await load(world, "90")
    assert row["facts"]["exchange"] is None
    assert row["facts"]["session"]["lastAt"] == row["facts"]["session"]["startedAt"]


async def test_callers_bring_role_receipts_and_whether_they_invited(world: World) -> None:
    receipt = {"sessionId": "1", "userId": "staff", "commandId": "k", "name": "x", "digest": "d"}
    event = {"sessionId": "1", "userId": "a", "seq": 7, "name": "x"}
    async with world.undone():
        await world.flush(
            {"1": ["staff"]},
            insert("hub.CommandReceipt", receipt),
            insert("hub.SessionEvent", event),
        )
        await world.sql.execute("RESET ROLE")
        [row] = await load(world, "1", callers={"1": ["staff", "admin", "b", "a", "nobody"]})
    assert row["facts"]["callers"] == {
        "staff": {"role": "STAFF", "invited": True},
        "admin": {"role": "ADMIN", "invited": False},
        "b": {"role": "USER", "invited": False},
    }
    assert row["receipts"]["staff"] == [hash8("k")]
    assert row["names"]["staff"] == "Sam"
    assert row["seqs"] == {"a": 7}
