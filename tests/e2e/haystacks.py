"""Where a search for private words looks: logs, process titles, and the tables of the database."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from beheard_hub.persistence.embedded import EmbeddedPostgres

from .conftest import Town

PROC = Path("/proc")


def logs(town: Town) -> list[Path]:
    """Every log that the hub and what it stands on have written.

    The gateways write into the hub's own: it is their standard error.
    """
    postgres = sorted(town.hub.data_dir.rglob("server.log"))
    ray = sorted(path for path in ray_folder(town).rglob("*") if path.is_file())
    assert postgres, "there is no log of Postgres to look into"
    assert any(path.name.startswith("worker-") for path in ray), "no log of a session host"
    return [town.hub.log_path, *postgres, *ray]


def ray_folder(town: Town) -> Path:
    """Where the Ray of this hub logs: other hubs on this machine have folders of their own."""
    for pid in town.hub.address()["host_pids"]:
        for opened in (PROC / str(pid) / "fd").iterdir():
            target = opened.readlink() if opened.is_symlink() else Path()
            if target.name.startswith("worker-") and target.parent.name == "logs":
                return target.parent
    raise AssertionError("no session host has its log open")


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
