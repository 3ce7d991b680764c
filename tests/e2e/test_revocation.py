"""The other reads, subscribes and replays as fast as it goes while consent is taken back: what is
asked for after the ack shows nothing of it, on no gateway."""

from __future__ import annotations

import asyncio

from beheard_hub.client import Event, Hub

from .conftest import Town
from .meeting import connected, heard
from .rest_phone import Rest
from .test_consent import Talk

REVOCATIONS = 50
SPOKEN_SECONDS_MAX = 60


def canary(number: int) -> str:
    return f"canary-{number:03}-of-a-dinner"


class Reader:
    """One device of the other that reads without end, and what it saw."""

    def __init__(self, talk: Talk, hub: Hub) -> None:
        self.talk, self.hub = talk, hub
        self.gone: set[str] = set()
        """Canaries whose revocation was acked."""
        self.saw: set[str] = set()
        self.leaked: set[str] = set()
        self.reads = 0

    def look(self, frame: object, gone: frozenset[str]) -> None:
        """Notes which canaries stand in a frame that was asked for when `gone` were gone."""
        text = repr(frame)
        if "canary-" in text:
            self.saw |= {word for word in map(canary, range(REVOCATIONS)) if word in text}
            self.leaked |= {word for word in gone if word in text}

    async def read(self) -> None:
        """Reads what is shared, without end."""
        while True:
            gone = frozenset(self.gone)
            self.look(await self.talk.do(self.hub, "shared.list"), gone)
            self.reads += 1

    async def ask(self, rest: Rest) -> None:
        """The same by requests, without end."""
        while True:
            gone = frozenset(self.gone)
            self.look(await rest.ask("shared.list", session_id=self.talk.id), gone)
            self.reads += 1

    async def replay(self) -> None:
        """Hears all events again from the first on, without end."""
        everything = frozenset(map(canary, range(REVOCATIONS)))
        while True:
            for event in await heard(self.hub, self.talk.id):
                self.look(event, everything)
            self.reads += 1


async def test_after_the_ack_nothing_carries_what_was_taken_back(town: Town) -> None:
    ben = town.person("Ben")
    people = [town.person("Ada"), ben, ben, ben, ben]
    gateway = town.hub.address()["gateways"][1]
    async with connected(town, people) as (a, *devices), Rest(gateway, ben.token) as rest:
        talk = await Talk(a, devices[0]).to_stage(2)
        event_id = await talk.noted()
        readers = [Reader(talk, hub) for hub in [*devices, devices[0]]]
        loops = [asyncio.create_task(r.read()) for r in readers[:2]]
        loops += [asyncio.create_task(r.replay()) for r in readers[2:4]]
        loops.append(asyncio.create_task(readers[4].ask(rest)))
        try:
            for number in range(REVOCATIONS):
                record, _ = await talk.share(event_id, canary(number))
                await talk.do(a, "consent.revoke", consentRecordId=record)
                for reader in readers:
                    reader.gone.add(canary(number))
        finally:
            for loop in loops:
                loop.cancel()
            outcomes = await asyncio.gather(*loops, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes
        assert all(reader.reads for reader in readers)
        assert readers[0].saw | readers[1].saw | readers[4].saw, (
            "nobody ever saw a word: nothing was tested"
        )
        assert [reader.leaked for reader in readers] == [set()] * len(readers)
        assert not readers[2].saw | readers[3].saw, "an event carries ids and no text"


async def test_the_facilitator_does_not_speak_of_it_any_more(town: Town) -> None:
    async with connected(town, [town.person("Cara"), town.person("Dan")]) as (a, b):
        talk = await Talk(a, b).to_stage(2)
        record, _ = await talk.share(await talk.noted(), canary(0))
        await talk.do(a, "consent.revoke", consentRecordId=record)
        after = (await b.command("session.get", session_id=talk.id)).seq
        sent = await talk.do(b, "message.send", content="What does she feel?")
        async with asyncio.timeout(SPOKEN_SECONDS_MAX):
            async with b.session(talk.id).events(after=after) as events:
                async for frame in events:
                    assert canary(0) not in repr(frame)
                    if isinstance(frame, Event) and frame.name == "message.created":
                        message = frame.data["message"]
                        if message["role"] == "AI" and message["id"] > sent["userMessage"]["id"]:
                            break
        assert canary(0) not in repr(await talk.do(b, "message.list"))
