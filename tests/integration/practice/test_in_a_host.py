"""Sessions of both kinds live in one host; a practice is stored, loaded and shown by its own
tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from beheard_hub.domain.refusals import Code
from beheard_hub.link_messages import Refused, SnapshotFrom
from beheard_hub.persistence.database import Database
from tests.conftest import TestDatabase
from tests.integration.consent.house import House, Phone
from tests.integration.practice.stage import Stage


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


async def refused(phone: Phone, name: str, session_id: str = "", **data: Any) -> str:
    answer = await phone.try_(name, session_id, **data)
    assert isinstance(answer, Refused), answer
    return answer.code


async def test_a_session_begins_is_listed_and_ends(stage: Stage) -> None:
    anna = await stage.person()
    session = await stage.started(anna)
    await anna.hears(lambda message: isinstance(message, SnapshotFrom))
    [snapshot] = [one for one in anna.received if isinstance(one, SnapshotFrom)]
    assert snapshot.state["quota"] == {"remaining": 25_000, "total": 25_000, "state": "ok"}
    assert snapshot.state["exchange"] is None
    later = await stage.started(anna, "small")
    first = await anna.do("practice.list", limit=1)
    assert [one["id"] for one in first["sessions"]] == [later]
    rest = await anna.do("practice.list", limit=1, cursor=first["cursor"])
    assert [one["id"] for one in rest["sessions"]] == [session]
    assert not rest["hasMore"]
    ended = await anna.do("practice.complete", session)
    assert (ended["session"]["status"], ended["session"]["id"]) == ("COMPLETED", session)
    await anna.hears(lambda message: getattr(message, "name", "") == "practice.ended")
    [row] = await stage.rows("ConversationSession", session)
    lasted = row["endedAt"] - row["startedAt"]
    assert (row["status"], row["durationSeconds"]) == ("COMPLETED", int(lasted.total_seconds()))


async def test_of_what_there_is_not_nothing_begins(stage: Stage) -> None:
    anna, guest = await stage.person(), await stage.person("GUEST")
    scenario = await stage.scenario()
    assert await refused(anna, "practice.start", scenarioId=99_999) == Code.NOT_FOUND
    wrong: dict[str, Any] = {"scenarioId": scenario, "presetName": "no such"}
    assert await refused(anna, "practice.start", **wrong) == Code.VALIDATION_ERROR
    assert await refused(guest, "practice.start", scenarioId=scenario) == Code.FORBIDDEN


async def test_a_session_that_nobody_holds_any_more_is_loaded(stage: Stage) -> None:
    anna = await stage.person()
    session = await stage.started(anna)
    await anna.do("practice.get", session)
    activation = stage.house.host.activation
    activation.forget(activation.live[session])
    shown = await anna.do("practice.get", session)
    assert (shown["session"]["id"], shown["session"]["status"]) == (session, "ACTIVE")
    assert shown["quota"]["total"] == 25_000


async def test_both_kinds_live_side_by_side(stage: Stage) -> None:
    pair, anna = await stage.house.pair(), await stage.person()
    session = await stage.started(anna)
    assert (await pair.do(pair.a, "session.get"))["session"]["id"] == pair.id
    assert (await anna.do("practice.get", session))["session"]["id"] == session
    assert await refused(pair.a, "practice.get", pair.id) == Code.NOT_FOUND
    assert await refused(anna, "session.get", session) == Code.NOT_FOUND


async def test_staff_read_what_they_invited_to_as_long_as_they_are_staff(stage: Stage) -> None:
    anna, rita = await stage.person("GUEST"), await stage.person("STAFF")
    other = await stage.person("STAFF")
    _, session = await stage.invited(anna, rita)
    for _ in range(2):
        assert (await rita.do("practice.get", session))["session"]["observed"] is True
        assert await rita.do("practice.messages", session) == {
            "messages": [], "cursor": None, "hasMore": False,
        }  # fmt: skip
        assert await refused(other, "practice.get", session) == Code.NOT_FOUND
    assert await refused(rita, "practice.complete", session) == Code.NOT_FOUND
    await stage.change_role(rita, "USER")
    assert await refused(rita, "practice.get", session) == Code.NOT_FOUND
    await stage.change_role(other, "ADMIN")
    assert (await other.do("practice.get", session))["session"]["id"] == session


async def test_notes_are_kept_where_their_invitation_is_seen(stage: Stage) -> None:
    anna, rita = await stage.person("GUEST"), await stage.person("STAFF")
    other, boss = await stage.person("STAFF"), await stage.person("ADMIN")
    invitation, session = await stage.invited(anna, rita)
    _, elsewhere = await stage.invited(await stage.person("GUEST"), rita)
    about: dict[str, Any] = {
        "invitationId": invitation,
        "sessionId": session,
        "content": "waits now",
    }
    note = (await rita.do("note.add", **about))["note"]
    assert (note["content"], note["sessionId"]) == ("waits now", session)
    assert await refused(rita, "note.add", **{**about, "sessionId": elsewhere}) == Code.NOT_FOUND
    assert await refused(other, "note.add", **about) == Code.NOT_FOUND
    assert await refused(anna, "note.add", **about) == Code.FORBIDDEN
    for who, seen in ((rita, [note]), (boss, [note]), (other, [])):
        assert (await who.do("note.list", invitationId=invitation))["notes"] == seen
    assert await refused(other, "note.delete", noteId=note["id"]) == Code.NOT_FOUND
    assert await boss.do("note.delete", noteId=note["id"]) == {"deleted": True}
    assert (await rita.do("note.list", invitationId=invitation))["notes"] == []


async def test_anybody_reads_what_can_be_practised(stage: Stage) -> None:
    scenario = await stage.scenario()
    for who in (await stage.person("GUEST"), Phone(stage.house.host, "nobody:of-the-test")):
        first = await who.do("practice.scenarios", limit=3)
        rest = await who.do("practice.scenarios", limit=3, cursor=first["cursor"])
        found = {one["slug"]: one for one in [*first["scenarios"], *rest["scenarios"]]}
        assert len(found) == 4
        assert not rest["hasMore"]
        one = (await who.do("practice.scenario", slug="family-table"))["scenario"]
        assert one == found["family-table"]
        assert (one["id"], set(one)) == (
            scenario, {"id", "name", "description", "slug", "partnerPersona"},
        )  # fmt: skip
        assert await refused(who, "practice.scenario", slug="no-such") == Code.NOT_FOUND
