"""What 1,000 answers that are being written cost people in other sessions.

The provider is the real one with the real SDK. It speaks to the stand-in of the Messages API in a
process of its own, which gives each answer 50 words a second in pieces of ten, as the API does not
send every token alone either. 500 pairs have just met, so that two openings run in each session;
every one of them is listened to. 20 other pairs send 50 commands a second, before and meanwhile:
a figure is the median over the rounds of what the same commands took within a round.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import sys
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from beheard_hub.gateway.auth import LocalKey
from beheard_hub.load.pairs import ANSWER_SECONDS_MAX, Figures, Pair, Phone, make_pairs, steady
from beheard_hub.runtime import SystemClock
from beheard_hub.testing.hub_process import HubProcess
from beheard_hub.testing.messages_api import Fault, MessagesApi, Pace, served
from bench.bars import Found
from bench.run import Run, token_of

ANSWERS = 1_000
PAIRS = 20
PER_SECOND = 50
SECONDS = 8.0
WARM_SECONDS = 2.0
ROUNDS = 3
MEETING_AT_ONCE = 25
TALKATIVE = "Talkative"
"""Name of those whose facilitator speaks at length."""
PACE = Pace(words_per_piece=10, between_seconds=0.2)
TEXT = "we go on so " * 550
"""44 seconds of it, and less than what can be stored."""
P50, P99 = 0.5, 0.99


class Listener(Phone):
    """Counts the pieces that it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces = 0
        self.session_id = ""

    def _heard(self, text: bytes) -> None:
        if text.startswith(b'{"type":"delta"'):
            self.pieces += 1
        else:
            super()._heard(text)


class Round(msgspec.Struct, frozen=True):
    """Acks in milliseconds without and with answers under way, and pieces per second."""

    quiet: tuple[float, float]
    """p50, p99."""
    streaming: tuple[float, float]
    pieces: float


async def serve() -> None:
    """The stand-in, in its own process: prints its address and speaks until it is ended."""
    give_way()
    api = MessagesApi(PACE, requests_kept_max=1)
    api.script("stage*", Fault(text=TEXT), containing=TALKATIVE, forever=True)
    async with served(api) as url:
        print(url, flush=True)
        await asyncio.Event().wait()


def give_way() -> None:
    """From now on this process takes only what the hub leaves of the processor: a provider's own
    machines would take nothing of it."""
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)


@contextlib.asynccontextmanager
async def standing_in(module: str = "bench.streaming") -> AsyncIterator[str]:
    """The address of the stand-in that `module` serves."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


@contextlib.asynccontextmanager
async def answering_hub(
    run: Run, label: str, module: str = "bench.streaming", **variables: str
) -> AsyncIterator[HubProcess]:
    """A hub whose provider is the stand-in that `module` serves."""
    async with (
        standing_in(module) as address,
        run.hub(
            label, BEHEARD_FACILITATOR="anthropic", ANTHROPIC_API_KEY="stands-in",
            ANTHROPIC_BASE_URL=address, **variables,
        ) as hub,
    ):  # fmt: skip
        yield hub


async def meet(url: str, token: Callable[[str], str], number: int) -> Sequence[Listener]:
    """Two people whose openings are being written; both listen."""
    a = await Listener.connect(url, token(f"loud-a{number}"))
    b = await Listener.connect(url, token(f"loud-b{number}"))
    made = msgspec.json.decode((await a.command("session.create", {"inviteName": "Sam"})).data)
    session_id = a.session_id = b.session_id = made["session"]["id"]
    await a.subscribe(session_id)
    await b.command("invitation.accept", {"invitationId": made["invitationId"]})
    await b.subscribe(session_id)
    return a, b


async def meet_all(url: str, token: Callable[[str], str], base: int) -> list[Listener]:
    """All of them, and the first piece to each."""
    found: list[Listener] = []
    for start in range(base, base + ANSWERS // 2, MEETING_AT_ONCE):
        numbers = range(start, min(start + MEETING_AT_ONCE, base + ANSWERS // 2))
        for both in await asyncio.gather(*(meet(url, token, number) for number in numbers)):
            found += both
    async with asyncio.timeout(ANSWER_SECONDS_MAX):
        while not all(listener.pieces for listener in found):
            await asyncio.sleep(0.05)
    return found


async def part(listeners: Sequence[Listener]) -> None:
    """All leave, and their answers end: a paused session waits for none."""
    for a in listeners[::2]:
        await a.command("session.pause", {}, a.session_id)
    await asyncio.gather(*(listener.close() for listener in listeners))


async def one_round(url: str, pairs: list[Pair], token: Callable[[str], str], number: int) -> Round:
    """The same load without and with answers."""
    await steady(pairs, PER_SECOND, WARM_SECONDS)
    quiet = await steady(pairs, PER_SECOND, SECONDS)
    listeners = await meet_all(url, token, number * ANSWERS)
    before = sum(listener.pieces for listener in listeners)
    streaming = await steady(pairs, PER_SECOND, SECONDS)
    pieces = sum(listener.pieces for listener in listeners) - before
    await part(listeners)
    return Round(_shares(quiet), _shares(streaming), pieces / streaming.seconds)


def _shares(figures: Figures) -> tuple[float, float]:
    return figures.percentile_ms(P50), figures.percentile_ms(P99)


async def measure(run: Run) -> Found:
    """The two rows about answers that are being written."""
    rounds: list[Round] = []
    async with answering_hub(run, "anthropic", BEHEARD_HOSTS="2") as hub:
        url = hub.url.replace("http", "ws", 1)
        key = LocalKey.open(hub.data_dir, SystemClock())
        pairs = await make_pairs(url, token_of(hub), PAIRS, 0)
        for number in range(ROUNDS):
            rounds.append(
                await one_round(url, pairs, lambda user: key.mint(user, name=TALKATIVE), number)
            )
            run.say(f"round {number + 1} of {ROUNDS}: {_sentence(rounds[-1])}")
        await asyncio.gather(*(pair.close() for pair in pairs))
    return Found(
        {
            "streaming_p50": statistics.median(r.streaming[0] / r.quiet[0] for r in rounds),
            "streaming_p99": statistics.median(r.streaming[1] / r.streaming[0] for r in rounds),
        },
        [_sentence(r) for r in rounds],
    )


def _sentence(r: Round) -> str:
    return (
        f"acks at {PER_SECOND}/s: p50 {r.quiet[0]:.2f}, p99 {r.quiet[1]:.2f} ms; with "
        f"{ANSWERS:,} answers under way p50 {r.streaming[0]:.2f}, p99 {r.streaming[1]:.2f} ms and "
        f"{r.pieces:,.0f} pieces/s to their devices"
    )


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())
