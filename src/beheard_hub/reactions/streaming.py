"""Paces an answer on its way to the phones: at most one delta per 40 ms (spec 06)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from beheard_hub.domain.limits import DELTA_MILLISECONDS_MIN
from beheard_hub.facilitation import Delta, FacilitatorFailed, Spoken
from beheard_hub.ports import Clock

Emit = Callable[[int, str, bool], None]
"""(index, text, reset) → one delta frame."""


async def speak(stream: AsyncIterator[Delta | Spoken], emit: Emit, clock: Clock) -> Spoken:
    """Passes the deltas of `stream` on, joined so that none follows another within 40 ms, and
    returns what was said in the end.

    Raises FacilitatorFailed, also for a stream that ends without `Spoken`.
    Cancelling ends the stream.
    """
    index, waiting, last = 0, "", float("-inf")
    async for piece in stream:
        if isinstance(piece, Spoken):
            if waiting:
                emit(index, waiting, False)
            return piece
        if piece.reset:
            index, waiting, last = 0, "", float("-inf")
            emit(0, "", True)
        waiting += piece.text
        if waiting and (clock.mono() - last) * 1000 >= DELTA_MILLISECONDS_MIN:
            emit(index, waiting, False)
            index, waiting, last = index + 1, "", clock.mono()
    raise FacilitatorFailed("the answer ended in the middle")
