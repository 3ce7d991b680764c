"""What practices cost mediations in the same host.

One session host has both kinds. 20 people practise, exchange follows exchange; the provider is the
real one with the real SDK, against the stand-in of the Messages API in a process of its own, which
gives each answer 50 words a second. 20 pairs send 50 commands a second, and then as many as go,
before and meanwhile: the figure is the median over the rounds of the ratio within a round.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
from collections.abc import Callable

import msgspec

from beheard_hub.gateway.auth import LocalKey
from beheard_hub.load.pairs import Figures, Pair, Phone, make_pairs, saturate, steady
from beheard_hub.runtime import SystemClock
from beheard_hub.testing.messages_api import Fault, MessagesApi, Pace, served
from bench.bars import Found
from bench.run import Run, token_of
from bench.streaming import answering_hub, give_way

PRACTICES = 20
PAIRS = 20
PER_SECOND = 50
IN_FLIGHT = 8
SECONDS = 8.0
WARM_SECONDS = 2.0
ROUNDS = 3
PACE = Pace(words_per_piece=10, between_seconds=0.2)
TEXT = "you never say so " * 25
"""Two seconds of it."""
P50 = 0.5
COMPLETE, ENDED = b'"name":"practice.exchange_complete"', b'"name":"practice.ended"'


class Rehearser(Phone):
    """Somebody who practises, one practice after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.exchanges = 0
        self._told = asyncio.Event()
        self._ended = True

    def _heard(self, text: bytes) -> None:
        if COMPLETE in text:
            self.exchanges += 1
            self._told.set()
        self._ended = self._ended or ENDED in text
        super()._heard(text)

    async def goes_on(self) -> None:
        """Exchange after exchange, until cancelled."""
        session_id = ""
        while True:
            if self._ended:
                made = await self.command(
                    "practice.start", {"scenarioId": 1, "presetName": "large"}
                )
                session_id = msgspec.json.decode(made.data)["session"]["id"]
                await self.subscribe(session_id)
                self._ended = False
            self._told.clear()
            said = {"content": "I did not mean it like that."}
            await self.command("practice.send", said, session_id)
            await self._told.wait()


class Round(msgspec.Struct, frozen=True):
    """Without practices and with them."""

    p50_ms: tuple[float, float]
    rates: tuple[float, float]
    """Commands of mediations per second."""
    exchanges: float
    """Per second."""


async def serve() -> None:
    """The stand-in, in its own process: prints its address and speaks until it is ended."""
    give_way()
    api = MessagesApi(PACE, requests_kept_max=1)
    api.script("practice_*", Fault(text=TEXT), forever=True)
    async with served(api) as url:
        print(url, flush=True)
        await asyncio.Event().wait()


async def stretch(pairs: list[Pair]) -> tuple[Figures, Figures]:
    """The same load, steady and as much as goes."""
    await steady(pairs, PER_SECOND, WARM_SECONDS)
    slow = await steady(pairs, PER_SECOND, SECONDS)
    await saturate(pairs, IN_FLIGHT, WARM_SECONDS)
    return slow, await saturate(pairs, IN_FLIGHT, SECONDS)


async def one_round(pairs: list[Pair], people: list[Rehearser]) -> Round:
    """The same without and with practices."""
    slow, fast = await stretch(pairs)
    going = [asyncio.create_task(person.goes_on()) for person in people]
    before = sum(person.exchanges for person in people)
    beside_slow, beside_fast = await stretch(pairs)
    exchanges = sum(person.exchanges for person in people) - before
    for task in going:
        task.cancel()
    for ended in await asyncio.gather(*going, return_exceptions=True):
        assert isinstance(ended, asyncio.CancelledError), ended
    return Round(
        (slow.percentile_ms(P50), beside_slow.percentile_ms(P50)),
        (fast.rate, beside_fast.rate),
        exchanges / (2 * (WARM_SECONDS + SECONDS)),
    )


async def gathered(url: str, token: Callable[[str], str], number: int) -> list[Rehearser]:
    """New people for each round: the last exchange of the others may go on."""
    names = [f"rehearser-{number}-{place}" for place in range(PRACTICES)]
    return [await Rehearser.connect(url, token(name)) for name in names]


async def measure(run: Run) -> Found:
    """The row about both kinds in one host; how many commands go is told beside it."""
    rounds: list[Round] = []
    async with answering_hub(run, "both", "bench.both_kinds", BEHEARD_HOSTS="1") as hub:
        url = hub.url.replace("http", "ws", 1)
        key = LocalKey.open(hub.data_dir, SystemClock())
        pairs = await make_pairs(url, token_of(hub), PAIRS, 0)
        for number in range(ROUNDS):
            people = await gathered(url, lambda user: key.mint(user, name="Anna"), number)
            rounds.append(await one_round(pairs, people))
            await asyncio.gather(*(person.close() for person in people))
            run.say(f"round {number + 1} of {ROUNDS}: {_sentence(rounds[-1])}")
        await asyncio.gather(*(pair.close() for pair in pairs))
    return Found(
        {"both_p50": statistics.median(r.p50_ms[1] / r.p50_ms[0] for r in rounds)},
        [_sentence(r) for r in rounds],
    )


def _sentence(r: Round) -> str:
    return (
        f"in one host, acks at {PER_SECOND}/s: p50 {r.p50_ms[0]:.2f} ms, beside {PRACTICES} "
        f"practices {r.p50_ms[1]:.2f} ms; commands/s {r.rates[0]:,.0f} and {r.rates[1]:,.0f}, with "
        f"{r.exchanges:.1f} exchanges/s"
    )


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())
