"""People on connections, by turns on the one and on the other gateway; and what they hear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from beheard_hub.client import Event, Hub

from .conftest import Person, Town

HEARD_SECONDS_MAX = 60


@asynccontextmanager
async def connected(town: Town, people: Sequence[Person]) -> AsyncIterator[list[Hub]]:
    """A connection for each, by turns on the one and on the other gateway."""
    gateways = town.gateways()
    assert len(gateways) == 2
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(Hub.connect(gateways[number % 2], person.token))
            for number, person in enumerate(people)
        ]


async def opened(hub: Hub) -> Mapping[str, Any]:
    """A new session of this person, with its invitation."""
    return (await hub.command("session.create", {"inviteName": "Sam"})).data


async def heard(hub: Hub, session_id: str) -> list[Event]:
    """All events of this session up to the newest, as a fresh subscription tells them."""
    last = (await hub.command("session.get", session_id=session_id)).seq
    events: list[Event] = []
    async with asyncio.timeout(HEARD_SECONDS_MAX), hub.session(session_id).events(after=0) as all_:
        async for frame in all_:
            if isinstance(frame, Event):
                events.append(frame)
            if events and events[-1].seq >= last:
                break
    return events


async def assert_log_is_whole(hub: Hub, session_id: str) -> list[Event]:
    """The events count from 1 without a hole or a repeat."""
    events = await heard(hub, session_id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return events
