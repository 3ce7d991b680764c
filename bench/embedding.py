"""Embedding: the actors against the bare model on the same texts, and that no message waits.

The actors' figure is rows per second from the first look to the last row stored, on Ray, with the
worker as it is and a store in memory: what Ray, the worker and its threads cost. The bare model
makes the same texts in batches of the same size in a process of its own, at the same niceness. The
same with Postgres, texts read as their owners' facilitator and vectors stored, is in the notes.

A message never waits: acks of texts at a steady rate, with the embedding actor at work and with
the actor stopped (SIGSTOP) so that no text gets a vector, in turn.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import msgspec

from beheard_hub.actors.embedding_actor import EmbeddingOrder, EmbeddingPool
from beheard_hub.actors.ray_cluster import RayOptions, start_ray, stop_ray
from beheard_hub.ai.embedding import LocalEmbedder
from beheard_hub.embeddings.vocabulary import Key, Page, Text, Vectors
from beheard_hub.embeddings.worker import EmbeddingWorker, WorkerLimits
from beheard_hub.load.pairs import Pair, Phone, make_pairs
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.settings import process_environment
from beheard_hub.testing.hub_process import HubProcess
from bench.bars import Found
from bench.run import Run, token_of

TEXTS, ROUNDS = 40_000, 3
WORDS = ("we", "spoke", "about", "money", "and", "the", "garden", "but", "nobody", "listened",
         "until", "it", "was", "late")  # fmt: skip
PAIRS, PER_SECOND, SECONDS = 20, 50, 4.0
BACKLOG = 10_000
READY_SECONDS_MAX = 60
WAIT_SECONDS = 0.05


def text_of(number: int) -> str:
    """A short text of its own."""
    places = (number, number // 7, number // 11, number // 13, number // 17, number // 19)
    return " ".join(WORDS[place % len(WORDS)] for place in places) + f" {number}"


class Memory:
    """A `VectorStore` without a database: `TEXTS` rows for every round that is begun."""

    def __init__(self) -> None:
        self.left: dict[str, Key] = {}

    def begin(self) -> None:
        """All rows lack their vector."""
        self.left = {str(n): Key("Message", str(n), "u", "s") for n in range(TEXTS)}

    async def lacking(self, passed: Sequence[str], limit: int) -> Sequence[Key]:
        """The first of those that are left."""
        return list(itertools.islice(self.left.values(), limit))

    async def outdated(self, after: tuple[str, str] | None, model: str) -> Page:
        """None."""
        return Page([], None)

    async def texts(self, keys: Sequence[Key]) -> Sequence[Text]:
        """Made up."""
        return [Text(key, 0, text_of(int(key.id))) for key in keys]

    async def store(self, model: str, texts: Sequence[Text], vectors: Vectors) -> int:
        """Takes them off the list."""
        for text in texts:
            del self.left[text.key.id]
        return len(vectors)

    async def count(self, model: str) -> int:
        """How many are left."""
        return len(self.left)


class Measured(msgspec.Struct):
    """A worker on `Memory` that times itself (`RunningEmbedder`)."""

    worker: EmbeddingWorker
    filling: asyncio.Task[None]

    async def close(self) -> None:
        """Nothing to let go of."""
        self.filling.cancel()


async def build(path: str, _number: int, _count: int) -> Measured:
    """Factory of the bench's actors: rounds of embedding and rounds of the bare model in turn, in
    one process, and then a file with the rows per second of both."""
    model, store = LocalEmbedder(), Memory()
    worker = EmbeddingWorker(model, store)
    await model.vectors([text_of(0)])

    async def fill() -> None:
        ratios, rates = [], []
        for _ in range(ROUNDS):
            bare = await asyncio.to_thread(_bare, model)
            store.begin()
            began = time.perf_counter()
            worker.wake()
            while store.left:
                await asyncio.sleep(WAIT_SECONDS / 10)
            rates.append((TEXTS / (time.perf_counter() - began), bare))
            ratios.append(rates[-1][0] / bare)
        _write(Path(path), msgspec.json.encode((statistics.median(ratios), rates[-1])))

    return Measured(worker, asyncio.create_task(fill()))


def _write(path: Path, found: bytes) -> None:
    """Whole at once: who waits for the file reads it as soon as it is there."""
    draft = path.with_suffix(".new")
    draft.write_bytes(found)
    draft.replace(path)


def _bare(model: LocalEmbedder) -> float:
    """Texts per second of the model alone, called as its makers show."""
    texts = [text_of(n) for n in range(TEXTS)]
    size = WorkerLimits().batch_rows_max
    began = time.perf_counter()
    for start in range(0, TEXTS, size):
        model.vectors_now(texts[start : start + size])
    return TEXTS / (time.perf_counter() - began)


async def measure(run: Run) -> Found:
    """Both."""
    run.say(f"embedding {TEXTS:,} texts {ROUNDS} times")
    ratio, rates = await _throughput(run)
    run.say("acks with and without an embedding actor")
    waiting, notes = await _acks(run)
    return Found(
        {"embedding": ratio, "unembedded": waiting},
        [f"through the actors {rates[0]:,.0f} texts/s, the model alone {rates[1]:,.0f}", *notes],
    )


async def _throughput(run: Run) -> tuple[float, tuple[float, float]]:
    path = run.folder / "embedding.json"
    await start_ray(RayOptions(cpus=1), process_environment())
    pool = EmbeddingPool(EmbeddingOrder(factory="bench.embedding:build", runtime=str(path)))
    try:
        pool.start()
        async with asyncio.timeout(20 * READY_SECONDS_MAX):
            while not path.exists():
                await asyncio.sleep(WAIT_SECONDS)
        await pool.stop()
    finally:
        await stop_ray()
    return msgspec.json.decode(path.read_bytes(), type=tuple[float, tuple[float, float]])


async def _acks(run: Run) -> tuple[float, Sequence[str]]:
    """Ack p50 of texts with the actor stopped, against at work; and the feed's speed."""
    async with run.hub("hub", BEHEARD_LINK="socket") as hub:
        [actor] = await _actors(hub)
        url, token = hub.url.replace("http", "ws", 1), token_of(hub)
        pairs = await make_pairs(url, token, PAIRS, 0)
        await _say(pairs)
        ratios: list[float] = []
        for _ in range(ROUNDS):
            served = await _say(pairs)
            os.kill(actor, signal.SIGSTOP)
            stopped = await _say(pairs)
            os.kill(actor, signal.SIGCONT)
            ratios.append(stopped / served)
        await asyncio.gather(*(pair.close() for pair in pairs))
        rate = await _feed(hub, pairs[0])
    return statistics.median(ratios), [
        f"ack p50 of texts {served:.2f} ms with an embedding actor, {stopped:.2f} with it stopped",
        f"the feed with Postgres: {rate:,.0f} texts/s read, embedded and stored",
    ]


