"""Search and row-level security on a full database: 200,000 vectors of private events, a library of
thousands of items, threads of hundreds of messages. The statements are the hub's own.

Vessel search is exact by design (an index over all owners is a side channel and loses hits), so its
recall is 1 or a fault; its time is the hub's `recall.vessel` as the user, row-level security
included. Library search goes through the HNSW index; its items are sentences put together from
parts, so that near things are near. Reads with row-level security are timed against the same
statement by the database's owner, whom no policy meets, turn by turn.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import asyncpg
import numpy as np
from pgvector import Vector
from pgvector.asyncpg import register_vector

from beheard_hub.ai.embedding import LocalEmbedder
from beheard_hub.embeddings.vocabulary import DIMENSION, Vectors
from beheard_hub.persistence import sql
from beheard_hub.persistence.database import Database, Transaction
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.persistence.migrate import login_secret, migrate
from beheard_hub.ports import Actor
from bench.bars import Found
from bench.run import Run

VESSELS, EVENTS_EACH, MESSAGES_EACH = 100, 2_000, 300
OWN_DIMENSION = 256
LIBRARY_ITEMS = 4_000
QUESTIONS = 200
WARM = 20
PAGE_ROWS = 50
PAGES = 400
MODEL = LocalEmbedder.model
PEOPLE = (Path(__file__).parent / "search.sql").read_text()
SEED = 20


async def measure(run: Run) -> Found:
    """All of it on one embedded server."""
    server = EmbeddedPostgres(run.folder / "search")
    url = server.start()
    try:
        migrated = await migrate(url, login_secret(url, run.folder))
        owner = await asyncpg.connect(url)
        await register_vector(owner)
        run.say(f"writing {VESSELS * EVENTS_EACH:,} vectors")
        events = await _fill(owner)
        db = await Database.open(migrated.runtime_url, size_max=1)
        try:
            run.say("searching vessels")
            figures, notes = await _vessels(db, events)
            run.say("reading pages")
            ratio, page_note = await _pages(db, owner)
            run.say(f"searching a library of {LIBRARY_ITEMS:,} items")
            recall, library_note = await _library(db, owner)
        finally:
            await db.close()
            await owner.close()
    finally:
        server.stop()
    return Found(
        {**figures, "rls": ratio, "library_recall": recall}, [*notes, page_note, library_note]
    )


def _padded(vector: Vectors) -> Vector:
    return Vector(np.concatenate([vector, np.zeros(DIMENSION - len(vector), dtype=np.float32)]))


def _text(vector: Vectors) -> str:
    return f"[{','.join(f'{x:.9g}' for x in vector)}{',0' * (DIMENSION - len(vector))}]"


async def _fill(owner: asyncpg.Connection) -> Sequence[Vectors]:
    """People, threads, and events of random directions; answers the vectors of each vessel."""
    await owner.execute("SET synchronous_commit = off")
    await owner.execute(PEOPLE.format(vessels=VESSELS, messages=MESSAGES_EACH))
    random = np.random.default_rng(SEED)
    found = []
    for vessel in range(VESSELS):
        vectors = random.standard_normal((EVENTS_EACH, OWN_DIMENSION)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        found.append(vectors)
        await owner.copy_records_to_table(
            "UserEvent",
            columns=["id", "vesselId", "description", "attributedTo", "embedding",
                     "embeddingShort", "embeddingModel"],
            records=[
                (f"e{vessel}-{n}", f"v{vessel}", f"event {n}", "SELF", _padded(vector),
                 Vector(vector), MODEL)
                for n, vector in enumerate(vectors)
            ],
        )  # fmt: skip
    await owner.execute("VACUUM ANALYZE")
    await owner.execute("CHECKPOINT")
    return found


async def _vessels(
    db: Database, events: Sequence[Vectors]
) -> tuple[dict[str, float], Sequence[str]]:
    random = np.random.default_rng(SEED + 1)
    took, recalls = [], []
    for number in range(WARM + QUESTIONS):
        vessel = int(random.integers(VESSELS))
        question = random.standard_normal(OWN_DIMENSION).astype(np.float32)
        question /= np.linalg.norm(question)
        args = {
            "session_id": f"s{vessel}", "user_id": f"u{vessel}", "kinds": ["user_event"],
            "vector": _text(question), "model": MODEL, "limit": 10, "query": "words",
        }  # fmt: skip
        async with db.acting_as(Actor(f"u{vessel}", session_id=f"s{vessel}", stage=1)) as tx:
            began = time.perf_counter()
            rows = await tx.query("recall.vessel", args)
            took.append((time.perf_counter() - began) * 1e3)
        exact = np.argsort(-(events[vessel] @ question), kind="stable")[:10]
        hits = {row["id"] for row in rows} & {f"e{vessel}-{n}" for n in exact}
        recalls.append(len(hits) / 10)
        del took[: number < WARM], recalls[: number < WARM]
    p95 = statistics.quantiles(took, n=20)[-1]
    note = (
        f"vessel search among {EVENTS_EACH:,} of {VESSELS * EVENTS_EACH:,} vectors:"
        f" p50 {statistics.median(took):.1f} ms, p95 {p95:.1f} ms"
    )
    return {"vessel_recall": min(recalls), "vessel_p95": p95}, [note]


async def _pages(db: Database, owner: asyncpg.Connection) -> tuple[float, str]:
    """Medians of one page of a thread, as the user and as the owner in turn."""
    query = sql.queries()["bundle.messages"]
    walled, free = [], []
    for number in range(WARM + PAGES):
        place = number % VESSELS
        args = {"session_id": f"s{place}", "user_id": f"u{place}", "limit": PAGE_ROWS}
        async with db.acting_as(Actor(f"u{place}", session_id=f"s{place}", stage=1)) as tx:
            walled.append(await _timed(tx, args))
        async with owner.transaction():
            began = time.perf_counter()
            rows = await owner.fetch(query.text, *[args.get(name) for name in query.args])
            free.append((time.perf_counter() - began) * 1e3)
        assert len(rows) == PAGE_ROWS
        del walled[: number < WARM], free[: number < WARM]
    on, off = statistics.median(walled), statistics.median(free)
    return on / off, f"page of {PAGE_ROWS} messages: {on:.2f} ms with policies, {off:.2f} without"


async def _timed(tx: Transaction, args: dict[str, object]) -> float:
    began = time.perf_counter()
    rows = await tx.query("bundle.messages", args)
    took = (time.perf_counter() - began) * 1e3
    assert len(rows) == PAGE_ROWS
    return took


WHAT = ("Cook", "Walk", "Write a note", "Sit in silence", "Go over the money", "Clean", "Plan",
        "Say one kind thing", "Listen", "Rest", "Play", "Visit friends", "Look at photographs",
        "Share the news of the day", "Make tea", "Stretch", "Read aloud", "Ask a question",
        "Put the phones away", "Make a list")  # fmt: skip
WHERE = ("in the kitchen", "by the river", "on the way to work", "in the car", "at the table",
         "in bed", "in the garden", "on the sofa", "at the office", "by telephone")  # fmt: skip
WHEN = ("every morning", "on Sunday", "before sleep", "after dinner", "once a week")
WHY = ("to feel safe", "to be heard", "to share the load", "to have room for oneself")


async def _library(db: Database, owner: asyncpg.Connection) -> tuple[float, str]:
    """Share of the exact five nearest that the index finds, over questions in other words."""
    model = LocalEmbedder()
    texts = [" ".join(parts) for parts in itertools.product(WHAT, WHERE, WHEN, WHY)]
    texts = texts[:LIBRARY_ITEMS]
    vectors = model.vectors_now(texts)
    await owner.execute('DELETE FROM "GlobalLibraryItem"')
    await owner.copy_records_to_table(
        "GlobalLibraryItem",
        columns=["id", "title", "description", "category", "source", "embedding",
                 "embeddingModel"],
        records=[
            (f"l{n}", "item", text, "household", "CURATED", _padded(vector), MODEL)
            for n, (text, vector) in enumerate(zip(texts, vectors, strict=True))
        ],
    )  # fmt: skip
    await owner.execute('ANALYZE "GlobalLibraryItem"')
    choose = np.random.default_rng(SEED + 2).choice
    mixed: Callable[[], str] = lambda: f"{choose(WHY)}, {choose(WHAT)} {choose(WHERE)}"  # noqa: E731
    questions = [f"we want {mixed()} and {mixed()}" for _ in range(QUESTIONS)]
    recalls, took = [], []
    for question in model.vectors_now(questions):
        args = {"vector": _text(question), "model": MODEL, "seed": "s", "limit": 5}
        async with db.acting_as(Actor("u0", role="ai", session_id="s0", stage=4)) as tx:
            began = time.perf_counter()
            rows = await tx.query("bundle.library_near", args)
            took.append((time.perf_counter() - began) * 1e3)
        near = vectors @ question
        bar = np.sort(near)[-5]
        recalls.append(sum(near[int(row["id"][1:])] >= bar - 1e-6 for row in rows) / 5)
    note = f"library search: p50 {statistics.median(took):.1f} ms"
    return statistics.fmean(recalls), note
