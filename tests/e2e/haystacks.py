"""Where a search for private words looks: logs, process titles, and the tables of the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import asyncpg

from beheard_hub.persistence.embedded import EmbeddedPostgres

from .conftest import Town

PROC = Path("/proc")
DRAFT = ".new"
"""Of files that are replaced in one step."""

HUB_LOGS = {"supervisor.log", "gateway-0.log", "session-host-0.log", "server.log", "raylet.out"}


def logs(town: Town) -> list[Path]:
    """Every log that the hub and what it stands on have written."""
    found = town.hub.logs()
    missing = HUB_LOGS - {path.name for path in found}
    assert not missing, f"there is no {', '.join(sorted(missing))} to look into"
    return found


def kept_files(town: Town) -> list[Path]:
    """What else lies in the data directory, beside the database itself."""
    home = town.hub.data_dir
    return sorted(
        path
        for path in home.rglob("*")
        if path.is_file() and path.relative_to(home).parts[0] != "postgres"
    )


def contents(paths: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each. A draft that is no more has become a file that is listed too."""
    for path in paths:
        try:
            yield path.name, path.read_bytes()
        except FileNotFoundError:
            if path.suffix != DRAFT:
                raise


def titles(town: Town) -> list[bytes]:
    """What `ps` shows of the hub's processes."""
    address = town.hub.address()
    pids = [*address["host_pids"], *address["gateway_pids"], address["postgres_pid"]]
    return [(PROC / str(pid) / "cmdline").read_bytes() for pid in pids]


def owner_url(town: Town) -> str:
    """The database as its owner, who sees all of it."""
    return EmbeddedPostgres(town.hub.data_dir).url()


async def tables(town: Town, schema: str) -> dict[str, str]:
    """Every table of a schema with all its rows as one text, by the catalogue."""
    connection = await asyncpg.connect(owner_url(town))
    try:
        names = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY 1", schema
        )
        return {
            name: "\n".join(
                row["line"]
                for row in await connection.fetch(
                    f'SELECT t::text AS line FROM {schema}."{name}" t'
                )
            )
            for (name,) in names
        }
    finally:
        await connection.close()
