"""Embedding actors on a real Ray and a real Postgres: killed under load, they lose nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest_asyncio

from beheard_hub.actors.embedding_actor import EmbeddingOrder, EmbeddingPool, Hints
from beheard_hub.actors.ray_cluster import RayOptions, start_ray, stop_ray
from beheard_hub.runtime import Runtime
from beheard_hub.settings import process_environment
from tests.conftest import TestDatabase
from tests.integration.persistence.scene import SESSION, A

MANY = 1_500
SECONDS_MAX = 60
ADD = """INSERT INTO "Message" (id, "sessionId", "forUserId", "senderId", role, content, stage)
    SELECT $1 || n, $2, $3, $3, 'USER', 'words of number ' || n, 1 FROM generate_series(1, $4) n"""
LACKING = """SELECT count(*) FROM "Message" WHERE embedding IS NULL"""


@pytest_asyncio.fixture
async def pool(
    bare: asyncpg.Connection, database: TestDatabase, tmp_path: Path
) -> AsyncIterator[EmbeddingPool]:
    """Two actors on a Ray of our own."""
    await start_ray(RayOptions(cpus=1), process_environment())
    runtime = Runtime(
        environ={}, runtime_url=database.runtime_url, secret="", data_dir=str(tmp_path)
    )
    order = EmbeddingOrder(
        factory="beheard_hub.bootstrap:build_embedder",
        runtime=runtime,
        count=2,
        logs=str(tmp_path / "logs"),
    )
    pool = EmbeddingPool(order)
    try:
        pool.start()
        yield pool
        await pool.stop()
    finally:
        await stop_ray()


async def until(owner: asyncpg.Connection, condition: Callable[[int], bool]) -> int:
    """Asks how many messages lack a vector until it is as wanted."""
    left = -1
    try:
        async with asyncio.timeout(SECONDS_MAX):
            while not condition(left := await owner.fetchval(LACKING)):
                pass
    except TimeoutError:
        raise AssertionError(f"{left} messages still lack a vector") from None
    return left


async def test_killed_under_load_they_lose_nothing(
    pool: EmbeddingPool, bare: asyncpg.Connection
) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        await pool.changed(lambda pids: len(pids) == 2)
    hints = Hints(pool.handles)
    await until(bare, lambda left: left == 0)
    niceness = {os.getpriority(os.PRIO_PROCESS, pid) for pid in pool.pids}
    assert niceness == {10}, "vectors can wait"
    first = pool.pids
    for round_, pid in enumerate(first):
        await bare.execute(ADD, f"load-{round_}-", SESSION, A, MANY)
        hints.tell()
        await until(bare, lambda left: 0 < left < MANY)
        os.kill(pid, signal.SIGKILL)
    await until(bare, lambda left: left == 0)
    async with asyncio.timeout(SECONDS_MAX):
        await pool.changed(lambda pids: len(pids) == 2 and not set(pids) & set(first))
    assert pool.deaths == 2
    wrong = await bare.fetchval(
        """SELECT count(*) FROM "Message" WHERE id LIKE 'load-%'
            AND ("embeddingModel" IS DISTINCT FROM 'wordllama-256' OR vector_norm(embedding) < 0.9)
        """
    )
    assert wrong == 0
    stats = await pool.stats()
    assert [answer["queue"] for answer in stats] == [0, 0]


async def test_a_hint_is_enough(pool: EmbeddingPool, bare: asyncpg.Connection) -> None:
    """Without it the next look would come after half a minute."""
    async with asyncio.timeout(SECONDS_MAX):
        await pool.changed(lambda pids: len(pids) == 2)
    await until(bare, lambda left: left == 0)
    for handle in pool.handles:  # past the walk over all rows, which looks again and again
        for _ in range(3):
            await handle.wake.remote()
    hints = Hints(pool.handles)
    await bare.execute(ADD, "hinted-", SESSION, A, 40)
    hints.tell()
    async with asyncio.timeout(10):
        await until(bare, lambda left: left == 0)
