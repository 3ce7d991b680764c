"""What is counted, by apps and by the server, and how administrators see it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from beheard_hub.domain.practice.telemetry import RESERVED
from beheard_hub.domain.refusals import Code
from beheard_hub.link_messages import Refused, SubscribedFrom
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.register import PostgresRegister
from beheard_hub.persistence.stores import PostgresAccounts
from tests.conftest import TestDatabase
from tests.integration.consent.house import House, Phone
from tests.integration.practice.stage import Stage

DAY = timedelta(days=1)
NOON = datetime(2031, 5, 10, 12, tzinfo=UTC)
"""Long after everything else that the tests of this database do."""


@pytest.fixture
async def stage(
    database: TestDatabase, db: Database, owner: asyncpg.Connection
) -> AsyncIterator[Stage]:
    house = House(database, db)
    await house.start()
    try:
        yield Stage(house, owner)
    finally:
        await house.stop()


async def refused(phone: Phone, name: str, /, **data: Any) -> Refused:
    answer = await phone.try_(name, **data)
    assert isinstance(answer, Refused), answer
    return answer


async def happened(stage: Stage, *events: tuple[str, datetime, dict[str, Any], str | None]) -> None:
    """Rows as hosts write them."""
    for number, (name, at, properties, user) in enumerate(events):
        await stage.owner.execute(
            """INSERT INTO practice."TelemetryEvent" (id, name, "createdAt", properties, "userId")
               VALUES ($1, $2, $3, $4, $5)""",
            f"{name}-{at.isoformat()}-{number}", name, at, json.dumps(properties), user,
        )  # fmt: skip


async def test_what_an_app_says_is_stored_as_it_is_and_never_as_the_server_s(
    stage: Stage,
) -> None:
    anna, nobody = await stage.person("GUEST"), Phone(stage.house.host, "nobody:1f")
    properties = {"screen": "Zoë", "seconds": 1.5, "again": True, "from": None}
    for phone in (anna, nobody):
        told = await phone.do("telemetry.record", name="help_read", properties=properties)
        assert told == {"recorded": True}
    rows = await stage.owner.fetch(
        """SELECT properties, "userId" FROM practice."TelemetryEvent" WHERE name = 'help_read'
           ORDER BY "createdAt", id"""
    )
    assert [row["userId"] for row in rows] == [anna.user_id, None]
    assert [json.loads(row["properties"]) for row in rows] == [properties, properties]
    for name in [*RESERVED, "Message_Sent"]:
        assert (await refused(anna, "telemetry.record", name=name)).code == Code.VALIDATION_ERROR
    wrong: list[dict[str, Any]] = [
        {"name": "n" * 101},
        {"properties": [1]},
        {"properties": {"nested": {"a": 1}}},
        {"properties": {"long": "x" * 8_192}},
        {"properties": {"big": 10**400}},
        {"properties": {"\0": 1}},
        {"sessionId": "no number"},
    ]
    for data in wrong:
        answer = await refused(anna, "telemetry.record", **{"name": "x", **data})
        assert (answer.code, list(answer.details or {})) == (Code.VALIDATION_ERROR, [*data])
    numbers = {f"n{number}": -1e299 for number in range(26)}
    await anna.do("telemetry.record", name="numbers", properties=numbers)


async def test_only_administrators_ask(stage: Stage) -> None:
    rita = await stage.person("STAFF")
    for name in ("summary", "events", "series", "top_scenarios"):
        assert (await refused(rita, f"telemetry.{name}")).code == Code.FORBIDDEN


async def test_sums_of_a_span(stage: Stage) -> None:
    boss, anna = await stage.person("ADMIN"), await stage.person()
    await happened(
        stage,
        ("conversation_started", NOON, {}, anna.user_id),
        ("conversation_ended", NOON, {"durationMs": 3_000}, anna.user_id),
        ("conversation_ended", NOON + DAY, {"durationMs": 1_000}, None),
        ("stream_completed", NOON + DAY, {"inputTokens": 7, "outputTokens": 2}, None),
        ("late", NOON + 3 * DAY, {}, None),
    )
    span: dict[str, Any] = {
        "from": (NOON - DAY).isoformat(), "to": (NOON + 3 * DAY).isoformat(),
    }  # fmt: skip
    assert await boss.do("telemetry.summary", **span) == {
        "total": 4, "users": 1, "sessions": 0, "started": 1, "ended": 2,
        "averageDurationMs": 2_000, "inputTokens": 7, "outputTokens": 2,
        "names": [
            {"name": "conversation_ended", "count": 2},
            {"name": "conversation_started", "count": 1},
            {"name": "stream_completed", "count": 1},
        ],
    }  # fmt: skip
    series = (await boss.do("telemetry.series", **span))["series"]
    assert [(one["date"], one["count"]) for one in series] == [
        ("2031-05-09", 0), ("2031-05-10", 2), ("2031-05-11", 2), ("2031-05-12", 0),
        ("2031-05-13", 0),
    ]  # fmt: skip
    own = await boss.do("telemetry.series", **span, userId=anna.user_id, name="conversation_ended")
    assert [one["count"] for one in own["series"]] == [0, 1, 0, 0, 0]
    nothing = await boss.do("telemetry.summary", **span, userId="nobody at all")
    assert (nothing["total"], nothing["averageDurationMs"], nothing["names"]) == (0, None, [])
    for wrong in ({"from": span["to"], "to": span["from"]}, {"from": "2029-01-01T00:00:00Z"}):
        answer = await refused(boss, "telemetry.summary", **{**span, **wrong})
        assert answer.code == Code.VALIDATION_ERROR


async def test_no_page_loses_a_row_also_of_those_that_happened_at_once(stage: Stage) -> None:
    boss = await stage.person("ADMIN")
    await happened(stage, *[("at_once", NOON + 9 * DAY, {"n": n}, None) for n in range(7)])
    seen: list[int] = []
    cursor = None
    while True:
        page = await boss.do("telemetry.events", name="at_once", limit=3, cursor=cursor)
        seen += [one["properties"]["n"] for one in page["events"]]
        await happened(stage, ("at_once", NOON + 10 * DAY + len(seen) * DAY, {"n": 100}, None))
        cursor = page["cursor"]
        if not page["hasMore"]:
            break
    assert sorted(seen) == list(range(7))


async def test_scenarios_by_what_happened_in_them(stage: Stage) -> None:
    boss, anna = await stage.person("ADMIN"), await stage.person()
    session = await stage.started(anna)
    await stage.owner.execute(
        """UPDATE practice."TelemetryEvent" SET "createdAt" = $2 WHERE "sessionId" = $1""",
        int(session),
        NOON + 40 * DAY,
    )
    span = {"from": (NOON + 39 * DAY).isoformat(), "to": (NOON + 41 * DAY).isoformat()}
    [top] = (await boss.do("telemetry.top_scenarios", **span))["scenarios"]
    assert (top["slug"], top["count"]) == ("family-table", 1)
    asked = await boss.do("telemetry.top_scenarios", **span, name="message_sent")
    assert asked == {"scenarios": []}


async def test_who_listens_again_is_counted_and_who_begins_to_is_not(stage: Stage) -> None:
    anna = await stage.person()
    session = await stage.started(anna)
    anna.listen(session, after=0)
    await anna.hears(lambda message: isinstance(message, SubscribedFrom))
    await anna.do("practice.get", session)
    counted = await stage.owner.fetchval(
        """SELECT count(*) FROM practice."TelemetryEvent"
           WHERE name = 'reconnection' AND "userId" = $1 AND "sessionId" = $2""",
        anna.user_id,
        int(session),
    )
    assert counted == 1


async def test_the_server_counts_who_came_was_merged_or_has_another_role(
    stage: Stage, db: Database
) -> None:
    accounts = PostgresAccounts(db, admin_emails=["boss@hub.test"])
    guest = await stage.person("GUEST")
    came, _, _ = await accounts.provision("telemetry", "subject", None)
    for _ in range(2):
        await accounts.provision("telemetry", "subject", None, "boss@hub.test")
    await stage.owner.execute(
        """UPDATE "User" SET "lastLoginAt" = now() - interval '2 hours' WHERE id = $1""", came
    )
    await accounts.provision("telemetry", "subject", None)
    register = PostgresRegister(db)
    linked = await register.link(guest.user_id, "telemetry", "subject", "other@hub.test")
    assert linked.outcome == "MERGED"
    rows = await stage.owner.fetch(
        """SELECT name, properties FROM practice."TelemetryEvent" WHERE "userId" = $1
           ORDER BY "createdAt" """,
        came,
    )
    found = [(row["name"], json.loads(row["properties"])) for row in rows]
    assert found[:3] == [
        ("user_authenticated", {"role": "USER"}),
        ("user_role_changed", {"from": "USER", "to": "ADMIN"}),
        ("user_authenticated", {"role": "ADMIN"}),
    ]
    assert ("user_merged", {}) in found[3:]
