"""From settings to a database: embedded by default, checked, migrated, silent."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import asyncpg
import pytest

from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.persistence.migrate import migrations
from beheard_hub.persistence.prepare import prepare, talkative
from beheard_hub.settings import Database as DatabaseSettings
from beheard_hub.settings import SetupError, process_environment
from tests.conftest import TestDatabase, execute

EMBEDDED = DatabaseSettings(url=None, login_secret=None)


async def test_with_nothing_configured_the_embedded_server_is_made_ready(tmp_path: Path) -> None:
    prepared = await prepare(EMBEDDED, tmp_path)
    assert prepared.embedded is not None
    try:
        assert len(prepared.applied) == len(migrations())
        connection = await asyncpg.connect(prepared.runtime_url)
        assert await connection.fetchval("SELECT session_user") == "beheard_login"
        await connection.close()
        assert await talkative(prepared.owner_url) == {}
        again = await prepare(EMBEDDED, tmp_path, migrating=False)
        assert again.runtime_url == prepared.runtime_url
    finally:
        prepared.embedded.stop()


async def test_a_schema_that_is_behind_is_refused_where_nobody_may_migrate(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    await execute(postgres.url(), "CREATE DATABASE behind")
    settings = DatabaseSettings(url=postgres.url("behind"), login_secret=None)
    try:
        with pytest.raises(SetupError, match=f"lacks {len(migrations())} migrations"):
            await prepare(settings, tmp_path, migrating=False)
        ready = await prepare(settings, tmp_path)
        assert ready.embedded is None
    finally:
        await execute(postgres.url(), "DROP DATABASE behind WITH (FORCE)")


async def test_a_server_that_would_log_what_people_write_is_noticed(
    database: TestDatabase,
) -> None:
    change = f'ALTER DATABASE "{database.name}" SET log_statement TO'
    await execute(database.owner_url, f"{change} 'all'")
    assert await talkative(database.owner_url) == {"log_statement": ("all", "none")}
    await execute(database.owner_url, f"{change} DEFAULT")


async def test_a_start_that_is_cut_off_is_waited_for_and_leaves_no_server_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, loop, pids = asyncio.Event(), asyncio.get_running_loop(), list[int | None]()
    start = EmbeddedPostgres.start

    def told(server: EmbeddedPostgres) -> str:
        loop.call_soon_threadsafe(begun.set)
        url = start(server)
        pids.append(server.pid())
        return url

    monkeypatch.setattr(EmbeddedPostgres, "start", told)
    preparing = asyncio.create_task(prepare(EMBEDDED, tmp_path))
    await begun.wait()
    preparing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await preparing
    [pid] = pids
    assert pid is not None
    assert EmbeddedPostgres(tmp_path).pid() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_a_command_that_is_ended_ends_its_server(
    tmp_path: Path, number: signal.Signals
) -> None:
    environ = {**process_environment(), "BEHEARD_DATA_DIR": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "beheard_hub", "migrate",
        env=environ, stdout=asyncio.subprocess.DEVNULL, preexec_fn=hear_everything,
    )  # fmt: skip
    async with asyncio.timeout(90):
        while not is_begun(tmp_path):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        process.send_signal(number)
        assert await process.wait() == 130
    assert EmbeddedPostgres(tmp_path).cluster.exists()
    assert EmbeddedPostgres(tmp_path).pid() is None


def is_begun(data_dir: Path) -> bool:
    """Whether the server is being made."""
    return any(data_dir.glob("postgres*"))


def hear_everything() -> None:
    """Tests that run in the background, or by `nohup`, ignore what a terminal sends."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


async def test_a_failure_leaves_no_server_behind(tmp_path: Path) -> None:
    first = await prepare(EMBEDDED, tmp_path)
    assert first.embedded is not None
    await execute(first.owner_url, 'UPDATE hub."Migration" SET number = number + 1000')
    first.embedded.stop()
    with pytest.raises(SetupError, match=r"schema version 1[01]"):
        await prepare(EMBEDDED, tmp_path)
    pid = EmbeddedPostgres(tmp_path).pid()
    assert pid is None
