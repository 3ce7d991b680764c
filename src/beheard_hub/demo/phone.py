"""One of the two people at their phone: a client, the events heard so far, and what they wrote."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from beheard_hub.client import Event, Hub
from beheard_hub.client.stream import EventStream
from beheard_hub.demo.record import PlayResult, Watcher, crossing, find_texts
from beheard_hub.journeys import Side

COMMAND_SECONDS_MAX = 60.0
AWAIT_SECONDS_MAX = 60.0
NOT_WRITTEN = frozenset(
    {
        *("type", "category", "decision", "contentType", "attributedTo", "exerciseType"),
        *("emotions", "followUpDate", "inviteName"),
    }
)
"""Words of the protocol, and single words that anybody's text may hold by chance."""


class Unplayable(Exception):
    """A step could not be taken. Says which, and what was awaited or refused; no private text."""


class Phone:
    """Sends commands, listens, and waits for what must come."""

    def __init__(self, side: Side, name: str, hub: Hub, result: PlayResult, on: Watcher) -> None:
        self.side: Side = side
        self.name = name
        self.hub = hub
        self.session_id: str | None = None
        self.stage = 0
        self.saved: dict[str, Any] = {}
        self.draft = ""
        self.seq = 0
        """Newest own event when the last command was acked."""
        self.result = result
        self.on = on
        self._events: list[Event] = []
        self._news = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Begins to collect the events of the session, from its first on."""
        assert self.session_id is not None
        stream = self.hub.session(self.session_id).events(after=0)
        self._listening = asyncio.create_task(self._collect(stream))

    async def _collect(self, stream: EventStream) -> None:
        try:
            async for frame in stream:
                if isinstance(frame, Event):
                    self._events.append(frame)
                    self.result.events[self.side].append(frame.seq)
                self.on.heard(self.side, frame)
                self._news.set()
        finally:
            self._news.set()

    async def hang_up(self) -> None:
        """Stops listening."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def do(self, command: str, data: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """One command, recorded and timed; its reply.

        Raises:
            HubError: as :meth:`Hub.command`.
        """
        data = data or {}
        self.result.written[self.side] += [
            (path, text)
            for path, text in find_texts(data, command)
            if path.rpartition(".")[2] not in NOT_WRITTEN and not path.endswith(("Id", "Ids"))
        ]
        let_cross = crossing(command, data)
        self.cross(*let_cross)
        self.on.wrote(self.side, command, data)
        began = time.perf_counter()
        ack = await self.hub.command(
            command, data, session_id=self.session_id, timeout=COMMAND_SECONDS_MAX
        )
        self.result.ack_ms.append((time.perf_counter() - began) * 1000)
        self.seq = max(self.seq, ack.seq)
        self.on.answered(self.side, command, ack.data)
        return ack.data

    def cross(self, *texts: str) -> None:
        """Notes what this person lets the other read."""
        self.result.consented[self.side] += texts
        self.result.crossed += len(texts)

    async def event(self, what: str, matches: Callable[[Event], bool], after: int = 0) -> Event:
        """The first event after seq `after` that matches, heard already or still to come.

        Raises:
            Unplayable: it did not come within a minute; names `what` was awaited.
        """
        try:
            async with asyncio.timeout(AWAIT_SECONDS_MAX):
                while True:
                    self._news.clear()
                    for event in self._events:
                        if event.seq > after and matches(event):
                            return event
                    if self._listening is None or self._listening.done():
                        raise Unplayable(f"{self.name} waits for {what}, but hears no more")
                    await self._news.wait()
        except TimeoutError:
            last = self._events[-1].name if self._events else "nothing"
            raise Unplayable(
                f"{self.name} waited {AWAIT_SECONDS_MAX:g} s for {what}; last heard: {last}"
            ) from None

    async def answer(self, after: int) -> None:
        """Waits for the facilitator's next message after seq `after`; asks again if it failed.

        Raises:
            Unplayable: it did not come.
        """
        for _ in range(3):
            event = await self.event("the facilitator's message", _is_spoken, after)
            if event.name == "message.created":
                return
            after = event.seq
            await self.do("message.retry")
        raise Unplayable(f"the facilitator failed {self.name} three times")


def _is_spoken(event: Event) -> bool:
    if event.name == "message.failed":
        return True
    return event.name == "message.created" and event.data["message"]["role"] == "AI"
