"""A run: a hub of its own in this process, journeys played on it, and what came of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import msgspec
from rich.console import Console

from beheard_hub import __version__
from beheard_hub.demo.phone import Unplayable
from beheard_hub.demo.record import PlayResult
from beheard_hub.evaluation.figures import Figures, Prices, figures, grouped
from beheard_hub.evaluation.material import Body, Crossings, Played, played
from beheard_hub.evaluation.recording import Recorder, recorder_of
from beheard_hub.evaluation.scores import Result, passed, score
from beheard_hub.facilitation import Facilitator
from beheard_hub.journeys import Journey
from beheard_hub.serve import Hub
from beheard_hub.settings import Settings
from beheard_hub.testing.messages_api import MessagesApi

FORMAT = 1
"""Of the JSON file; another number is another shape."""
FIXED: Mapping[str, str] = {
    "BEHEARD_LINK": "inprocess",
    "BEHEARD_PORT": "0",
    "BEHEARD_LIMITS": "off",
    "BEHEARD_LOG": "error",
    "BEHEARD_AI_BUDGET_USER": "",
    "BEHEARD_AI_BUDGET_HUB": "",
}
"""What a run settles itself; empty is not set."""


class JourneyPlayed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one journey."""

    name: str
    ended: bool
    wrong: str
    messages: int
    calls: int
    seconds: float


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a run that is kept: the JSON file."""

    format: int = FORMAT
    label: str
    provider: str
    models: Sequence[str]
    """Those that answered."""
    version: str
    made_at: datetime
    texts: bool
    """Whether examples hold texts."""
    prices_as_of: str
    journeys: Sequence[JourneyPlayed]
    scores: Sequence[Result]
    whole: Figures
    stages: Mapping[str, Figures]
    calls: Mapping[str, Figures]

    @property
    def passed(self) -> bool:
        """No hard score was broken."""
        return passed(self.scores)


class Stage:
    """A hub with a recorder around its facilitator; what journeys are played on.

    `standin`, where there is one, is what the provider talks to: its requests are searched too.
    """

    def __init__(self, chosen: Settings, say: Console, standin: MessagesApi | None = None) -> None:
        self._say = say
        self._standin = standin
        self.hub = Hub(chosen, say, self._around)
        self.recorder: Recorder | None = None

    def _around(self, inner: Facilitator) -> Facilitator:
        self.recorder = recorder_of(inner)
        return self.recorder

    async def play(self, journey: Journey) -> Played:
        """Plays one journey with two new users, to whatever end."""
        assert self.recorder is not None
        self.recorder.begin(journey.name)
        crossings, result, began = Crossings(), PlayResult(), time.monotonic()
        wrong = ""
        try:
            await self.hub.play(journey, pace=0.0, watcher=crossings, result=result)
        except Unplayable as problem:
            wrong = str(problem)
        bodies = _bodies(journey.name, self._standin)
        found = played(journey, result, crossings, self.recorder.calls, bodies)
        found.wrong = wrong or found.wrong
        found.seconds = round(time.monotonic() - began, 2)
        self._say.print(f"  {journey.name}: {found.seconds:g} s {wrong}".rstrip())
        return found


def _bodies(journey: str, standin: MessagesApi | None) -> list[Body]:
    """What the stand-in was asked since the last time."""
    requests = list(standin.requests) if standin is not None else []
    if standin is not None:
        standin.requests.clear()
    return [
        Body(
            id=f"{journey}/{request.call}/{request.number}",
            prompt=request.call,
            user=next((c.get("names", {}).get("user") for c in request.data("context")), None),
            data=request.body,
        )
        for request in requests
    ]


async def play_all(
    chosen: Settings,
    journeys: Sequence[Journey],
    say: Console,
    standin: MessagesApi | None = None,
) -> list[Played]:
    """Plays journeys one after the other on one hub. Raises SetupError."""
    async with AsyncExitStack() as stack:
        stage = Stage(chosen, say, standin)
        await stage.hub.start(stack)
        return [await stage.play(journey) for journey in journeys]


def evaluated(
    label: str, provider: str, found: Sequence[Played], prices: Prices, *, texts: bool
) -> Run:
    """Scores and figures of what was played."""
    calls = [call for journey in found for call in journey.calls]
    return Run(
        label=label,
        provider=provider,
        models=sorted({used.model for call in calls for used in call.used}),
        version=__version__,
        made_at=datetime.now(UTC),
        texts=texts,
        prices_as_of=prices.as_of,
        journeys=[_became(journey) for journey in found],
        scores=score(found, texts=texts),
        whole=figures(calls, prices),
        stages=grouped(calls, lambda call: str(call.stage), prices),
        calls=grouped(calls, lambda call: call.name, prices),
    )


def _became(journey: Played) -> JourneyPlayed:
    return JourneyPlayed(
        name=journey.name,
        ended=journey.ended,
        wrong=journey.wrong,
        messages=journey.messages,
        calls=len(journey.calls),
        seconds=journey.seconds,
    )
