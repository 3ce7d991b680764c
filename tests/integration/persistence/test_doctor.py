"""`beheard doctor` and the database: it looks, also while a hub serves, and changes nothing."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from beheard_hub.address import ADDRESS_FILE, Address, write_address
from beheard_hub.doctor import CHECKS, Finding
from beheard_hub.persistence.data_dir import DataDirectory
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.persistence.migrate import migrations
from beheard_hub.persistence.prepare import pending
from beheard_hub.settings import load
from tests.conftest import TestDatabase, execute

LOOK = dict(CHECKS)


async def looked(check: str, environ: dict[str, str]) -> list[Finding]:
    return list(await asyncio.to_thread(LOOK[check], load(environ)))


async def test_a_database_that_is_behind_is_not_migrated_by_looking(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    await execute(postgres.url(), "CREATE DATABASE looked_at")
    url = postgres.url("looked_at")
    try:
        [found] = await looked("database", {"DATABASE_URL": url, "BEHEARD_DATA_DIR": str(tmp_path)})
        assert (found.good, "beheard migrate" in found.advice) == (True, True)
        assert f"{len(migrations())} migrations" in found.text
        assert len(await pending(url)) == len(migrations())
    finally:
        await execute(postgres.url(), "DROP DATABASE looked_at WITH (FORCE)")


async def test_a_hub_that_serves_is_looked_at_as_it_is(
    postgres: EmbeddedPostgres, database: TestDatabase
) -> None:
    """The server of these tests stands for that of the hub; its own database has no schema."""
    with DataDirectory(postgres.data_dir):
        [found] = await looked("database", {"BEHEARD_DATA_DIR": str(postgres.data_dir)})
    assert found.good
    assert postgres.pid() is not None, "it runs on"
    environ = {"DATABASE_URL": database.owner_url, "BEHEARD_DATA_DIR": str(postgres.data_dir)}
    found_there = await looked("database", environ)
    assert [one.good for one in found_there] == [True, True]
    assert "proved itself" in found_there[-1].text


@pytest.mark.parametrize("ours", [True, False])
async def test_the_port_of_the_hub_that_serves_from_here_is_no_fault(
    tmp_path: Path, ours: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hub:
        port = hub.getsockname()[1]
        url = f"http://127.0.0.1:{port if ours else 1}"
        write_address(tmp_path / ADDRESS_FILE, Address(url, [url], [], [], None, None))
        environ = {"BEHEARD_PORT": str(port), "BEHEARD_DATA_DIR": str(tmp_path)}
        [found] = await looked("port", environ)
    assert found.good is ours
    assert ("BEHEARD_PORT" in found.advice) is not ours
