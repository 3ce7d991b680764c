"""An invitation that runs out, or is taken back, while its practice is open on several sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from beheard_hub.client import Refused
from beheard_hub.domain.refusals import Code
from beheard_hub.runtime import SystemClock
from tests.conftest import TestDatabase
from tests.e2e.rest_phone import Rest
from tests.integration.identity.town import Device, Person, Town, town_on


class AheadClock(SystemClock):
    """Of hosts for whom it is later."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@pytest.fixture
def clock() -> AheadClock:
    return AheadClock()


@pytest.fixture
async def town(
    database: TestDatabase, tmp_path: Path, owner: asyncpg.Connection, clock: AheadClock
) -> AsyncIterator[Town]:
    async with town_on(database, tmp_path, owner, clock) as opened:
        yield opened


class Practice:
    """One, with two devices of its guest and one of who invited, on two gateways."""

    def __init__(self, claimed: Mapping[str, Any], invitation: Mapping[str, Any]) -> None:
        self.session: str = claimed["sessionId"]
        self.guest = Person(claimed["user"]["id"], claimed["token"])
        self.invitation: str = invitation["id"]
        self.devices: list[Device] = []

    async def open(self, town: Town, staff: Person, stack: AsyncExitStack) -> None:
        """Everybody listens."""
        for who, gateway, role in (
            (self.guest, 0, None),
            (self.guest, 1, None),
            (staff, 1, "observer"),
        ):
            device = town.device(who, gateway)
            await stack.enter_async_context(device.hub)
            frame = {"type": "subscribe", "sessionId": self.session}
            device.hub.send_soon({**frame, "as": role} if role else frame)
            await device.hears("snapshot", sessionId=self.session)
            self.devices.append(device)

    async def says(self, text: str) -> None:
        """On the first device."""
        hub = self.devices[0].hub
        await hub.command("practice.send", {"content": text}, session_id=self.session)

    async def ends(self, reason: str, town: Town) -> None:
        """Everybody hears it, as the newest; nothing more is taken, and it can still be read."""
        seqs = set()
        for device in self.devices:
            ended = await device.hears("event", sessionId=self.session, name="practice.ended")
            assert ended["data"] == {"reason": reason}
            assert device.seqs(self.session)[-1] == ended["seq"]
            seqs.add(ended["seq"])
        assert len(seqs) == 1
        for _ in range(2):
            with pytest.raises(Refused) as refused:
                await self.says("Are you there?")
            assert refused.value.code == Code.INVITATION_EXPIRED
        async with town.rest(self.guest) as rest:
            late = await rest.send("practice.send", {"content": "And here?"}, self.session)
            assert late.status_code == 410
            shown = await rest.ask("practice.get", None, self.session)
        assert shown["session"]["status"] == "COMPLETED"


async def invited(town: Town, staff: Person, nobody: Rest) -> Practice:
    """For a day, by REST, and claimed by who follows the link."""
    async with town.rest(staff) as rest:
        listed = (await nobody.ask("practice.scenarios"))["scenarios"]
        made = {"scenarioId": listed[0]["id"], "presetName": "small", "expiresInDays": 1}
        invitation = (await rest.ask("practice_invitation.create", made))["invitation"]
    token = {"token": invitation["link"].partition("#token=")[2]}
    return Practice(await nobody.ask("practice_invitation.claim", token), invitation)


async def test_an_end_reaches_every_open_socket_at_once(town: Town, clock: AheadClock) -> None:
    staff = await town.user("STAFF")
    async with AsyncExitStack() as stack:
        nobody = await stack.enter_async_context(town.rest(None))
        first, second = [await invited(town, staff, nobody) for _ in range(2)]
        for one in (first, second):
            await one.open(town, staff, stack)
            await one.says("You never call.")
        for device in (*first.devices, *second.devices):
            await device.hears("event", name="practice.exchange_complete")

        async with town.rest(staff) as rest:
            await rest.ask("practice_invitation.revoke", {"invitationId": first.invitation})
        await first.ends("revoked", town)
        assert all(device.count("event") == 4 for device in second.devices)

        clock.ahead = timedelta(days=1)
        await second.ends("expired", town)
