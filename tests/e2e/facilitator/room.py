"""Two people in a session, what they hear, and what is stored of what the facilitator said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest

from beheard_hub.client import Delta, Event, Hub
from beheard_hub.client.stream import EventStream
from tests.e2e import haystacks
from tests.e2e.conftest import Person
from tests.e2e.meeting import connected
from tests.e2e.rest_phone import Refusal, Rest
from tests.e2e.test_consent import Talk

from .conftest import SpokenTown

HEARD_SECONDS_MAX = 60
_ANSWERS = (Path(__file__).parent / "answers.sql").read_text()
_T = TypeVar("_T")


class Ear:
    """Everything that one phone hears of a session, from the first event on."""

    def __init__(self, hub: Hub, session_id: str) -> None:
        self.frames: list[Delta | Event] = []
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._listen(hub.session(session_id).events(after=0)))

    async def _listen(self, stream: EventStream) -> None:
        async with stream:
            async for frame in stream:
                if isinstance(frame, Delta | Event):
                    self.frames.append(frame)
                    self._news.set()

    async def close(self) -> None:
        """Hears no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def events(self, name: str) -> list[Event]:
        """All events of a name."""
        return [f for f in self.frames if isinstance(f, Event) and f.name == name]

    def answers(self, stage: int) -> list[Mapping[str, Any]]:
        """What the facilitator said in a stage, its opening first."""
        messages = [event.data["message"] for event in self.events("message.created")]
        return [m for m in messages if m["role"] == "AI" and m["stage"] == stage]

    def deltas(self, message_id: str) -> list[Delta]:
        """The pieces of an answer as they came."""
        return [f for f in self.frames if isinstance(f, Delta) and f.message_id == message_id]

    def shown(self, message_id: str) -> str:
        """What a phone shows of an answer, by its pieces alone. A piece that comes twice or out of
        its order fails; one that absorbed others, or is the text so far, has the index of the
        newest in it (docs/websocket.md)."""
        text, expected = "", 0
        for delta in self.deltas(message_id):
            if delta.reset:
                text, expected = "", delta.index
            assert delta.index >= expected, "a piece came twice or late"
            text, expected = text + delta.text, delta.index + 1
        return text

    async def until(self, what: str, found: Callable[[], _T]) -> _T:
        """Waits until there is something; gives it."""
        try:
            async with asyncio.timeout(HEARD_SECONDS_MAX):
                while not (value := found()):
                    self._news.clear()
                    await self._news.wait()
                return value
        except TimeoutError:
            raise AssertionError(f"{what} did not come") from None


class Unhurried(Talk):
    """Two who go on only when the facilitator has answered."""

    async def feel_heard(self) -> None:
        """Says what there is to say; the answer takes up its first words."""
        ears = [Ear(hub, self.id) for hub in self.both]
        try:
            await super().feel_heard()
            for ear in ears:
                await ear.until("an answer", lambda ear=ear: _taken_up(ear))  # type: ignore[misc]
        finally:
            for ear in ears:
                await ear.close()


def _taken_up(ear: Ear) -> bool:
    return any("I was alone" in message["content"] for message in ear.answers(1))


class Room:
    """One session of two, both where the test begins."""

    def __init__(
        self,
        town: SpokenTown,
        talk: Talk,
        people: Sequence[Person],
        ears: Sequence[Ear],
        stage: int,
    ) -> None:
        self.town, self.talk, self.stage = town, talk, stage
        self.people = people
        self.a, self.b = talk.both
        self.ear_a, self.ear_b = ears

    async def say(self, words: str, hub: Hub | None = None) -> str:
        """A message of A, or of who is named; its id."""
        sent = await self.talk.do(hub or self.a, "message.send", content=words)
        return str(sent["userMessage"]["id"])

    async def answer(self, count: int, ear: Ear | None = None) -> Mapping[str, Any]:
        """The facilitator's nth answer in this stage, not counting its opening."""
        listening = ear or self.ear_a
        said = await listening.until(
            f"answer {count}", lambda: listening.answers(self.stage)[count : count + 1]
        )
        return said[0]

    async def refused(self, command: str, **data: Any) -> Refusal:
        """A's command must be refused: by a request, which nobody sends again by itself."""
        gateway = self.town.hub.address()["gateways"][0]
        async with Rest(gateway, self.people[0].token, patient=False) as rest:
            with pytest.raises(Refusal) as refusal:
                await rest.ask(command, data, self.talk.id)
        return refusal.value

    async def stored(self, hub: Hub | None = None) -> list[Mapping[str, Any]]:
        """Rows of what the facilitator said to A, or to who is named, in this stage."""
        who = (await (hub or self.a).profile.get()).user.id
        sql = await asyncpg.connect(haystacks.owner_url(self.town))
        try:
            rows = await sql.fetch(_ANSWERS, self.talk.id, who)
        finally:
            await sql.close()
        return [dict(row) for row in rows if row["stage"] == self.stage]


@asynccontextmanager
async def room(town: SpokenTown, stage: int = 1) -> AsyncIterator[Room]:
    """A new session with two new people, both at the beginning of a stage, which is opened."""
    people = [town.person("Uma"), town.person("Vic")]
    await town.settled()
    async with AsyncExitStack() as stack:
        a, b = await stack.enter_async_context(connected(town, people))
        talk = await Unhurried(a, b).to_stage(stage)
        ears = [Ear(hub, talk.id) for hub in (a, b)]
        for ear in ears:
            stack.push_async_callback(ear.close)
        made = Room(town, talk, people, ears, stage)
        for ear in ears:
            await made.answer(0, ear)
        yield made
