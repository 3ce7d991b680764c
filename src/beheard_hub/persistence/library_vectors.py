"""Vectors of the library, made at start: they depend on the embedder, hence no migration."""

from __future__ import annotations

from beheard_hub.persistence import connect, sql
from beheard_hub.ports import Embedder


async def embed_library(owner_url: str, embedder: Embedder) -> int:
    """Gives every library item that has none a vector of `embedder`'s model; returns how many.

    One transaction; several starts at once do the work once. Raises SetupError when the database
    cannot be reached, and what the embedder raises; then nothing was changed. Cancelling neither.
    """
    connection = await connect.connect(owner_url)
    try:
        async with connection.transaction():
            await connection.execute(sql.text("as_owner"))
            rows = await connection.fetch(sql.text("library.unembedded"), embedder.model)
            vectors = await embedder.embed([row["text"] for row in rows])
            await connection.executemany(
                sql.text("library.embed"),
                [
                    (row["id"], str(list(vector)), embedder.model)
                    for row, vector in zip(rows, vectors, strict=True)
                ],
            )
    finally:
        await connection.close()
    return len(rows)
