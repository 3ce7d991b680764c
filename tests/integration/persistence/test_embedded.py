"""The embedded server: starts, is taken over, stops without a trace, and one hub per directory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from beheard_hub.persistence import cluster_conf
from beheard_hub.persistence.data_dir import DataDirectory, derived_secret, kept_secret
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.persistence.passage import let_pass, may_pass
from beheard_hub.settings import SetupError

OWNER = """
import sys, pathlib
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.persistence.data_dir import DataDirectory
here = pathlib.Path(sys.argv[1])
DataDirectory(here).claim()
EmbeddedPostgres(here).start()
print("up", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    made = EmbeddedPostgres(tmp_path / "data")
    try:
        yield made
    finally:
        made.stop()


async def answer(url: str, question: str = "SELECT 1") -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def process_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z"


async def test_what_was_written_is_there_after_a_restart(server: EmbeddedPostgres) -> None:
    url = server.start()
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE EXTENSION vector; CREATE TABLE kept (n int)")
    await connection.execute("INSERT INTO kept VALUES (7)")
    await connection.close()
    assert server.start() == url, "a second start changes nothing"
    pid = server.pid()
    server.stop()
    assert pid is not None
    assert process_gone(pid)
    assert await answer(server.start(), "SELECT n FROM kept") == 7


async def test_the_server_is_durable_and_says_nothing_about_content(
    server: EmbeddedPostgres,
) -> None:
    connection = await asyncpg.connect(server.start())
    wanted = {**cluster_conf.SILENT, **cluster_conf.DURABLE, "listen_addresses": ""}
    rows = await connection.fetch("SELECT name, setting FROM pg_settings")
    found = {row["name"]: row["setting"] for row in rows}
    assert {name: found[name] for name in wanted} == wanted
    canary = "canary-of-a-private-word"
    await connection.execute("CREATE TABLE t (n int CHECK (n > 0), s text UNIQUE)")
    for statement in (
        f"SELECT '{canary}'::int",
        f"INSERT INTO t VALUES (-1, '{canary}')",
        f"INSERT INTO t VALUES (1, '{canary}'), (2, '{canary}')",
        f"DO $$ BEGIN RAISE EXCEPTION '{canary}'; END $$",
        f"SELECT {canary}",
    ):
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute(statement)
    with pytest.raises(asyncpg.PostgresError):
        await connection.execute("INSERT INTO t SELECT -1, $1::text", canary)
    await connection.close()
    assert canary not in server.log_file().read_text()


async def test_only_the_password_of_the_data_directory_opens_it(server: EmbeddedPostgres) -> None:
    url = server.start()
    secret = kept_secret(server.data_dir / "postgres-owner")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await answer(url.replace(secret, "guess"))
    mode = (server.data_dir / "postgres-owner").stat().st_mode & 0o777
    assert mode == 0o600


def owner_process(data_dir: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", OWNER, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


async def test_a_server_left_by_a_killed_owner_is_taken_over(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    owner = owner_process(data_dir)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"up\n"
    with pytest.raises(SetupError, match=f"process {owner.pid}"):
        DataDirectory(data_dir).claim()
    server = EmbeddedPostgres(data_dir)
    left = server.pid()
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    with DataDirectory(data_dir):
        try:
            assert await answer(server.start()) == 1
            assert server.pid() == left, "the same server goes on"
        finally:
            server.stop()
    assert left is not None
    assert process_gone(left)


async def test_a_server_that_was_killed_itself_comes_back(server: EmbeddedPostgres) -> None:
    server.start()
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert await answer(server.start()) == 1
    assert server.pid() != pid


async def test_a_pid_file_whose_number_is_another_program_is_no_obstacle(
    server: EmbeddedPostgres,
) -> None:
    server.start()
    server.stop()
    lines = [str(os.getpid()), str(server.cluster), "0", "5432", str(server.cluster), "", "0", ""]
    (server.cluster / "postmaster.pid").write_text("\n".join(lines))
    assert await answer(server.start()) == 1


async def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / ("long" * 25) / "data")
    try:
        url = server.start()
        assert str(server.data_dir) not in url
        assert await answer(url) == 1
        short = url.rpartition("host=")[2]
        assert os.stat(short).st_mode & 0o777 == 0o700  # noqa: PTH116
    finally:
        server.stop()
    assert not os.access(short, os.F_OK)


async def test_data_of_another_version_is_refused(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.cluster / "PG_VERSION").write_text("16\n")
    with pytest.raises(SetupError, match="Postgres 16, this hub brings 18"):
        server.start()


@pytest.mark.parametrize("closed", [0o700, 0o750])
async def test_below_a_directory_that_is_closed_to_others(tmp_path: Path, closed: int) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=closed)
    server = EmbeddedPostgres(home / ".beheard")
    try:
        assert await answer(server.start()) == 1
        assert home.stat().st_mode & 0o007 == 0, "still closed to everybody else"
    finally:
        server.stop()


def test_a_half_made_cluster_is_made_again(server: EmbeddedPostgres) -> None:
    draft = server.data_dir / "postgres.new"
    draft.mkdir(parents=True)
    (draft / "half").write_text("a kill came in between")
    server.start()
    assert not draft.exists()


def test_two_hubs_on_one_directory(tmp_path: Path) -> None:
    with DataDirectory(tmp_path / "data"), pytest.raises(SetupError) as caught:
        DataDirectory(tmp_path / "data").claim()
    assert f"(process {os.getpid()})" in caught.value.sentence
    assert "BEHEARD_DATA_DIR" in caught.value.hint
    with DataDirectory(tmp_path / "data"):
        pass


def test_a_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="cannot be used"):
        DataDirectory(tmp_path / "file" / "data").claim()


def test_secrets_are_made_once_and_differ_by_purpose(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    assert directory.secret("a") == directory.secret("a") != directory.secret("b")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert derived_secret("m", "a") != derived_secret("m", "b")


def test_one_user_passes_a_closed_directory_and_others_do_not(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    let_pass(closed / "inner", 12345, 12345)
    assert may_pass(closed, 12345, 12345)
    assert not may_pass(closed, 12346, 12346)
    assert closed.stat().st_mode & 0o007 == 0
    let_pass(closed / "inner", 12346, 12346)
    assert may_pass(closed, 12345, 12345)
    assert may_pass(closed, 12346, 12346)
