"""`beheard embed` on a real Postgres: all of it, with a bar, and again without doing anything."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import asyncpg
import pytest
from rich.console import Console

from beheard_hub import settings
from beheard_hub.ai.openai_embedding import OpenAiEmbedder
from beheard_hub.backfill import backfill
from beheard_hub.settings import SetupError
from tests.conftest import TestDatabase

LACKING = """SELECT count(*) FROM hub."Embeddable"
    WHERE "embeddingModel" IS NULL OR "embeddingModel" NOT IN ('', 'wordllama-256')"""


def chosen(database: TestDatabase, folder: Path, **more: str) -> settings.Settings:
    """The settings of this test's hub."""
    return settings.load(
        {"DATABASE_URL": database.owner_url, "BEHEARD_DATA_DIR": str(folder), **more}
    )


async def test_everything_once(
    bare: asyncpg.Connection, database: TestDatabase, tmp_path: Path
) -> None:
    await bare.execute("""UPDATE "UserEvent" SET "embeddingModel" = 'an-older-model'""")
    lacking = await bare.fetchval(LACKING)
    said = io.StringIO()
    console = Console(file=said, width=120)
    assert await backfill(chosen(database, tmp_path), console)
    assert await bare.fetchval(LACKING) == 0
    assert f"{lacking}/{lacking}" in said.getvalue()
    assert await backfill(chosen(database, tmp_path), console)
    assert "0/0" in said.getvalue()


async def test_what_was_interrupted_goes_on(
    bare: asyncpg.Connection, database: TestDatabase, tmp_path: Path
) -> None:
    console = Console(file=io.StringIO())
    work = asyncio.create_task(backfill(chosen(database, tmp_path), console))
    await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert await backfill(chosen(database, tmp_path), console)
    assert await bare.fetchval(LACKING) == 0


async def test_a_provider_that_is_not_there_is_one_sentence(
    bare: asyncpg.Connection,
    database: TestDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def at_once(_seconds: float) -> None:
        """No pause."""

    def hurried(given: settings.Embeddings) -> OpenAiEmbedder:
        return OpenAiEmbedder(str(given.url), str(given.model), given.key, sleep=at_once)

    monkeypatch.setattr("beheard_hub.backfill.embedder", hurried)
    there_is_none = chosen(
        database, tmp_path, BEHEARD_EMBEDDINGS="openai-compatible", BEHEARD_EMBEDDINGS_MODEL="m",
        BEHEARD_EMBEDDINGS_URL="http://127.0.0.1:9/v1", BEHEARD_EMBEDDINGS_KEY="a-secret-key",
    )  # fmt: skip
    with pytest.raises(SetupError, match="No vectors can be made") as wrong:
        await backfill(there_is_none, Console(file=io.StringIO()))
    assert "a-secret-key" not in str(wrong.value)