async def _actors(hub: HubProcess) -> list[int]:
    async with asyncio.timeout(READY_SECONDS_MAX):
        while not (found := hub.address()["embedder_pids"]):
            await asyncio.sleep(WAIT_SECONDS)
    return list(found)


async def _say(pairs: Sequence[Pair]) -> float:
    """Median ack in milliseconds of texts at a steady rate."""
    took: list[float] = []

    async def one(phone: Phone, session: str) -> None:
        began = time.perf_counter()
        await phone.command("emotions.record", {"intensity": 4, "context": "late"}, session)
        took.append(time.perf_counter() - began)

    running = []
    for number in range(int(PER_SECOND * SECONDS)):
        pair = pairs[number % len(pairs)]
        running.append(asyncio.create_task(one(pair.a, pair.session_id)))
        await asyncio.sleep(1 / PER_SECOND)
    await asyncio.gather(*running)
    return statistics.median(took) * 1e3


async def _feed(hub: HubProcess, pair: Pair) -> float:
    """Vectors stored per second while there is a backlog."""
    owner = await asyncpg.connect(_owner_url(hub))
    try:
        await owner.execute(
            """INSERT INTO "Message" (id, "sessionId", "forUserId", role, content, stage)
            SELECT 'backlog-' || n, $1, (SELECT "createdById" FROM "Session" WHERE id = $1), 'AI',
              'words of number ' || n, 1 FROM generate_series(1, $2) n""",
            pair.session_id,
            BACKLOG,
        )
        began = time.perf_counter()
        count = """SELECT count(*) FROM "Message" WHERE "embeddingModel" IS NULL"""
        while await owner.fetchval(count) == BACKLOG:  # until it looks, at the latest at its scan
            await asyncio.sleep(WAIT_SECONDS)
        began = time.perf_counter()
        while await owner.fetchval(count):
            await asyncio.sleep(WAIT_SECONDS)
        return BACKLOG / (time.perf_counter() - began)
    finally:
        await owner.close()


def _owner_url(hub: HubProcess) -> str:
    return EmbeddedPostgres(hub.data_dir).url()
