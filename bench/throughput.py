"""Commands per second and ack latency: the hub on Ray, the same hub in one process, the naive
design, and Ray's own no-op call, all up at once and loaded in turn.

Every round loads one after the other for a few seconds each; a figure is the median over the rounds
of the ratio within a round, so that what the machine does meanwhile meets both sides.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack

import msgspec

from beheard_hub.testing.hub_process import HubProcess
from bench.bars import Found
from bench.naive.__main__ import Listening
from bench.pairs import Figures, Pair, Phone, make_pairs, saturate, steady
from bench.run import Run, token_of

PAIRS = 100
NAIVE_SESSIONS = 20
ROUNDS = 3
SECONDS = 4.0
WARM_SECONDS = 2.0
START_SECONDS_MAX = 120
P50, P99 = 0.5, 0.99


class Naive:
    """The naive design as a child process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.listening: Listening

    @classmethod
    async def start(cls, run: Run) -> Naive:
        """Starts it and waits until it listens. Raises RuntimeError."""
        folder, log_path = run.folder / "naive", run.folder / "naive.log"
        with log_path.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bench.naive", str(folder), str(NAIVE_SESSIONS),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
            )  # fmt: skip
        naive = cls(process)
        try:
            naive.listening = msgspec.json.decode(await naive._line(b"listening "), type=Listening)
        except msgspec.DecodeError:
            await naive.stop()
            tail = log_path.read_bytes()[-2000:].decode(errors="replace")
            raise RuntimeError(f"the naive design did not start:\n{tail}") from None
        return naive

    async def _line(self, word: bytes) -> bytes:
        """The rest of the next line that begins with `word`; Ray may say something between.

        Empty when the process ended before.
        """
        assert self._process.stdout is not None
        async with asyncio.timeout(START_SECONDS_MAX):
            while line := await self._process.stdout.readline():
                if line.startswith(word):
                    return line.removeprefix(word)
        return b""

    async def noop_ms(self) -> float:
        """Ray's no-op call, from inside a process that Ray knows."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"noop\n")
        return float(await self._line(b"noop "))

    async def pairs(self) -> list[Pair]:
        """Both people of every session, connected."""
        url = f"ws://127.0.0.1:{self.listening.port}"
        return [
            Pair(await Phone.connect(url, s.a), await Phone.connect(url, s.b), s.session_id)
            for s in self.listening.sessions
        ]

    async def stop(self) -> None:
        """Ends it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 60)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


class Round(msgspec.Struct, frozen=True):
    """What one round gave; rates in commands per second, times in milliseconds."""

    ours: tuple[float, float]
    """At 1 and at 8 in flight per client."""
    alone: tuple[float, float]
    naive: tuple[float, float]
    ours_p50: tuple[float, float]
    """At 50 and at 500 commands per second."""
    alone_p50: tuple[float, float]
    half: tuple[float, float]
    """p50 and p99 at half of the saturating load."""
    noop: float


async def hub_pairs(hub: HubProcess, count: int) -> list[Pair]:
    """New pairs on a running hub."""
    return await make_pairs(hub.url.replace("http", "ws", 1), token_of(hub), count, 0)


async def rates(pairs: list[Pair]) -> tuple[float, float]:
    """Commands per second at 1 and at 8 in flight per client."""
    one = await saturate(pairs, 1, SECONDS)
    eight = await saturate(pairs, 8, SECONDS)
    return one.rate, eight.rate


async def one_round(ours: list[Pair], alone: list[Pair], naive: list[Pair], ray: Naive) -> Round:
    """All designs, one after the other; what is compared stands side by side."""
    mine = await rates(ours)
    simple = await rates(naive)
    single = await rates(alone)
    at_50: list[Figures] = [await steady(pairs, 50, SECONDS) for pairs in (ours, alone)]
    noop = await ray.noop_ms()
    at_500: list[Figures] = [await steady(pairs, 500, SECONDS) for pairs in (ours, alone)]
    half = await steady(ours, max(mine) / 2, SECONDS)
    ours_p50, alone_p50 = (
        (at_50[i].percentile_ms(P50), at_500[i].percentile_ms(P50)) for i in (0, 1)
    )
    shares = half.percentile_ms(P50), half.percentile_ms(P99)
    return Round(mine, single, simple, ours_p50, alone_p50, shares, noop)


async def measure(run: Run) -> Found:
    """The rows of spec 09 from commands/s down to p99."""
    async with AsyncExitStack() as stack:
        run.say("starting the naive design")
        naive = await Naive.start(run)
        stack.push_async_callback(naive.stop)
        run.say("starting the hub on Ray and the hub in one process")
        on_ray = await stack.enter_async_context(run.hub("ray", BEHEARD_LINK="socket"))
        single = await stack.enter_async_context(run.hub("alone", BEHEARD_LINK="inprocess"))
        run.say(f"leading {PAIRS} pairs into sessions, twice")
        sides = [
            await hub_pairs(on_ray, PAIRS), await hub_pairs(single, PAIRS), await naive.pairs()
        ]  # fmt: skip
        for pairs in sides:
            await saturate(pairs, 8, WARM_SECONDS)
        rounds = []
        for number in range(1, ROUNDS + 1):
            rounds.append(await one_round(sides[0], sides[1], sides[2], naive))
            run.say(f"round {number} of {ROUNDS}: {_sentence(rounds[-1])}")
        await asyncio.gather(*(pair.close() for pairs in sides for pair in pairs))
    return found(rounds)


def found(rounds: list[Round]) -> Found:
    """Medians over the rounds of the ratios within a round."""

    def middle(ratio: Callable[[Round], float]) -> float:
        return statistics.median(ratio(r) for r in rounds)

    return Found(
        {
            "naive_one": middle(lambda r: r.ours[0] / r.naive[0]),
            "naive_eight": middle(lambda r: r.ours[1] / r.naive[1]),
            "alone_one": middle(lambda r: r.ours[0] / r.alone[0]),
            "alone_eight": middle(lambda r: r.ours[1] / r.alone[1]),
            "p50_at_50": middle(lambda r: r.ours_p50[0] / r.alone_p50[0]),
            "p50_at_500": middle(lambda r: r.ours_p50[1] / r.alone_p50[1]),
            "p50_noop": middle(lambda r: r.ours_p50[0] / r.noop),
            "p99": middle(lambda r: r.half[1] / r.half[0]),
        },
        [_sentence(r) for r in rounds],
    )


def _sentence(r: Round) -> str:
    return (
        f"commands/s at 1 and 8 in flight: Ray {r.ours[0]:,.0f} / {r.ours[1]:,.0f}, one process "
        f"{r.alone[0]:,.0f} / {r.alone[1]:,.0f}, naive {r.naive[0]:,.0f} / {r.naive[1]:,.0f}; "
        f"ack p50 at 50 and 500/s: Ray {r.ours_p50[0]:.2f} / {r.ours_p50[1]:.2f} ms, one process "
        f"{r.alone_p50[0]:.2f} / {r.alone_p50[1]:.2f} ms; at half the load p50 {r.half[0]:.2f}, "
        f"p99 {r.half[1]:.2f} ms; no-op call {r.noop:.2f} ms"
    )
