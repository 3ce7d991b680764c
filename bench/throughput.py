"""Commands per second and ack latency: the hub on Ray, the same hub in one process, the naive
design, and Ray's own no-op call, in turn.

Every round starts each of them, loads it for a few seconds at each rate and ends it, so that each
has the machine to itself; a figure is the median over the rounds of the ratio within a round, so
that what else the machine does meets both sides.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import Callable

import msgspec

from beheard_hub.load.pairs import Pair, Phone, make_pairs, saturate, steady
from bench.bars import Found
from bench.naive.__main__ import Listening
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
    async def start(cls, run: Run, number: int) -> Naive:
        """Starts it and waits until it listens. Raises RuntimeError."""
        folder, log_path = run.folder / f"naive{number}", run.folder / f"naive{number}.log"
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


class Stretch(msgspec.Struct, frozen=True):
    """What one round gave of one build of the hub."""

    rates: tuple[float, float]
    p50: tuple[float, float]
    half: tuple[float, float]


async def rates(pairs: list[Pair]) -> tuple[float, float]:
    """Commands per second at 1 and at 8 in flight per client."""
    await saturate(pairs, 8, WARM_SECONDS)
    one = await saturate(pairs, 1, SECONDS)
    eight = await saturate(pairs, 8, SECONDS)
    return one.rate, eight.rate


async def hub(run: Run, link: str, number: int) -> Stretch:
    """One build of the hub, alone on the machine, on a database of its own as the naive design.

    The low rates come first, as Ray's no-op call is measured at rest: a saturating load leaves
    Postgres work (vacuum, checkpoints) that is none of theirs.
    """
    async with run.hub(f"{link}{number}", BEHEARD_LINK=link) as process:
        url = process.url.replace("http", "ws", 1)
        pairs = await make_pairs(url, token_of(process), PAIRS, 0)
        await saturate(pairs, 1, WARM_SECONDS)
        at_50, at_500 = [await steady(pairs, rate, SECONDS) for rate in (50, 500)]
        found = await rates(pairs)
        half = await steady(pairs, max(found) / 2, SECONDS)
        await _close(pairs)
    shares = half.percentile_ms(P50), half.percentile_ms(P99)
    return Stretch(found, (at_50.percentile_ms(P50), at_500.percentile_ms(P50)), shares)


async def naive(run: Run, number: int) -> tuple[float, float]:
    """The naive design, alone on the machine."""
    process = await Naive.start(run, number)
    try:
        pairs = await process.pairs()
        found = await rates(pairs)
        await _close(pairs)
    finally:
        await process.stop()
    return found


async def noop() -> float:
    """Ray's no-op call in a process, and on a Ray, of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.noop",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    said, _ = await process.communicate()
    return float(said.split()[-1])


async def _close(pairs: list[Pair]) -> None:
    await asyncio.gather(*(pair.close() for pair in pairs))


async def measure(run: Run) -> Found:
    """The rows of spec 09 from commands/s down to p99."""
    rounds = []
    for number in range(ROUNDS):
        ours = await hub(run, "socket", number)
        simple = await naive(run, number)
        alone = await hub(run, "inprocess", number)
        rounds.append(
            Round(ours.rates, alone.rates, simple, ours.p50, alone.p50, ours.half, await noop())
        )
        run.say(f"round {number + 1} of {ROUNDS}: {_sentence(rounds[-1])}")
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
