"""The worker on a store in memory: what fails is tried again, what is refused holds up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from beheard_hub.domain.kernel import Insert
from beheard_hub.embeddings.hints import TellingFlushes, brings_text
from beheard_hub.embeddings.vocabulary import EmbeddingFailed, Key, Page, Text, Vectors
from beheard_hub.embeddings.worker import EmbeddingWorker, WorkerLimits
from beheard_hub.persistence.batch import Part, encode_batch, pack_row
from beheard_hub.ports import Fenced, Lease, StoreUnavailable

QUICK = WorkerLimits(batch_rows_max=4, rest_seconds=0.0, backoff_seconds_min=0.0)


class Shelf:
    """A `VectorStore`: texts by id, and the vectors that they have."""

    def __init__(self, **texts: str | None) -> None:
        self.kept = dict(texts)
        self.vectors: dict[str, list[float]] = {}
        self.looks = 0
        self.away = 0
        """How many more looks fail."""
        self.changed = asyncio.Condition()

    async def lacking(self, passed: Sequence[str], limit: int) -> Sequence[Key]:
        self.looks += 1
        if self.away:
            self.away -= 1
            raise StoreUnavailable("away")
        found = [id_ for id_ in self.kept if id_ not in self.vectors and id_ not in passed]
        return [Key("Message", id_, "u", "s") for id_ in found[:limit]]

    async def outdated(self, after: tuple[str, str] | None, model: str) -> Page:
        return Page([], None)

    async def texts(self, keys: Sequence[Key]) -> Sequence[Text]:
        seen = [(key, self.kept[key.id]) for key in keys]
        return [Text(key, 0, text) for key, text in seen if text is not None]

    async def store(self, model: str, texts: Sequence[Text], vectors: Vectors) -> int:
        for text, vector in zip(texts, vectors.tolist(), strict=True):
            self.vectors[text.key.id] = vector
        async with self.changed:
            self.changed.notify_all()
        return len(texts)

    async def count(self, model: str) -> int:
        return len(self.kept) - len(self.vectors)

    async def holds(self, count: int) -> None:
        """Waits until so many have vectors."""
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(lambda: len(self.vectors) == count)


class Model:
    """Length as vector; refuses what it is told to."""

    model = "m"

    def __init__(self, refuses: Callable[[str], bool] = lambda text: False) -> None:
        self.refuses = refuses
        self.batches: list[int] = []
        self.failing = 0

    async def vectors(self, texts: Sequence[str]) -> Vectors:
        if self.failing:
            self.failing -= 1
            raise EmbeddingFailed("HTTP 503")
        if any(self.refuses(text) for text in texts):
            raise EmbeddingFailed("HTTP 400", refused=True)
        self.batches.append(len(texts))
        return np.array([[float(len(text))] for text in texts], dtype=np.float32)


async def test_a_batch_is_what_there_is() -> None:
    shelf, model = Shelf(**{f"t{n}": "x" * (n + 1) for n in range(6)}), Model()
    assert await EmbeddingWorker(model, shelf, limits=QUICK).backfill(lambda _: None) == 0
    assert shelf.vectors == {f"t{n}": [n + 1.0] for n in range(6)}
    assert model.batches == [4, 2]


async def test_the_refused_the_unseen_and_the_blank_hold_up_nobody() -> None:
    shelf = Shelf(bad="bad", unseen=None, blank="  ", a="a", b="bb", c="ccc")
    model = Model(lambda text: text == "bad")
    passed = await EmbeddingWorker(model, shelf, limits=QUICK).backfill(lambda _: None)
    assert passed == 2
    assert shelf.vectors == {"blank": [0.0], "a": [1.0], "b": [2.0], "c": [3.0]}


async def test_where_all_is_refused_the_set_up_is_wrong() -> None:
    shelf = Shelf(a="a", b="bb")
    with pytest.raises(EmbeddingFailed) as failed:
        await EmbeddingWorker(Model(lambda text: True), shelf, limits=QUICK).step()
    assert not failed.value.refused
    assert shelf.vectors == {}


async def test_whatever_fails_is_tried_again() -> None:
    shelf, model = Shelf(a="a"), Model()
    shelf.away, model.failing = 2, 2
    worker = EmbeddingWorker(model, shelf, limits=QUICK)
    running = asyncio.create_task(worker.run())
    await shelf.holds(1)
    assert worker.failures == 4
    running.cancel()


async def test_a_fault_of_ours_ends_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf(a="one")
    worker = EmbeddingWorker(Model(), shelf, limits=QUICK)
    store, broken = shelf.store, [ValueError("words of somebody")]

    async def once_broken(*args: Any) -> int:
        if broken:
            raise broken.pop()
        return await store(*args)

    monkeypatch.setattr(shelf, "store", once_broken)
    running = asyncio.create_task(worker.run())
    await shelf.holds(1)
    running.cancel()
    assert worker.failures == 1


async def test_a_hint_is_followed_by_a_look_that_sees_what_was_there() -> None:
    shelf = Shelf()
    worker = EmbeddingWorker(Model(), shelf, limits=QUICK)
    running = asyncio.create_task(worker.run())
    for number in range(5):
        shelf.kept[f"t{number}"] = "x"
        before = shelf.looks
        async with asyncio.timeout(20):
            await worker.noticed()
        await shelf.holds(number + 1)
        assert shelf.looks > before
    running.cancel()


class Flushes:
    """A `FlushStore` that commits, or is fenced."""

    fenced = False

    async def flush(self, lease: Lease, number: int, batch: bytes) -> None:
        if self.fenced:
            raise Fenced


def batch(table: str, **values: str) -> bytes:
    """What a host sends."""
    return encode_batch([Part("s", {"s": ["u"]}, [pack_row(Insert(table, values))])])


async def test_only_a_commit_that_brought_text_is_told() -> None:
    told: list[None] = []
    inner = Flushes()
    flushes = TellingFlushes(inner, lambda: told.append(None))
    lease = Lease("h", 1)
    await flushes.flush(lease, 1, batch("hub.Nudge", id="n"))
    await flushes.flush(lease, 2, batch("Boundary", id="b", description='"t":"Message"'))
    assert told == []
    await flushes.flush(lease, 3, batch("Message", id="m", content="words"))
    assert len(told) == 1
    inner.fenced = True
    with pytest.raises(Fenced):
        await flushes.flush(lease, 4, batch("Message", id="m2", content="words"))
    assert len(told) == 1
    assert brings_text(batch("UserEvent", id="e", description="words"))
