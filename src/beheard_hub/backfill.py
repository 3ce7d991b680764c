"""`beheard embed`: gives every stored text that lacks a vector of the configured model its vector.

A running hub does the same by itself. This is for a hub that runs without embedding actors, or for
a change of the model before the hub starts. It may be interrupted and run again: what is done stays
done. Only where `DATABASE_URL` names a server may it run beside a hub.
"""

from __future__ import annotations

import asyncio

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from beheard_hub.ai.registry import embedder
from beheard_hub.embeddings.vocabulary import EmbeddingFailed
from beheard_hub.embeddings.worker import EmbeddingWorker, WorkerLimits
from beheard_hub.persistence.data_dir import DataDirectory
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.prepare import prepare
from beheard_hub.persistence.vectors import PostgresVectors
from beheard_hub.ports import StoreUnavailable
from beheard_hub.settings import Settings, SetupError


async def backfill(settings: Settings, console: Console) -> bool:
    """The whole of it, with a progress bar on `console`; False where texts were passed over.

    Raises SetupError. Cancelling leaves what is done.
    """
    with DataDirectory(settings.server.data_dir) as directory:
        prepared = await prepare(settings.database, directory.path)
        try:
            db = await Database.open(prepared.runtime_url, size_max=1)
            try:
                return await _fill(settings, PostgresVectors(db), console)
            finally:
                await db.close()
        except EmbeddingFailed as failed:
            raise SetupError(
                f"No vectors can be made ({failed.reason}).",
                "Check BEHEARD_EMBEDDINGS_URL, _KEY and _MODEL, then run it again: it goes on.",
            ) from None
        except StoreUnavailable:
            raise SetupError(
                "The database went away.", "Run it again when it is back: it goes on."
            ) from None
        finally:
            if prepared.embedded is not None:
                await asyncio.to_thread(prepared.embedded.stop)


async def _fill(settings: Settings, store: PostgresVectors, console: Console) -> bool:
    model = embedder(settings.embeddings)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        shown = progress.add_task(model.model, total=await store.count(model.model))
        worker = EmbeddingWorker(model, store, limits=WorkerLimits(rest_seconds=0.0))
        passed = await worker.backfill(lambda done: progress.advance(shown, done))
    if passed:
        console.print(f"{passed} texts were passed over: they are refused, or were just deleted.")
    return passed == 0
