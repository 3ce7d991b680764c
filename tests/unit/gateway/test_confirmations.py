"""Confirmations are gathered: the newest of each device, soon, and before it leaves its host."""

from __future__ import annotations

import asyncio

import pytest

from beheard_hub.gateway import confirmations
from beheard_hub.gateway.confirmations import Confirmations


class Told:
    """A host that keeps what it is told."""

    def __init__(self) -> None:
        self.words: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self.gathered = Confirmations[str](lambda ear, seq: self.words.put_nowait((ear, seq)))

    async def next(self) -> tuple[str, int]:
        async with asyncio.timeout(30):
            return await self.words.get()


async def test_the_newest_of_each_device_is_told_once() -> None:
    told = Told()
    for seq in (3, 4, 6, 5):
        told.gathered.add("phone", seq)
    told.gathered.add("tablet", 4)
    assert told.words.empty()
    assert [await told.next(), await told.next()] == [("phone", 6), ("tablet", 4)]
    told.gathered.add("phone", 7)
    assert await told.next() == ("phone", 7)
    assert told.words.empty()


async def test_one_that_leaves_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirmations, "GATHER_SECONDS", 3600)
    told = Told()
    told.gathered.add("phone", 3)
    told.gathered.add("tablet", 3)
    for leaving in ("phone", "phone", "a stranger"):
        told.gathered.settle(leaving)
    assert await told.next() == ("phone", 3)
    assert told.words.empty()
