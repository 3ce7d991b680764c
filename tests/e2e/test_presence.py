"""Presence over two gateways, and through the death of one (spec 07)."""

from __future__ import annotations

import asyncio
import json
import os
import signal

from websockets.asyncio.client import connect

from beheard_hub.client import Hub
from beheard_hub.client.frames import Presence
from beheard_hub.client.stream import EventStream

from .conftest import Town

HEARD_SECONDS_MAX = 60


async def told(stream: EventStream, partner: str) -> None:
    """Reads on until the partner is said to be so."""
    async with asyncio.timeout(HEARD_SECONDS_MAX):
        async for frame in stream:
            if isinstance(frame, Presence) and frame.partner == partner:
                return


async def test_the_users_of_a_killed_gateway_are_offline(town: Town) -> None:
    near, far = town.gateways()
    ada_is, ben_is = town.person("Ada"), town.person("Ben")
    async with Hub.connect(near, ada_is.token) as ada:
        made = await ada.sessions.create(invite_name="Ben")
        async with Hub.connect(near, ben_is.token) as ben:
            await ben.invitations.accept(made.invitation_id)
        seen = ada.session(made.session.id).events()
        bearer = {"Authorization": f"Bearer {ben_is.token}"}
        async with connect(far, additional_headers=bearer) as phone:
            await phone.send(json.dumps({"type": "subscribe", "sessionId": made.session.id}))
            await told(seen, "online")
            os.kill(town.hub.address()["gateway_pids"][1], signal.SIGKILL)
            await told(seen, "offline")
        async with Hub.connect(near, ben_is.token) as ben, ben.session(made.session.id).events():
            await told(seen, "online")
        await told(seen, "offline")
        await seen.aclose()
