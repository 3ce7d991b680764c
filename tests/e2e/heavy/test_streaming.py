"""An answer while it is being written, through the whole hub: two devices and one that comes late.
The provider is real, what it speaks to stands in.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import pytest

from beheard_hub.client import Event, Hub
from beheard_hub.client.frames import Streamed
from beheard_hub.client.stream import EventStream
from beheard_hub.settings import process_environment
from beheard_hub.testing.hub_process import HubProcess
from beheard_hub.testing.messages_api import Fault, Hold, MessagesApi, served
from tests.e2e.conftest import Person, Town
from tests.e2e.meeting import connected, opened

TEXT = "One two three four five six seven eight nine ten eleven twelve."
HELD = "One two three four five six "
"""Two pieces of three words, as the stand-in breaks them."""
SECONDS_MAX = 60


@dataclass
class Stage:
    """A hub whose facilitator asks the stand-in."""

    town: Town
    api: MessagesApi

    def holds(self, word: str) -> Hold:
        """Answers to that word stop after two pieces, until they are released."""
        hold = Hold()
        fault = Fault(hold=hold, after_pieces=2, text=TEXT)
        self.api.script("stage*", fault, containing=word, forever=True)
        return hold


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Two gateways, two hosts."""
    folder: Path = tmp_path_factory.mktemp("speaking")
    api = MessagesApi()
    async with served(api) as url:
        hub = HubProcess(
            folder / "data", BEHEARD_LIMITS="off", BEHEARD_GATEWAYS="2", BEHEARD_HOSTS="2",
            BEHEARD_FACILITATOR="anthropic", ANTHROPIC_API_KEY="stands-in", ANTHROPIC_BASE_URL=url,
        )  # fmt: skip
        await hub.start(process_environment())
        try:
            yield Stage(Town(hub), api)
        finally:
            await hub.stop()


class Device:
    """One phone with one stream; nothing that it shows may be anything but the text so far."""

    def __init__(self, hub: Hub, stream: EventStream) -> None:
        self.hub, self.stream = hub, stream

    async def until(self, done: Callable[[Streamed], bool]) -> Streamed:
        """Reads on until a frame is as wished."""
        async with asyncio.timeout(SECONDS_MAX):
            async for frame in self.stream:
                assert TEXT.startswith(self.stream.writing.text), self.stream.writing.text
                if done(frame):
                    return frame
        raise AssertionError("the stream ended")

    async def shows(self, text: str) -> None:
        """Reads on until just this is shown."""
        await self.until(lambda _: self.stream.writing.text == text)

    async def has_message(self) -> None:
        """Reads on until the whole is stored."""
        await self.until(_is_whole)
        assert self.stream.writing.message_id is None


def _is_created(frame: Streamed) -> TypeGuard[Event]:
    return isinstance(frame, Event) and frame.name == "message.created"


def _is_whole(frame: Streamed) -> bool:
    return _is_created(frame) and frame.data["message"]["content"] == TEXT


@asynccontextmanager
async def devices(
    stage: Stage, person: Person, session_id: str, *gateways: int
) -> AsyncIterator[list[Device]]:
    """One device of this person on each of those gateways."""
    urls = stage.town.gateways()
    async with AsyncExitStack() as stack:
        found = []
        for number in gateways:
            hub = await stack.enter_async_context(Hub.connect(urls[number], person.token))
            stream = hub.session(session_id).events()
            found.append(Device(hub, await stack.enter_async_context(stream)))
        yield found


async def begun(stage: Stage, name: str) -> tuple[Person, str]:
    """Somebody in stage 1, after its opening."""
    person = stage.town.person(name)
    async with connected(stage.town, [person, stage.town.person("Sam")]) as (hub, partner):
        made = await opened(hub)
        session_id = made["session"]["id"]
        await partner.command("invitation.accept", {"invitationId": made["invitationId"]})
        for one in (hub, partner):
            await one.session(session_id).compact.sign()
        assert (await hub.session(session_id).advance(0)).success
        async with asyncio.timeout(SECONDS_MAX), hub.session(session_id).events(after=0) as events:
            async for frame in events:
                if _is_created(frame) and frame.data["message"]["stage"] == 1:
                    return person, session_id
    raise AssertionError("no opening came")


async def say(device: Device, session_id: str, word: str) -> None:
    await device.hub.command("message.send", {"content": f"It was {word}."}, session_id=session_id)


async def test_devices_on_two_gateways_and_a_late_one_show_the_same(stage: Stage) -> None:
    person, session_id = await begun(stage, "Ana")
    hold = stage.holds("lonesome")
    async with devices(stage, person, session_id, 0, 1) as (one, other):
        await say(one, session_id, "lonesome")
        await asyncio.gather(one.shows(HELD), other.shows(HELD))
        async with devices(stage, person, session_id, 1) as (late,):
            await late.shows(HELD)
            hold.release()
            await asyncio.gather(*(device.has_message() for device in (one, other, late)))
