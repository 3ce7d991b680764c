"""What 500 researchers who watch one practice cost people in other sessions, and how far apart they
are shown the same.

The provider is the real one with the real SDK, against the stand-in of the Messages API, which says
25 pieces a second: as many as leave a host. The observers are 50 administrators with ten
connections each; they listen to one practice in which exchange follows exchange. 20 pairs send 50
commands a second, before and meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import msgspec

from beheard_hub.gateway.auth import LocalKey
from beheard_hub.load.pairs import ANSWER_SECONDS_MAX, Figures, Pair, Phone, make_pairs, steady
from beheard_hub.persistence.prepare import running
from beheard_hub.persistence.roles import Role, change_role
from beheard_hub.runtime import SystemClock
from beheard_hub.testing.hub_process import HubProcess
from beheard_hub.testing.messages_api import Fault, MessagesApi, Pace, served
from bench.bars import Found
from bench.run import Run, token_of
from bench.streaming import answering_hub, give_way

RESEARCHERS = 50
CONNECTIONS = 10
"""Of each: as many as a user may have."""
PAIRS = 20
PER_SECOND = 50
SECONDS = 8.0
WARM_SECONDS = 2.0
ROUNDS = 2
COMING_AT_ONCE = 25
PACE = Pace(words_per_piece=2, between_seconds=0.04)
TEXT = "you never say so " * 25
"""Two seconds of it."""
P50 = 0.5
COMPLETE = b'"name":"practice.exchange_complete"'


class Ear(Phone):
    """Knows when it was shown the end of the newest exchange, and how many pieces it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces = 0
        self.completed: list[float] = []

    def _heard(self, text: bytes) -> None:
        if text.startswith(b'{"type":"delta"'):
            self.pieces += 1
            return
        if COMPLETE in text:
            self.completed.append(time.perf_counter())
        super()._heard(text)


class Practice:
    """One participant, and everybody who watches."""

    def __init__(self, participant: Ear, session_id: str) -> None:
        self.participant, self.session_id = participant, session_id
        self.observers: list[Ear] = []

    async def goes_on(self) -> None:
        """Exchange after exchange, until cancelled."""
        for number in itertools.count(len(self.participant.completed) + 1):
            said = {"content": "I did not mean it like that."}
            await self.participant.command("practice.send", said, self.session_id)
            while len(self.participant.completed) < number:
                await asyncio.sleep(0.01)

    def spreads_ms(self) -> Sequence[float]:
        """For each exchange that all were shown: between the first one and the last."""
        ears = [self.participant, *self.observers]
        shown = zip(*(ear.completed for ear in ears), strict=False)
        return [(max(times) - min(times)) * 1e3 for times in shown]


async def serve() -> None:
    """The stand-in, in its own process: prints its address and speaks until it is ended."""
    give_way()
    api = MessagesApi(PACE, requests_kept_max=1)
    api.script("practice_*", Fault(text=TEXT), forever=True)
    async with served(api) as url:
        print(url, flush=True)
        await asyncio.Event().wait()


async def researchers(hub: HubProcess, url: str, token: Callable[[str], str]) -> list[str]:
    """Their tokens: everybody has come once, and is an administrator now."""
    names = [f"researcher-{number}" for number in range(RESEARCHERS)]
    for name in names:
        await (await Phone.connect(url, token(name))).close()
    with running(hub.data_dir) as database:
        for name in names:
            await change_role(database.url(), name, Role.ADMIN)
    return [token(name) for name in names]


async def practice(url: str, by: str, participant: str) -> Practice:
    """Begun by an invitation; one exchange has been."""
    staff = await Phone.connect(url, by)
    asked = {"scenarioId": 1, "presetName": "large"}
    made = msgspec.json.decode((await staff.command("practice_invitation.create", asked)).data)
    link = urlsplit(made["invitation"]["link"]).fragment.removeprefix("token=")
    await staff.close()
    ear = await Ear.connect(url, participant)
    claimed = await ear.command("practice_invitation.claim", {"token": link})
    session_id = msgspec.json.decode(claimed.data)["sessionId"]
    await ear.subscribe(session_id)
    return Practice(ear, session_id)


async def gather(url: str, tokens: Sequence[str], at: Practice) -> None:
    """Everybody comes to watch."""

    async def come(token: str) -> Ear:
        ear = await Ear.connect(url, token)
        await ear.subscribe(at.session_id, as_observer=True)
        return ear

    coming = [token for token in tokens for _ in range(CONNECTIONS)]
    for start in range(0, len(coming), COMING_AT_ONCE):
        at.observers += await asyncio.gather(*map(come, coming[start : start + COMING_AT_ONCE]))


async def one_round(pairs: list[Pair], at: Practice) -> tuple[Figures, Figures, float]:
    """The same load without and with the practice, and pieces per second to all who watch."""
    await steady(pairs, PER_SECOND, WARM_SECONDS)
    quiet = await steady(pairs, PER_SECOND, SECONDS)
    going = asyncio.create_task(at.goes_on())
    await steady(pairs, PER_SECOND, WARM_SECONDS)
    before = sum(ear.pieces for ear in at.observers)
    watched = await steady(pairs, PER_SECOND, SECONDS)
    pieces = sum(ear.pieces for ear in at.observers) - before
    number = len(at.participant.completed) + 1
    async with asyncio.timeout(ANSWER_SECONDS_MAX):
        while min(len(ear.completed) for ear in (at.participant, *at.observers)) < number:
            await asyncio.sleep(0.01)
    going.cancel()
    return quiet, watched, pieces / watched.seconds


async def measure(run: Run) -> Found:
    """The two rows about a practice that many watch."""
    rounds: list[tuple[Figures, Figures, float]] = []
    async with answering_hub(run, "watched", "bench.observers") as hub:
        url = hub.url.replace("http", "ws", 1)
        key = LocalKey.open(hub.data_dir, SystemClock())
        pairs = await make_pairs(url, token_of(hub), PAIRS, 0)
        tokens = await researchers(hub, url, lambda user: key.mint(user, name="Rita"))
        at = await practice(url, tokens[0], key.mint("participant", name="Anna"))
        await gather(url, tokens, at)
        for number in range(ROUNDS):
            rounds.append(await one_round(pairs, at))
            run.say(f"round {number + 1} of {ROUNDS}: {_sentence(*rounds[-1])}")
        spreads = at.spreads_ms()
        for ear in (at.participant, *at.observers):
            await ear.close()
        await asyncio.gather(*(pair.close() for pair in pairs))
    return Found(
        {
            "observers_p50": statistics.median(
                watched.percentile_ms(P50) / quiet.percentile_ms(P50)
                for quiet, watched, _ in rounds
            ),
            "observers_apart": statistics.median(spreads),
        },
        [_sentence(*one) for one in rounds],
    )


def _sentence(quiet: Figures, watched: Figures, pieces: float) -> str:
    return (
        f"acks at {PER_SECOND}/s: p50 {quiet.percentile_ms(P50):.2f} ms; beside a practice that "
        f"{RESEARCHERS * CONNECTIONS} watch {watched.percentile_ms(P50):.2f} ms, with "
        f"{pieces:,.0f} pieces/s to those"
    )


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())
