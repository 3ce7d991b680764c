"""Vectors on a real Postgres: who lacks one, whose rights read the text, when a vector goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import numpy as np
import pytest

from beheard_hub.ai.embedding import LocalEmbedder
from beheard_hub.embeddings.vocabulary import KINDS, Text, Vectors
from beheard_hub.embeddings.worker import EmbeddingWorker, WorkerLimits
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.vectors import SHORT_KINDS, PostgresVectors, Share
from tests.integration.persistence.scene import SESSION, A, insert

AT_ONCE = WorkerLimits(rest_seconds=0.0, batch_rows_max=50)


async def models(owner: asyncpg.Connection, kind: str) -> list[str | None]:
    """The model beside every vector of one table."""
    rows = await owner.fetch(f'SELECT "embeddingModel" FROM "{kind}" ORDER BY id')
    return [row[0] for row in rows]


async def lacking(owner: asyncpg.Connection) -> int:
    """Rows without a vector, as the owner of everything counts them."""
    count: int = await owner.fetchval(
        'SELECT count(*) FROM hub."Embeddable" WHERE "embeddingModel" IS NULL'
    )
    return count


async def test_every_text_gets_its_own_vector(
    bare: asyncpg.Connection, db: Database, model: LocalEmbedder
) -> None:
    wanted = await lacking(bare)
    done: list[int] = []
    worker = EmbeddingWorker(model, PostgresVectors(db), limits=AT_ONCE)
    assert await worker.backfill(done.append) == 0
    assert sum(done) == wanted > 50
    assert await lacking(bare) == 0
    for kind in KINDS:
        assert set(await models(bare, kind)) <= {model.model, None}
    stored = await bare.fetch('SELECT content, embedding::real[] AS vector FROM "Message"')
    expected = await model.vectors([row["content"] for row in stored])
    for row, vector in zip(stored, expected, strict=True):
        assert len(row["vector"]) == 1536
        assert np.allclose(row["vector"][:256], vector, atol=1e-6)
        assert not any(row["vector"][256:])


async def test_what_is_taken_back_gets_none(
    bare: asyncpg.Connection, db: Database, model: LocalEmbedder
) -> None:
    active = """UPDATE "ConsentedContent" SET "consentActive" = $2 WHERE id = $1"""
    await bare.execute(active, f"content-need-{A}", False)
    try:
        await EmbeddingWorker(model, PostgresVectors(db), limits=AT_ONCE).backfill(lambda _: None)
        rows = await bare.fetch('SELECT "consentActive", embedding FROM "ConsentedContent"')
    finally:
        await bare.execute(active, f"content-need-{A}", True)
    assert {row["consentActive"] for row in rows} == {True, False}
    assert all((row["embedding"] is not None) == row["consentActive"] for row in rows)


GOES: Mapping[str, tuple[str, str]] = {
    "Message": (f"message-{A}-0", "content = 'other words'"),
    "UserEvent": (f"event-{A}-0", "description = 'other words'"),
    "EmotionalReading": (f"reading-{A}-0", "context = 'other words'"),
    "IdentifiedNeed": (f"need-{A}", "description = 'other words'"),
    "ConsentedContent": (f"content-need-{A}", "\"transformedContent\" = 'other words'"),
}
STAYS: Mapping[str, tuple[str, str]] = {
    "Message": (f"message-{A}-0", "\"extractedNeeds\" = '{rest}'"),
    "UserEvent": (f"event-{A}-0", "emotions = '{sad}', description = description"),
    "EmotionalReading": (f"reading-{A}-0", "intensity = 3"),
    "IdentifiedNeed": (f"need-{A}", "confirmed = false"),
}


async def vector_after(owner: asyncpg.Connection, kind: str, row: str, change: str) -> Any:
    """The row's vector and model after a change; the change is undone."""
    transaction = owner.transaction()
    await transaction.start()
    try:
        await owner.execute(f'UPDATE "{kind}" SET {change} WHERE id = $1', row)
        return await owner.fetchrow(
            f'SELECT embedding, "embeddingModel" FROM "{kind}" WHERE id = $1', row
        )
    finally:
        await transaction.rollback()


async def test_a_text_that_changes_loses_its_vector_at_once(
    bare: asyncpg.Connection, db: Database, model: LocalEmbedder
) -> None:
    await EmbeddingWorker(model, PostgresVectors(db), limits=AT_ONCE).backfill(lambda _: None)
    for kind, (row, change) in GOES.items():
        assert tuple(await vector_after(bare, kind, row, change)) == (None, None), kind
    for kind, (row, change) in STAYS.items():
        assert (await vector_after(bare, kind, row, change))["embedding"] is not None, kind


