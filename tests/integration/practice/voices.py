"""A voice by script: what each lane says next, and where it breaks."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from itertools import count

import msgspec

from beheard_hub.facilitation import Delta, FacilitatorFailed, Spoken, Usage
from beheard_hub.practice.scripts import Script

CANARY = "canary-of-the-coach-81d"
COSTS: Mapping[str, Usage] = {
    "partner": Usage(input=30, output=12),
    "coach": Usage(input=50, output=8, cached=20),
}
"""Lane → what one call of it costs."""


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """How one call goes wrong."""

    pieces: int = 0
    """How much is shown before."""
    failure: Exception | None = None
    """What it ends with; None: with what `text` says."""
    text: str | None = None
    """What it says at last; None: nothing."""


BREAKS: Mapping[str, Break] = {
    "before text": Break(failure=FacilitatorFailed("overloaded")),
    "during text": Break(pieces=2, failure=FacilitatorFailed("cut")),
    "after text": Break(pieces=9, failure=FacilitatorFailed("cut")),
    "a stream that ends": Break(pieces=2),
    "an answer of nothing": Break(text=" \n "),
    "an answer without end": Break(pieces=1, text="x" * 10_001),
    "declined": Break(failure=FacilitatorFailed("declined", retryable=False)),
    "a fault of ours": Break(pieces=1, failure=ZeroDivisionError()),
}


class ScriptedVoice:
    """Implements `Voice`."""

    def __init__(self) -> None:
        self.scripts: dict[str, list[Script]] = defaultdict(list)
        """Lane → what it was given, call by call."""
        self.breaks: dict[str, deque[Break]] = defaultdict(deque)
        """Lane → how its next calls go wrong."""
        self.silent: set[str] = set()
        """Lanes that begin and go no further."""
        self.begun = asyncio.Event()
        """Set when one of these has begun."""
        self.stopped = 0
        self.costs = dict(COSTS)
        self._numbers = count(1)

    async def speak(self, script: Script) -> AsyncIterator[Delta | Spoken]:
        lane = script.lane.name
        self.scripts[lane].append(script)
        text = f"The {lane} speaks for the {next(self._numbers)}th time."
        if lane == "coach":
            text += f" {CANARY}"
        planned = self.breaks[lane].popleft() if self.breaks[lane] else None
        for shown in text.split(" ")[: planned.pieces if planned else None]:
            yield Delta(f"{shown} ")
        if lane in self.silent:
            self.begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.stopped += 1
        if planned is not None:
            if planned.failure is not None:
                raise planned.failure
            if planned.text is None:
                return
            text = planned.text
        yield Spoken(text=text, prompt_version="test", usage=self.costs[lane], model=f"m-{lane}")

    async def close(self) -> None:
        """Holds nothing."""

    def given(self, lane: str) -> str:
        """All that a lane was ever given, as one text."""
        return "\n".join(
            part
            for script in self.scripts[lane]
            for part in (script.system, script.newest, *(turn.content for turn in script.turns))
        )
