"""Commands of many pairs, at a rate or by turns, and what became of them.

No command has a task, a future or a timer of its own, at the peak as little as beyond it: what the
generator takes of a machine that it shares with the hub is missing in the hub's figures.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from typing import Protocol

import msgspec

from beheard_hub.load.pairs import ANSWER_SECONDS_MAX, Frame, How, Pair, Then

LATE_SECONDS_MAX = 10.0
"""An answer later than this counts as none in a phase that offers more than goes."""
FILL_SECONDS, FILL_SHARE_MAX = 1.0, 0.2
"""How long a rate is kept before goodput counts, at most and of the whole: no answer comes before
as much is under way as will be."""
WAKE_SECONDS = 0.001
"""What is due within it is sent at once; where each sends several together, within as many times
it: else the generator is mostly woken."""
LOST = "LOST"
"""A command whose connection ended before its answer."""
UNANSWERED = "UNANSWERED"


class Answer(msgspec.Struct, frozen=True, gc=False):
    """One command: when it was answered, in seconds of the phase, and how long that took."""

    at: float
    seconds: float


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """What one phase gave."""

    name: str
    seconds: float
    answers: list[Answer]
    failures: dict[str, int] = {}
    """By code, with LOST and UNANSWERED."""
    offered: float = 0.0
    """Commands per second that were sent, where a rate was kept."""
    sent_seconds: float = 0.0
    """How long that rate was kept; the last answers come later."""
    counted: int = 0
    """Answers after the filling, until no more was sent."""
    counted_seconds: float = 0.0
    note: str = ""

    @property
    def rate(self) -> float:
        """Acks per second."""
        return len(self.answers) / self.seconds

    @property
    def goodput(self) -> float:
        """Acks per second while a rate was kept, when as many were under way as would be: neither
        the first moment, in which nothing can be answered yet, nor what was only done when no more
        came. Where none was kept, `rate`."""
        return self.counted / self.counted_seconds if self.counted_seconds else self.rate

    def percentile_ms(self, share: float) -> float:
        """Latency in milliseconds below which `share` of the answers lie; 0 without answers."""
        found = sorted(answer.seconds for answer in self.answers)
        return found[min(len(found) - 1, int(share * len(found)))] * 1e3 if found else 0.0


def joined(phases: list[Phase]) -> Phase:
    """Several rounds of one phase as one; `note` and `name` are those of the first."""
    began, answers, failures = 0.0, list[Answer](), Counter[str]()
    for phase in phases:
        answers += [Answer(began + a.at, a.seconds) for a in phase.answers]
        failures.update(phase.failures)
        began += phase.seconds
    sent = sum(phase.sent_seconds for phase in phases)
    offered = sum(phase.offered * phase.sent_seconds for phase in phases)
    return msgspec.structs.replace(
        phases[0], seconds=began, answers=answers, failures=dict(failures),
        offered=offered / sent if sent else 0.0, sent_seconds=sent,
        counted=sum(phase.counted for phase in phases),
        counted_seconds=sum(phase.counted_seconds for phase in phases),
    )  # fmt: skip


class Senders(Protocol):
    """Who sends, and who brings them back when they were cut off."""

    pairs: list[Pair]

    def mended(self, number: int) -> asyncio.Task[None]:
        """Ends when both phones of that pair are connected again."""


class _Run:
    """The commands of one phase."""

    def __init__(self, senders: Senders, how: How) -> None:
        self.senders, self.how = senders, how
        self.answers: list[Answer] = []
        self.failures: Counter[str] = Counter()
        self.under_way = 0
        self.quiet = asyncio.Event()
        """Set when the last answer has come; to be cleared by who waits for it."""
        self.began = time.perf_counter()

    def send(self, number: int, after: Then | None = None) -> None:
        """One command of that pair; `after` is called when it is over, whichever way."""
        sent_at = time.perf_counter()
        self.under_way += 1

        def then(frame: Frame | None) -> None:
            self.under_way -= 1
            if frame is None:
                self.failures[LOST] += 1
                self.senders.mended(number)
            elif frame.type == "ack":
                now = time.perf_counter()
                self.answers.append(Answer(now - self.began, now - sent_at))
            else:
                self.failures[frame.code] += 1
            if not self.under_way:
                self.quiet.set()
            if after is not None:
                after(frame)

        self.senders.pairs[number].send(self.how, then)


async def at_rate(
    senders: Senders, name: str, per_second: float, seconds: float, how: How = How.TOGGLE,
    together: int = 1,
) -> Phase:  # fmt: skip
    """Commands at a fixed rate, spread over the pairs, whatever the answers take; each pair sends
    so many of them `together`."""
    run, count, sent = _Run(senders, how), int(per_second * seconds), 0
    while sent < count:
        groups = int((time.perf_counter() - run.began) * per_second / together) + 1
        due = min(count, groups * together)
        for number in range(sent, due):
            run.send(number // together % len(senders.pairs))
        sent = due
        wait = run.began + sent / per_second - time.perf_counter()
        await asyncio.sleep(max(together * WAKE_SECONDS, wait))
    sent_in = time.perf_counter() - run.began
    run.quiet.clear()
    if run.under_way:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(run.quiet.wait(), LATE_SECONDS_MAX)
    answers = list(run.answers)  # what still comes is not counted
    run.failures[UNANSWERED] += run.under_way
    filled = min(FILL_SECONDS, FILL_SHARE_MAX * sent_in)
    return Phase(
        name=name, seconds=max(sent_in, max((a.at for a in answers), default=0.0)),
        answers=answers, failures=+run.failures, offered=count / sent_in, sent_seconds=sent_in,
        counted=sum(filled < answer.at <= sent_in for answer in answers),
        counted_seconds=sent_in - filled,
    )  # fmt: skip


async def by_turns(
    senders: Senders, name: str, seconds: float, *, think_seconds: float = 0.0, lanes: int = 1,
    how: How = How.TOGGLE, among: int | None = None,
) -> Phase:  # fmt: skip
    """Every pair (`among`: of the first so many) sends, waits for the answer, thinks and sends
    again, in so many lanes. Who is refused waits as long as the hub says, and who is cut off until
    the connection is back."""
    run, pairs = _Run(senders, how), range(among or len(senders.pairs))
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    left = lanes * len(pairs)

    def turn(number: int) -> None:
        nonlocal left
        if time.perf_counter() - run.began < seconds:
            run.send(number, lambda frame: answered(number, frame))
            return
        left -= 1
        if not left:
            over.set()

    def answered(number: int, frame: Frame | None) -> None:
        if frame is None:
            senders.mended(number).add_done_callback(lambda task: turn(number))
        elif think_seconds or frame.retry_after_ms:
            left_seconds = max(0.0, seconds - (time.perf_counter() - run.began))
            wait = max(think_seconds, frame.retry_after_ms / 1e3)
            loop.call_later(min(wait, left_seconds), turn, number)
        else:
            turn(number)

    for number in pairs:
        for _ in range(lanes):
            turn(number)
    async with asyncio.timeout(seconds + think_seconds + ANSWER_SECONDS_MAX):
        await over.wait()
    return Phase(
        name=name, seconds=time.perf_counter() - run.began, answers=run.answers,
        failures=+run.failures,
    )  # fmt: skip