async def test_a_revocation_takes_the_vector_in_its_own_commit(
    bare: asyncpg.Connection, db: Database, model: LocalEmbedder
) -> None:
    await EmbeddingWorker(model, PostgresVectors(db), limits=AT_ONCE).backfill(lambda _: None)
    find = """SELECT "consentRecordId" AS record, id FROM "ConsentedContent"
        WHERE "consentActive" AND embedding IS NOT NULL LIMIT 1"""
    row = await bare.fetchrow(find)
    assert row is not None
    transaction = bare.transaction()
    await transaction.start()
    try:
        await bare.execute(
            """UPDATE "ConsentRecord" SET decision = 'REVOKED', "revokedAt" = now()
            WHERE id = $1""",
            row["record"],
        )
        left = await bare.fetchrow(
            'SELECT embedding, "consentActive" FROM "ConsentedContent" WHERE id = $1', row["id"]
        )
        assert tuple(left) == (None, False)
    finally:
        await transaction.rollback()


class MeddlingModel(LocalEmbedder):
    """Something happens to the texts while their vectors are made."""

    def __init__(self, owner: asyncpg.Connection, statement: str) -> None:
        super().__init__()
        self._owner = owner
        self._statement = statement

    async def vectors(self, texts: Sequence[str]) -> Vectors:
        """First the mischief, once."""
        statement, self._statement = self._statement, "SELECT 1"
        await self._owner.execute(statement)
        return await super().vectors(texts)


async def test_a_text_that_changes_meanwhile_never_gets_the_old_vector(
    bare: asyncpg.Connection, db: Database, model: LocalEmbedder
) -> None:
    change = f"""UPDATE "UserEvent" SET description = 'the garden gate of user-a'
        WHERE id = 'event-{A}-0'"""
    worker = EmbeddingWorker(
        MeddlingModel(bare, change), PostgresVectors(db), limits=WorkerLimits(rest_seconds=0.0)
    )
    find = f"""SELECT embedding::real[] FROM "UserEvent" WHERE id = 'event-{A}-0'"""
    assert await worker.step()
    assert await bare.fetchval(find) is None
    assert await worker.step(), "found again"
    [expected] = await model.vectors(["the garden gate of user-a"])
    assert np.allclose((await bare.fetchval(find))[:256], expected, atol=1e-6)


async def test_a_text_that_is_taken_back_meanwhile_never_gets_a_vector(
    bare: asyncpg.Connection, db: Database
) -> None:
    row = await bare.fetchrow(
        """SELECT c.id, c."consentRecordId" AS record FROM "ConsentedContent" c
        WHERE c."consentActive" LIMIT 1"""
    )
    assert row is not None
    change = f"""UPDATE "ConsentRecord" SET decision = 'REVOKED', "revokedAt" = now()
        WHERE id = '{row["record"]}'"""
    worker = EmbeddingWorker(MeddlingModel(bare, change), PostgresVectors(db), limits=AT_ONCE)
    await worker.backfill(lambda _: None)
    left = await bare.fetchrow(
        'SELECT embedding, "consentActive" FROM "ConsentedContent" WHERE id = $1', row["id"]
    )
    assert tuple(left) == (None, False)


async def test_vectors_of_another_model_are_made_anew(
    bare: asyncpg.Connection, db: Database, model: LocalEmbedder
) -> None:
    store = PostgresVectors(db)
    await EmbeddingWorker(model, store, limits=AT_ONCE).backfill(lambda _: None)
    newer = LocalEmbedder()
    newer.model = "a-newer-model"
    total = await store.count(newer.model)
    assert total > 50
    assert await store.count(model.model) == 0
    done: list[int] = []
    await EmbeddingWorker(newer, store, limits=AT_ONCE).backfill(done.append)
    assert sum(done) == total
    assert await store.count(newer.model) == 0


async def test_who_comes_late_changes_nothing(
    bare: asyncpg.Connection, db: Database, model: LocalEmbedder
) -> None:
    """A worker that was frozen with vectors of an older model, or of the same one, in its hands."""
    store = PostgresVectors(db)
    texts = await store.texts(await store.lacking([], 1_000))
    vectors = await model.vectors([text.text for text in texts])
    assert await store.store("newer", texts, vectors) == len(texts) > 50
    for late in ("older", "newer"):
        assert await store.store(late, texts, vectors) == 0
    for kind in KINDS:
        assert set(await models(bare, kind)) <= {"newer", None}, kind
    page = await store.outdated(None, "newest")
    found = await store.texts(page.keys)
    anew = vectors[: len(found)]
    assert await store.store("newest", found, anew) == len(found) > 0
    assert await store.store("older", found, anew) == 0


