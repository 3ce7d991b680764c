"""The more watch, the rarer and longer are the pieces that they are told; nothing is lost."""

from __future__ import annotations

from collections.abc import Callable

from beheard_hub.actors.pacing import TOLD_PER_SECOND_MAX, Pacing
from beheard_hub.domain.sharding import shard_of
from beheard_hub.ports import Piece
from beheard_hub.testing.memory_stores import ManualClock

THREAD = ("271", "anna")
MANY = TOLD_PER_SECOND_MAX // 5
"""Who are told something five times a second."""


def piece(index: int, text: str, *, reset: bool = False, message: str = "m1") -> Piece:
    return Piece("m0", message, index, text, reset, "partner")


def test_few_are_told_every_piece_and_many_some_at_once() -> None:
    for ears, told in ((1, ["a ", "b ", "c ", "d ", "e "]), (MANY, ["a ", "b c d e "])):
        clock = ManualClock()
        pacing = Pacing(clock.mono)
        said = []
        for index, text in enumerate(("a ", "b ", "c ", "d ", "e ")):
            taken = pacing.take(THREAD, piece(index, text), ears)
            said += [taken.text] if taken is not None else []
            clock.advance(0.05)
        said += [held.text for thread in pacing.due() if (held := pacing.release(thread))]
        assert said == told


def test_what_is_held_counts_from_its_last_reset() -> None:
    pacing = Pacing(ManualClock().mono)
    assert pacing.take(THREAD, piece(0, "a "), MANY) == piece(0, "a ")
    assert pacing.take(THREAD, piece(1, "b "), MANY) is None
    assert pacing.take(THREAD, piece(2, "c ", reset=True), MANY) is None
    assert pacing.take(THREAD, piece(3, "d "), MANY) is None
    assert pacing.release(THREAD) == piece(3, "c d ", reset=True)
    assert pacing.release(THREAD) is None
    assert pacing.take(THREAD, piece(4, "e "), MANY) is None
    back = piece(5, "", reset=True)
    assert pacing.take(THREAD, back, MANY) == back, "at once, and what was held is no more"


def test_of_what_is_over_nothing_is_held() -> None:
    clock = ManualClock()
    pacing = Pacing(clock.mono)
    ends: list[Callable[[], None]] = [
        lambda: pacing.over(THREAD),
        lambda: pacing.forget_shards({shard_of(THREAD[0])}),
    ]
    for end in ends:
        pacing.take(THREAD, piece(0, "a "), MANY)
        assert pacing.take(THREAD, piece(1, "b "), MANY) is None
        end()
        clock.advance(1.0)
        assert (pacing.release(THREAD), pacing.due()) == (None, [])
