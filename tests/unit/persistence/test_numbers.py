"""Numbers in blocks: handed out from memory, filled up in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from beheard_hub.persistence.numbers import KINDS, BlockNumbers
from beheard_hub.ports import StoreUnavailable


class Sequences:
    """A database that can be away, or slow, and tells how it was asked."""

    def __init__(self) -> None:
        self.next = dict.fromkeys(KINDS, 1)
        self.asked: list[tuple[str, int]] = []
        self.away = False
        self.called = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()

    async def __call__(self, kind: str, how_many: int) -> Sequence[int]:
        self.asked.append((kind, how_many))
        self.called.set()
        await self.answers.wait()
        if self.away:
            raise StoreUnavailable("away")
        first = self.next[kind]
        self.next[kind] += how_many
        return range(first, first + how_many)

    def slow(self) -> None:
        """From now on nothing is answered until `answers` is set."""
        self.asked.clear()
        self.called.clear()
        self.answers.clear()


async def settled(numbers: BlockNumbers) -> None:
    """Until what is under way in the background is over."""
    await asyncio.gather(*numbers._filling.values(), return_exceptions=True)


async def test_each_kind_counts_for_itself() -> None:
    sequences = Sequences()
    numbers = BlockNumbers(sequences, block=10, low=2)
    await numbers.open()
    assert sequences.asked == [("session", 10), ("message", 10), ("scenario", 2)]
    assert [numbers.number("session") for _ in range(3)] == [1, 2, 3]
    assert numbers.number("message") == 1


async def test_a_block_is_filled_up_before_it_is_empty() -> None:
    sequences = Sequences()
    numbers = BlockNumbers(sequences, block=4, low=2)
    await numbers.open()
    sequences.slow()
    given = [numbers.number("message"), numbers.number("message")]
    assert not numbers._filling, "more than low was left"
    given.append(numbers.number("message"))
    await sequences.called.wait()
    given.append(numbers.number("message"))
    assert sequences.asked == [("message", 4)], "asked once, while it is under way"
    sequences.answers.set()
    await settled(numbers)
    given += [numbers.number("message") for _ in range(3)]
    assert given == [1, 2, 3, 4, 5, 6, 7]


async def test_none_left_is_said_and_the_next_wish_asks_again() -> None:
    sequences = Sequences()
    numbers = BlockNumbers(sequences, block=2, low=1)
    await numbers.open()
    sequences.away = True
    for _ in range(2):
        numbers.number("session")
        await settled(numbers)
    with pytest.raises(StoreUnavailable):
        numbers.number("session")
    await settled(numbers)
    sequences.away = False
    with pytest.raises(StoreUnavailable):
        numbers.number("session")
    await settled(numbers)
    assert numbers.number("session") == 3


async def test_opening_says_when_the_database_is_away() -> None:
    sequences = Sequences()
    sequences.away = True
    with pytest.raises(StoreUnavailable):
        await BlockNumbers(sequences).open()


async def test_another_word_is_our_mistake() -> None:
    with pytest.raises(KeyError):
        BlockNumbers(Sequences()).number("preset")


async def test_closing_ends_what_is_under_way() -> None:
    sequences = Sequences()
    numbers = BlockNumbers(sequences, block=2, low=2)
    await numbers.open()
    sequences.slow()
    numbers.number("message")
    await sequences.called.wait()
    await numbers.close()
    assert not numbers._filling