async def test_a_vector_is_no_change_of_its_row(
    bare: asyncpg.Connection, db: Database, model: LocalEmbedder
) -> None:
    """Readers and exports see when a row changed (spec 03); nothing that they see has."""

    async def times() -> list[Any]:
        return [
            await bare.fetch(f'SELECT id, "updatedAt" FROM "{kind}" ORDER BY id') for kind in KINDS
        ]

    before = await times()
    await EmbeddingWorker(model, PostgresVectors(db), limits=AT_ONCE).backfill(lambda _: None)
    assert await lacking(bare) == 0
    assert await times() == before


async def test_shares_part_the_rows(bare: asyncpg.Connection, db: Database) -> None:
    shares = [
        {key.id for key in await PostgresVectors(db, Share(n, 3)).lacking([], 1_000)}
        for n in range(3)
    ]
    assert all(shares)
    assert sum(map(len, shares)) == len(set().union(*shares)) == await lacking(bare)


async def test_a_reading_without_words_is_nothing_to_embed(
    bare: asyncpg.Connection, db: Database
) -> None:
    transaction = bare.transaction()
    await transaction.start()
    try:
        await insert(
            bare, "EmotionalReading", id="silent", vesselId=f"vessel-{A}", intensity=4, stage=1
        )
        find = """SELECT "embeddingModel" FROM "EmotionalReading" WHERE id = 'silent'"""
        assert await bare.fetchval(find) == ""
        await bare.execute("""UPDATE "EmotionalReading" SET context = 'x' WHERE id = 'silent'""")
        assert await bare.fetchval(find) is None
        await bare.execute("""UPDATE "EmotionalReading" SET context = NULL WHERE id = 'silent'""")
        assert await bare.fetchval(find) == ""
    finally:
        await transaction.rollback()


async def test_texts_are_read_as_their_owners_facilitator(
    bare: asyncpg.Connection, db: Database
) -> None:
    store = PostgresVectors(db)
    keys = await store.lacking([], 1_000)
    theirs = {text.key.id: text.text for text in await store.texts(keys)}
    assert theirs.keys() == {key.id for key in keys}
    for key in keys:
        if key.user_id is not None and key.kind != "ConsentedContent":
            assert key.user_id in theirs[key.id]
    strangers = [
        type(key)(key.kind, key.id, "user-c", SESSION) for key in keys if key.user_id is not None
    ]
    assert await store.texts(strangers) == []
    others = [type(key)(key.kind, key.id, key.user_id, "no-session") for key in keys
              if key.user_id is not None]  # fmt: skip
    assert await store.texts(others) == []


async def test_of_a_contributed_item_only_the_description_counts(
    bare: asyncpg.Connection, db: Database
) -> None:
    await insert(
        bare, "GlobalLibraryItem", id="given", title="of Ada and Ben", description="a walk",
        category="appreciation", source="CONTRIBUTED", contributedBy=A,
        contributionConsent="record",
    )  # fmt: skip
    try:
        store = PostgresVectors(db)
        keys = [key for key in await store.lacking([], 1_000) if key.id == "given"]
        assert [text.text for text in await store.texts(keys)] == ["a walk"]
    finally:
        await bare.execute("""DELETE FROM "GlobalLibraryItem" WHERE id = 'given'""")


async def test_operations_change_vectors_and_nothing_else(bare: asyncpg.Connection) -> None:
    changeable = await bare.fetch(
        "SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0"
        " AND has_column_privilege('beheard_ops', c.oid, a.attnum, 'UPDATE')"
    )
    assert {row[0] for row in changeable} == {"embedding", "embeddingModel", "embeddingShort"}
    assert len(changeable) == 2 * len(KINDS) + len(SHORT_KINDS)


async def test_a_row_that_somebody_holds_is_left_for_later(
    bare: asyncpg.Connection, db: Database, model: LocalEmbedder
) -> None:
    """The worker never waits for a lock, so no flush and it can wait for each other."""
    store = PostgresVectors(db)
    keys = [key for key in await store.lacking([], 1_000) if key.kind == "UserEvent"]
    texts: Sequence[Text] = await store.texts(keys)
    vectors = await model.vectors([text.text for text in texts])
    transaction = bare.transaction()
    await transaction.start()
    try:
        await bare.execute('SELECT id FROM "UserEvent" WHERE id = $1 FOR UPDATE', texts[0].key.id)
        assert await store.store(model.model, texts, vectors) == len(texts) - 1
    finally:
        await transaction.rollback()
    assert await store.store(model.model, texts[:1], vectors[:1]) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_finding_what_lacks_a_vector_costs_what_lacks_one(
    bare: asyncpg.Connection, kind: str
) -> None:
    """Each table has an index that holds its backlog only; the library is small."""
    found = await bare.fetchval(
        """SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        WHERE c.relname = $1
          AND pg_get_expr(i.indpred, i.indrelid) LIKE '%"embeddingModel" IS NULL%'
        """,
        kind,
    )
    assert found == (0 if kind == "GlobalLibraryItem" else 1)
