"""One of two people in a session: sends commands, waits for what must come, notes what is whose."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from beheard_hub.client import Event, Hub
from beheard_hub.demo.phone import Phone
from beheard_hub.demo.record import PlayResult, Unwatched
from beheard_hub.domain.mediation.protocol import COMMANDS, DIRECTORY
from beheard_hub.journeys import Side
from tests.privacy.doors import RestHub

ALL = {**COMMANDS, **DIRECTORY}

FOUND_IN: Mapping[str, str] = {
    "event": "event",
    "boundary": "boundary",
    "document": "document",
    "reading": "reading",
    "draft": "draft",
    "attempt": "attempt",
    "need": "need",
    "needs": "need",
    "strategy": "strategy",
    "agreement": "agreement",
    "consentRequest": "consent",
    "consentRecord": "consent",
    "invitationId": "invitation",
}
"""Field of a reply → the kind of object that stands there."""

Word = Callable[[str, bool], str]
"""(what is said, whether the other will read it) → the words of this person."""


class Player(Phone):
    """Their phone, with a memory for ids. `word` decides how they put what they say."""

    def __init__(
        self, side: Side, name: str, hub: Hub | RestHub, word: Word, result: PlayResult
    ) -> None:
        super().__init__(side, name, hub, result, Unwatched())  # type: ignore[arg-type]
        self.word = word
        self.objects: dict[str, list[str]] = {}
        """Kind → ids of what this person made, in order."""
        self.succeeded: set[str] = set()
        """Commands that were acked."""

    def private(self, text: str) -> str:
        """Words that stay with this person."""
        return self.word(text, False)

    def shared(self, text: str) -> str:
        """Words that this person lets the other read."""
        return self.word(text, True)

    async def do(self, command: str, data: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """One command; those without a session are sent without one."""
        session_id = None if ALL[command].sessionless else self.session_id
        ack = await self.hub.command(command, data, session_id=session_id)
        if session_id is not None:
            self.seq = max(self.seq, ack.seq)
        self.succeeded.add(command)
        if not ALL[command].reads:
            self._note(ack.data)
        return ack.data

    def _note(self, reply: Mapping[str, Any]) -> None:
        """Whatever a command answers with is of the one who gave it; a read may show more."""
        for field, kind in FOUND_IN.items():
            known = self.objects.setdefault(kind, [])
            known += [key for key in _ids(reply.get(field)) if key not in known]

    def newest(self, kind: str) -> str:
        """The object of this kind that this person saw last."""
        return self.objects[kind][-1]

    async def told(self, name: str, count: int = 1) -> None:
        """Waits until this person heard so many events of that name."""
        await self.event(name, lambda _: self.heard_of(name) >= count)

    def heard_of(self, name: str) -> int:
        """How many events of that name came so far."""
        return sum(event.name == name for event in self._events)

    async def all_heard(self) -> None:
        """Waits until every event that the newest ack spoke of has come."""
        seq = self.seq
        if seq:
            await self.event(f"the event number {seq}", lambda event: event.seq >= seq)

    async def say(self, text: str) -> None:
        """A message, and the facilitator's whole answer."""
        await self.do(
            "message.send", {"content": text, "emotionalIntensity": 5, "emotionalContext": text}
        )
        await self.answer(self.seq)  # what the ack knew of is older than the answer

    async def advance(self) -> None:
        """One stage on, and the facilitator's opening of it."""
        step = {"fromStage": self.stage, "toStage": self.stage + 1}
        reply = await self.do("stage.advance", step)
        assert reply["success"], reply.get("unsatisfiedGates")
        self.stage += 1
        await self.answer(self.seq)

    async def spoken_first(self) -> None:
        """Waits for the facilitator's opening of the session."""
        await self.event("the opening", lambda event: event.name == "message.created")


def _ids(found: Any) -> list[str]:
    if isinstance(found, str):
        return [found]
    if isinstance(found, Mapping):
        return [found["id"]] if "id" in found else []
    if isinstance(found, list):
        return [key for item in found for key in _ids(item)]
    return []


async def settled(*players: Player) -> None:
    """Both have heard all that the acks so far spoke of."""
    await asyncio.gather(*(player.all_heard() for player in players))


__all__ = ["ALL", "Event", "Player", "Word", "settled"]
