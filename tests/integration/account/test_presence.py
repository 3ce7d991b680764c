"""Presence through the whole hub: sockets, host, database; only Ray is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from beheard_hub.actors import unconfirmed
from beheard_hub.client import Hub
from beheard_hub.client.frames import Device, Presence
from beheard_hub.client.stream import EventStream
from tests.conftest import TestDatabase
from tests.privacy.house import House, house_on

HEARD_SECONDS_MAX = 60


@pytest.fixture(scope="module")
async def house(
    database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    async with house_on(database, tmp_path_factory.mktemp("house")) as opened:
        yield opened


async def told(stream: EventStream, partner: str) -> None:
    """Reads on until the partner is said to be so."""
    async with asyncio.timeout(HEARD_SECONDS_MAX):
        async for frame in stream:
            if isinstance(frame, Presence) and frame.partner == partner:
                return


async def until(stream: EventStream, event: str) -> list[str]:
    """What is said of the partner before that event."""
    said = []
    async with asyncio.timeout(HEARD_SECONDS_MAX):
        async for frame in stream:
            if isinstance(frame, Presence):
                said.append(frame.partner)
            if getattr(frame, "name", "") == event:
                break
    return said


async def together(ada: Hub, ben: Hub) -> str:
    made = await ada.sessions.create(invite_name="somebody")
    await ben.invitations.accept(made.invitation_id)
    return made.session.id


async def test_the_partner_comes_goes_rests_and_hides(house: House) -> None:
    ada_is, ben_is = house.person("Ada"), house.person("Ben")
    async with house.connect(ada_is) as ada, house.connect(ben_is) as ben:
        session_id = await together(ada, ben)
        seen = ada.session(session_id).events()
        async with ben.session(session_id).events() as other:
            await told(seen, "online")
            await told(other, "online")
            assert seen.partner == "online"
        await told(seen, "offline")
        assert seen.partner == "offline"

        async with ben.session(session_id).events():
            await told(seen, "online")
            await ben.session(session_id).pause()
            await until(seen, "session.paused")
            assert seen.partner == "offline", "nothing is known of a session that rests"
        await ben.session(session_id).resume()
        assert await until(seen, "session.resumed") == [], "nobody said a word meanwhile"

        async with ben.session(session_id).events():
            await told(seen, "online")
            await ben.command("profile.update", {"presenceShown": False})
            await told(seen, "offline")
        async with ben.session(session_id).events() as other:
            await told(other, "online")
            await ben.session(session_id).nudge()
            assert await until(seen, "partner.nudged") == [], "who hides is not there"
        await seen.aclose()


async def test_a_device_hears_of_the_own_other_device_and_the_partner_does_not(
    house: House,
) -> None:
    ada_is, ben_is = house.person("Ada"), house.person("Ben")
    async with (
        house.connect(ada_is) as phone,
        house.connect(ada_is) as tablet,
        house.connect(ben_is) as ben,
    ):
        session_id = await together(phone, ben)
        own = tablet.session(session_id).events()
        theirs = ben.session(session_id).events()
        phones = phone.session(session_id).events()
        for stream in (own, theirs, phones):
            await told(stream, "online")
        await phone.session(session_id).presence("typing")
        async with asyncio.timeout(HEARD_SECONDS_MAX):
            heard = [frame async for frame in _devices(own)]
        assert heard == [Device(session_id, "typing")]
        await phone.session(session_id).nudge()
        async with asyncio.timeout(HEARD_SECONDS_MAX):
            async for frame in theirs:
                assert not isinstance(frame, Device)
                if getattr(frame, "name", "") == "partner.nudged":
                    break
        for stream in (own, theirs, phones):
            await stream.aclose()


async def _devices(stream: EventStream) -> AsyncIterator[Device]:
    async for frame in stream:
        if isinstance(frame, Device):
            yield frame
            return


async def test_who_is_away_finds_it_in_the_inbox_and_who_is_there_does_not(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unconfirmed, "RECEIVE_SECONDS", 60.0)
    ada_is, ben_is = house.person("Ada"), house.person("Ben")
    async with house.connect(ada_is) as ada, house.connect(ben_is) as ben:
        session_id = await together(ada, ben)
        unread = await ada.notifications.unread()
        kinds = [(one.session_id, one.type) for one in unread.notifications]
        assert kinds == [(session_id, "partner.joined")]
        await ada.notifications.read()
        async with ada.session(session_id).events() as seen:
            await anext(seen)
            await ben.session(session_id).pause()
            await until(seen, "session.paused")
        assert (await ada.notifications.unread()).notifications == []
        assert (await ben.notifications.unread()).notifications == [], "never of one's own steps"
