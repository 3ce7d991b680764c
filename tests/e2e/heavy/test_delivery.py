"""Who is away is told by the whole hub, once, through an outage of Ably and a restart in it; and a
timer that comes due while the hub is down runs when it is back, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from beheard_hub.client import Hub
from beheard_hub.domain.sharding import shard_of
from beheard_hub.persistence.prepare import running
from beheard_hub.settings import process_environment
from beheard_hub.testing.ably_api import FAULTS, AblyApi, served
from beheard_hub.testing.ably_api.recording import Request
from beheard_hub.testing.hub_process import HubProcess
from tests.e2e import haystacks
from tests.e2e.conftest import ABLY, Person, Town
from tests.e2e.meeting import heard, opened

SECONDS_MAX = 60
CANARY = "canary-of-the-kettle"
DEVICE = {"transportType": "apns", "deviceToken": "phone-of-ben"}


class Stage(msgspec.Struct):
    """A hub whose pushes go to the stand-in, and two people with a session."""

    town: Town
    api: AblyApi
    ida: Person
    session_id: str
    waiting_id: str
    """A session of hers whose invitation nobody has answered."""
    ben_id: str

    def reached(self) -> bool:
        """Whether something has come to his phone."""
        return any(push.body["recipient"] == DEVICE for push in self.api.pushed)

    def to_ben(self) -> list[Request]:
        """What stands on his channel."""
        return [found for found in self.api.published if self.ben_id in found.channel]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """She is called by a name that Ably must not learn, he has a phone and has gone."""
    api = AblyApi(ABLY["ABLY_API_KEY"])
    async with served(api) as url:
        hub = HubProcess(
            tmp_path / "data", BEHEARD_LIMITS="off", BEHEARD_GATEWAYS="1", BEHEARD_HOSTS="1",
            **{**ABLY, "ABLY_PORT": url.rpartition(":")[2]},
        )  # fmt: skip
        await hub.start(process_environment())
        try:
            yield await _met(Town(hub), api)
        finally:
            await hub.stop()


async def _met(town: Town, api: AblyApi) -> Stage:
    ida, ben, url = town.person(CANARY), town.person("Ben"), town.gateways()[0]
    async with Hub.connect(url, ida.token) as phone:
        made = await opened(phone)
        waiting_id = (await opened(phone))["session"]["id"]
        async with Hub.connect(url, ben.token) as other:
            await other.invitations.accept(made["invitationId"])
            await other.profile.set_push_token(DEVICE["deviceToken"], platform="ios")
            ben_id = (await other.profile.get()).user.id
    return Stage(town, api, ida, made["session"]["id"], waiting_id, ben_id)


async def test_what_could_not_be_sent_before_a_restart_is_sent_once_after_it(
    stage: Stage,
) -> None:
    down = stage.api.script("*", FAULTS["unavailable"], forever=True)
    notification_id = await _notify(stage)
    await asyncio.wait_for(stage.api.until(lambda _: len(down.requests) > 0), SECONDS_MAX)
    await stage.town.hub.stop()
    await _invitation_runs_out(stage)
    down.stop()
    await stage.town.hub.start(process_environment())
    await asyncio.wait_for(stage.api.until(lambda _: stage.reached()), SECONDS_MAX)
    names = await _names_until(stage, "invitation.expired")
    assert names.count("invitation.expired") == 1
    assert await stage.town.hub.stop() == 0
    [message], [push] = (
        stage.to_ben(),
        [p for p in stage.api.pushed if p.body["recipient"] == DEVICE],
    )
    about = {"notificationId": notification_id, "sessionId": stage.session_id}
    assert message.data == {**about, "type": "partner.content_shared"}
    assert push.body["data"] == about
    assert not any(CANARY.encode() in request.raw for request in stage.api.requests)


async def _names_until(stage: Stage, name: str) -> Sequence[str]:
    """Of the events of the session that waits, once one is called `name`."""
    async with (
        Hub.connect(stage.town.gateways()[0], stage.ida.token) as phone,
        asyncio.timeout(SECONDS_MAX),
    ):
        while name not in (names := [event.name for event in await heard(phone, stage.waiting_id)]):
            pass
    return names


async def _notify(stage: Stage) -> str:
    """What a flush leaves for somebody who is away; the notification's id."""
    notification_id = str(uuid4())
    connection = await asyncpg.connect(haystacks.owner_url(stage.town))
    try:
        async with connection.transaction():
            await connection.execute(
                """INSERT INTO hub."Notification" (id, "userId", "sessionId", type)
                   VALUES ($1, $2, $3, 'partner.content_shared')""",
                notification_id, stage.ben_id, stage.session_id,
            )  # fmt: skip
            await connection.execute(
                """INSERT INTO hub."Reminder"
                     (id, "sessionId", "userId", shard, kind, "dueAt", payload)
                   VALUES ($1, $2, $3, $4, 'push', now(),
                     jsonb_build_object('notificationId', $5::text))""",
                f"r-{notification_id}", stage.session_id, stage.ben_id,
                shard_of(stage.session_id), notification_id,
            )  # fmt: skip
    finally:
        await connection.close()
    return notification_id


async def _invitation_runs_out(stage: Stage) -> None:
    """While no hub is there to see it."""
    with running(stage.town.hub.data_dir) as server:
        connection = await asyncpg.connect(server.url())
        try:
            for statement in (
                """UPDATE "Invitation" SET "expiresAt" = now() WHERE "sessionId" = $1""",
                """UPDATE hub."Reminder" SET "dueAt" = now()
                   WHERE "sessionId" = $1 AND kind = 'invitation_expiry'""",
            ):
                assert await connection.execute(statement, stage.waiting_id) == "UPDATE 1"
        finally:
            await connection.close()
