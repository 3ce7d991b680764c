"""Paces an answer on its way to the phones: at most one delta per 40 ms (spec 06), and fewer where
many answers run in one host: a delta costs the host and the gateway more than what the provider
sent, and people in other sessions wait for their acks.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

from beheard_hub.domain.limits import DELTA_MILLISECONDS_MIN
from beheard_hub.facilitation import Delta, FacilitatorFailed, Spoken
from beheard_hub.observability.metrics import AI_FIRST_WORD_SECONDS
from beheard_hub.ports import Clock, Mailbox, Piece, Sleep

TEXT_CHARS_MAX = 10_000
"""What a "Message" row can hold (spec 03.3)."""

SECONDS_MIN = DELTA_MILLISECONDS_MIN / 1000
DELTAS_PER_SECOND_MAX = 1_000
"""Of one host, all answers together: 40 answers have their 40 ms, 500 get two pieces a second."""

Emit = Callable[[int, str, bool], None]
"""(index, text, reset) → one delta frame."""


class Rhythm:
    """How many answers run in one host, and how often each may send a delta."""

    def __init__(self) -> None:
        self._running = 0

    @property
    def seconds(self) -> float:
        """Between two deltas of one answer."""
        return max(SECONDS_MIN, self._running / DELTAS_PER_SECOND_MAX)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """One answer more, in here."""
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1


@contextlib.contextmanager
def telling(
    mailbox: Mailbox, session_id: str, user_id: str, reply_to: str, message_id: str,
    lane: str | None = None,
) -> Iterator[Emit]:  # fmt: skip
    """Tells the pieces of one answer. What was shown is called back where the answer will not be
    stored, however it comes to that: it may be made from what its owner has taken back."""
    shown = False

    def emit(index: int, text: str, reset: bool) -> None:
        nonlocal shown
        shown = bool(text)
        piece = Piece(reply_to, message_id, index, text, reset, lane)
        mailbox.delta(session_id, user_id, piece)

    try:
        yield emit
    except BaseException:
        if shown:
            emit(0, "", True)
        raise
    finally:
        mailbox.answered(session_id, user_id, message_id)


async def speak(
    stream: AsyncIterator[Delta | Spoken],
    emit: Emit,
    clock: Clock,
    sleep: Sleep,
    first_word_seconds_max: float,
    rhythm: Rhythm,
) -> Spoken:
    """Passes the deltas of `stream` on, joined so that none follows another sooner than `rhythm`
    says, and returns what was said in the end. A piece waits no longer than that, whatever follows.

    Indices count from 0, and again from 0 after a reset, which is passed on only where something
    was shown before. Raises FacilitatorFailed, also for a stream that ends without `Spoken` and
    for an answer that cannot be stored; TimeoutError when nothing comes within
    `first_word_seconds_max`. Cancelling ends the stream. Who called must call back what was shown.
    """
    pace = _Pace(emit, clock, rhythm)
    began: float | None = clock.mono()
    try:
        with rhythm.running():
            async with asyncio.timeout(first_word_seconds_max) as patience:
                async for piece in stream:
                    patience.reschedule(None)
                    if began is not None:
                        AI_FIRST_WORD_SECONDS.observe(clock.mono() - began)
                        began = None
                    if isinstance(piece, Spoken):
                        await sleep(pace.seconds_left(SECONDS_MIN))
                        pace.flush()
                        return _storable(piece)
                    pace.add(piece)
    finally:
        pace.close()
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
    raise FacilitatorFailed("the answer ended in the middle")


class _Pace:
    """Pieces that wait for their turn."""

    def __init__(self, emit: Emit, clock: Clock, rhythm: Rhythm) -> None:
        self._emit = emit
        self._clock = clock
        self._rhythm = rhythm
        self._timer: asyncio.Handle | None = None
        """Set while something may wait; it is let run out, which is cheaper than a new one each."""
        self._index = 0
        self._waiting = ""
        self._chars = 0
        """Of the answer, since the last reset."""
        self._last = float("-inf")

    def seconds_left(self, between: float) -> float:
        """How long what waits must wait still; 0 where nothing does."""
        since = self._clock.mono() - self._last
        return max(0.0, between - since) if self._waiting else 0.0

    def add(self, piece: Delta) -> None:
        """Takes a piece, and lets go of what may leave. Raises FacilitatorFailed."""
        if piece.reset:
            self._take_back()
        self._waiting += piece.text
        self._chars += len(piece.text)
        if self._chars > TEXT_CHARS_MAX:
            raise FacilitatorFailed("the answer cannot be stored")
        if self._timer is None:
            # not at once: words that came together leave together
            self._timer = asyncio.get_running_loop().call_soon(self._rang)

    def _rang(self) -> None:
        """What waits goes now, or when its time has come."""
        self._timer = None
        left = self.seconds_left(self._rhythm.seconds)
        if left == 0.0:
            self.flush()
        else:
            self._timer = asyncio.get_running_loop().call_later(left, self._rang)

    def close(self) -> None:
        """Nothing goes any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _take_back(self) -> None:
        """Nothing of it counts: what waits is dropped, what was shown is called back."""
        self._waiting, self._chars = "", 0
        if self._index:
            self._index = 0
            self._send("", reset=True)

    def flush(self) -> None:
        """Lets go of everything that waits."""
        if self._waiting:
            text, self._waiting = self._waiting, ""
            self._send(text, reset=False)

    def _send(self, text: str, *, reset: bool) -> None:
        self._emit(self._index, text, reset)
        self._index += 1
        self._last = self._clock.mono()


def _storable(spoken: Spoken) -> Spoken:
    """Nothing empty is stored, and nothing that the database would refuse."""
    if not spoken.text.strip() or len(spoken.text) > TEXT_CHARS_MAX or "\0" in spoken.text:
        raise FacilitatorFailed("the answer cannot be stored")
    return spoken
