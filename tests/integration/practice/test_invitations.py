"""Invitations in a host on a real Postgres: made, shown once, looked at, claimed, taken back."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from beheard_hub.domain.refusals import Code
from beheard_hub.link_messages import Acked, EventFrom, Refused
from beheard_hub.persistence.database import Database
from tests.conftest import TestDatabase
from tests.integration.consent.house import House, Phone
from tests.integration.practice.scanning import scanned
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


async def refused(phone: Phone, name: str, **data: Any) -> str:
    answer = await phone.try_(name, **data)
    assert isinstance(answer, Refused), answer
    return answer.code


async def invited(stage: Stage, by: Phone, **data: Any) -> dict[str, Any]:
    """The creation reply, with the token that is in its link."""
    asked = {"scenarioId": await stage.scenario(), "presetName": "small", **data}
    made = dict((await by.do("practice_invitation.create", **asked))["invitation"])
    made["token"] = urlsplit(made["link"]).fragment.removeprefix("token=")
    return made


async def test_link_and_picture_are_shown_once_and_the_token_is_stored_nowhere(
    stage: Stage,
) -> None:
    rita = await stage.person("STAFF")
    made = await invited(stage, rita, label="Tuesday group", observed=False, expiresInDays=3)
    assert (made["label"], made["observed"], made["status"]) == ("Tuesday group", False, "PENDING")
    assert made["quota"]["tokens"] == 10_000
    assert len(made["token"]) == 43
    assert scanned(made["qrCode"]) == f"{made['link']}&via=qr"
    digest = hashlib.sha256(made["token"].encode()).hexdigest()
    stored = await stage.owner.fetchval(
        'SELECT token FROM practice."Invitation" WHERE id = $1', made["id"]
    )
    assert stored == digest
    assert made["token"] not in repr(stage.house.flushes.batches)
    [listed] = (await rita.do("practice_invitation.list"))["invitations"]
    detail = await rita.do("practice_invitation.get", invitationId=made["id"])
    assert detail == {"invitation": listed, "sessions": [], "notes": [], "usage": []}
    assert not {"token", "link", "qrCode"} & listed.keys()
    assert (
        await refused(rita, "practice_invitation.create", scenarioId=99_999, presetName="small")
        == Code.NOT_FOUND
    )
    wrong = {"scenarioId": await stage.scenario(), "presetName": "no such"}
    assert await refused(rita, "practice_invitation.create", **wrong) == Code.VALIDATION_ERROR


async def test_a_quota_is_a_copy_of_its_preset(stage: Stage) -> None:
    rita, anna = await stage.person("STAFF"), await stage.person()
    made = await invited(stage, rita)
    await stage.owner.execute(
        """UPDATE practice."QuotaPreset" SET quota = '{"tokens": 1}' WHERE name = 'small'"""
    )
    try:
        session = (await anna.do("practice_invitation.claim", token=made["token"]))["sessionId"]
        assert (await anna.do("practice.get", session))["quota"]["total"] == 10_000
    finally:
        await stage.owner.execute(
            """UPDATE practice."QuotaPreset" SET quota = '{"tokens": 10000}'
               WHERE name = 'small'"""
        )


async def test_whoever_is_not_known_becomes_a_guest_by_claiming(stage: Stage) -> None:
    rita, stranger = await stage.person("STAFF"), Phone(stage.house.host, "guest-1")
    made = await invited(stage, rita, label="private words")
    looked = await stranger.do("practice_invitation.validate", token=made["token"], via="qr")
    offer = looked["invitation"]
    assert (offer["status"], offer["tokens"], offer["observed"]) == ("PENDING", 10_000, True)
    assert offer["scenario"].keys() == {"id", "name", "description", "slug", "partnerPersona"}
    assert "private words" not in repr(looked)
    assert rita.user_id not in repr(looked)
    assert await refused(stranger, "practice_invitation.claim", token="no such") == Code.NOT_FOUND
    assert await stage.owner.fetchval('SELECT count(*) FROM "User" WHERE id = $1', "guest-1") == 0
    claimed = await stranger.do("practice_invitation.claim", token=made["token"])
    assert (claimed["user"]["id"], claimed["user"]["role"]) == ("guest-1", "GUEST")
    stranger.listen(claimed["sessionId"])
    assert await stranger.do("practice_invitation.claim", token=made["token"]) == claimed
    detail = await rita.do("practice_invitation.get", invitationId=made["id"])
    assert detail["invitation"]["status"] == "CLAIMED"
    assert [one["id"] for one in detail["sessions"]] == [claimed["sessionId"]]
    counted = await stage.owner.fetch(
        """SELECT name, "userId" FROM practice."TelemetryEvent"
           WHERE properties ->> 'invitationId' = $1 ORDER BY "createdAt", id""",
        made["id"],
    )
    assert [tuple(row) for row in counted] == [
        ("invitation_created", rita.user_id),
        ("qr_scanned", None),
        ("invitation_claimed", "guest-1"),
    ]


async def test_of_racing_claims_one_wins_and_no_other_guest_is_made(stage: Stage) -> None:
    rita = await stage.person("STAFF")
    made = await invited(stage, rita)
    racers = [Phone(stage.house.host, f"racer-{number}") for number in range(8)]
    answers = await asyncio.gather(
        *(racer.try_("practice_invitation.claim", token=made["token"]) for racer in racers)
    )
    won = [answer for answer in answers if isinstance(answer, Acked)]
    lost = {answer.code for answer in answers if isinstance(answer, Refused)}
    assert (len(won), lost) == (1, {Code.CONFLICT})
    guests = await stage.owner.fetchval("""SELECT count(*) FROM "User" WHERE id LIKE 'racer-%'""")
    sessions = await stage.owner.fetchval(
        'SELECT count(*) FROM practice."ConversationSession" WHERE "invitationId" = $1', made["id"]
    )
    assert (guests, sessions) == (1, 1)


async def test_what_has_run_out_or_was_taken_back_is_claimed_by_nobody(stage: Stage) -> None:
    rita, other, anna = [await stage.person(role) for role in ("STAFF", "STAFF", "USER")]
    made, late = await invited(stage, rita), await invited(stage, rita)
    await stage.owner.execute(
        """UPDATE practice."Invitation" SET "expiresAt" = now() - interval '1 second'
           WHERE id = $1""",
        late["id"],
    )
    assert await refused(other, "practice_invitation.revoke", invitationId=made["id"]) == (
        Code.NOT_FOUND
    )
    for _ in range(2):
        assert await rita.do("practice_invitation.revoke", invitationId=made["id"]) == {
            "revoked": True
        }
    for one, status in ((made, "REVOKED"), (late, "EXPIRED")):
        looked = await anna.do("practice_invitation.validate", token=one["token"])
        assert looked["invitation"]["status"] == status
        gone = await refused(anna, "practice_invitation.claim", token=one["token"])
        assert gone == Code.INVITATION_EXPIRED


async def test_taking_an_invitation_back_ends_its_session_at_once(stage: Stage) -> None:
    rita, anna = await stage.person("STAFF"), await stage.person()
    boss = await stage.person("ADMIN")
    made = await invited(stage, rita)
    session = (await anna.do("practice_invitation.claim", token=made["token"]))["sessionId"]
    anna.listen(session)
    await boss.do("practice_invitation.revoke", invitationId=made["id"])
    await anna.hears(lambda m: isinstance(m, EventFrom) and m.name == "practice.ended")
    [ended] = [event.data for event in anna.events() if event.name == "practice.ended"]
    assert ended["reason"] == "revoked"
    answer = await anna.try_("practice.send", session, content="Are you there?")
    assert isinstance(answer, Refused)
    assert answer.code == Code.INVITATION_EXPIRED


async def test_one_s_own_are_listed_page_by_page_and_an_administrator_s_are_all(
    stage: Stage,
) -> None:
    rita, other = await stage.person("STAFF"), await stage.person("STAFF")
    boss, anna = await stage.person("ADMIN"), await stage.person()
    made = [(await invited(stage, rita))["id"] for _ in range(3)]
    theirs = (await invited(stage, other))["id"]
    first = await rita.do("practice_invitation.list", limit=2)
    rest = await rita.do("practice_invitation.list", limit=2, cursor=first["cursor"])
    shown = [one["id"] for one in (*first["invitations"], *rest["invitations"])]
    assert shown == made[::-1]
    assert not rest["hasMore"]
    every = {one["id"] for one in (await boss.do("practice_invitation.list"))["invitations"]}
    assert {*made, theirs} <= every
    assert await refused(rita, "practice_invitation.get", invitationId=theirs) == Code.NOT_FOUND
    assert await refused(anna, "practice_invitation.list") == Code.FORBIDDEN
