"""Fill, back up, destroy, restore, read back: everything is there, and so are the walls."""

from __future__ import annotations

import shutil
import stat
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner

from beheard_hub.cli import app
from beheard_hub.persistence.backup import DUMP, KEYS, NOTE, back_up, restore
from beheard_hub.persistence.data_dir import DataDirectory
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.persistence.prepare import Prepared, prepare
from beheard_hub.persistence.self_proof import prove
from beheard_hub.ports import Actor
from beheard_hub.settings import Database as DatabaseSettings
from beheard_hub.settings import SetupError

from .scene import A, B, play

NOW = datetime(2024, 5, 1, tzinfo=UTC)
EMBEDDED = DatabaseSettings(url=None, login_secret=None)
TABLES = """
SELECT oid::regclass::text FROM pg_class
 WHERE relkind = 'r' AND relnamespace IN
       ('public'::regnamespace, 'hub'::regnamespace, 'practice'::regnamespace) ORDER BY 1
"""
ROWS = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {} t"
WALLS = """
SELECT 'policy', schemaname || '.' || tablename, policyname,
       roles::text || cmd || coalesce(qual, '') || coalesce(with_check, '') FROM pg_policies
UNION ALL
SELECT 'table', oid::regclass::text, relacl::text, relrowsecurity::text || relforcerowsecurity::text
  FROM pg_class WHERE relnamespace IN
       ('public'::regnamespace, 'hub'::regnamespace, 'practice'::regnamespace)
UNION ALL
SELECT 'function', oid::regprocedure::text, proacl::text, proowner::regrole::text
  FROM pg_proc WHERE pronamespace = 'hub'::regnamespace
UNION ALL
SELECT 'schema', nspname, nspacl::text, nspowner::regrole::text
  FROM pg_namespace WHERE nspname IN ('public', 'hub', 'practice')
UNION ALL
SELECT 'database', datname, datacl::text, '' FROM pg_database WHERE datname = current_database()
UNION ALL
SELECT 'default', defaclobjtype::text, defaclacl::text, defaclrole::regrole::text
  FROM pg_default_acl
ORDER BY 1, 2, 3
"""


async def looked_at(url: str, question: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(question)]
    finally:
        await connection.close()


async def rows_of(url: str) -> dict[object, tuple[object, ...]]:
    """Table → how many rows, and their checksum."""
    tables = [name for (name,) in await looked_at(url, TABLES)]
    return {name: (await looked_at(url, ROWS.format(name)))[0] for name in tables}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of what a hub keeps."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
async def filled(home: Path) -> AsyncIterator[Prepared]:
    """A data directory that a hub is using, with a whole story in it."""
    with DataDirectory(home / "data") as directory:
        prepared = await prepare(EMBEDDED, directory.path)
        assert prepared.embedded is not None
        for name in KEYS:
            (directory.path / name).write_text(f"the hub's {name}")
        connection = await asyncpg.connect(prepared.owner_url)
        await play(connection)
        await connection.close()
        try:
            yield prepared
        finally:
            prepared.embedded.stop()


@pytest.fixture(scope="module")
def kept(filled: Prepared, home: Path) -> Path:
    """A backup of it."""
    back_up(home / "data", home / "kept", NOW)
    return home / "kept"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "elsewhere"
    EmbeddedPostgres(tmp_path / "elsewhere").stop()


async def test_everything_comes_back_and_the_walls_stand(
    filled: Prepared, home: Path, kept: Path, elsewhere: Path
) -> None:
    rows, walls = await rows_of(filled.owner_url), await looked_at(filled.owner_url, WALLS)
    assert all(rows[table] != (0, None) for table in ('"Message"', '"UserEvent"', '"Session"'))
    assert filled.embedded is not None
    filled.embedded.stop()
    gone = (home / "data").rename(home / "gone")
    try:
        await comes_back(kept, elsewhere, rows, walls)
    finally:
        gone.rename(home / "data")
        filled.embedded.start()


async def comes_back(kept: Path, elsewhere: Path, rows: object, walls: object) -> None:
    """From this backup alone, to what there was."""
    await restore(elsewhere, kept)
    again = await prepare(EMBEDDED, elsewhere)
    assert not again.applied
    assert await rows_of(again.owner_url) == rows
    assert await looked_at(again.owner_url, WALLS) == walls
    assert [(elsewhere / name).read_text() for name in KEYS] == [f"the hub's {n}" for n in KEYS]
    assert {"token-key.pem", "cluster-secret"} == set(KEYS), "tokens of users and of guests hold"
    db = await Database.open(again.runtime_url, size_max=2)
    try:
        await prove(db)
        found = [await messages_of(db, user) for user in (A, B, "user-c")]
    finally:
        await db.close()
    assert found[0]
    assert found[1]
    assert not found[0] & found[1]
    assert not found[2]


async def messages_of(db: Database, user_id: str) -> set[str]:
    """What is to be seen in somebody's name."""
    async with db.acting_as(Actor(user_id)) as tx:
        return {row["id"] for row in await tx.fetch('SELECT id FROM "Message"')}


def test_a_backup_is_for_its_owner_only_and_whole(home: Path, kept: Path) -> None:
    assert {path.name for path in kept.iterdir()} == {DUMP, NOTE, *KEYS}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept.iterdir()} == {0o600}
    with pytest.raises(SetupError, match="exists already"):
        back_up(home / "data", kept, NOW)
    assert not (home / ".kept.new").exists()


async def test_a_hub_that_does_not_serve_is_backed_up_too_and_stays_ended(
    tmp_path: Path,
) -> None:
    with DataDirectory(tmp_path / "data") as directory:
        prepared = await prepare(EMBEDDED, directory.path)
        assert prepared.embedded is not None
        prepared.embedded.stop()
    back_up(tmp_path / "data", tmp_path / "one", NOW)
    assert (tmp_path / "one" / DUMP).stat().st_size > 10_000
    assert EmbeddedPostgres(tmp_path / "data").pid() is None


@pytest.mark.parametrize("damage", ["bytes", "shorter", "no note", "other version", "nothing"])
async def test_what_is_no_whole_backup_is_refused_and_leaves_nothing(
    kept: Path, tmp_path: Path, elsewhere: Path, damage: str
) -> None:
    source = shutil.copytree(kept, tmp_path / "one")
    dump = (source / DUMP).read_bytes()
    if damage == "bytes":
        (source / DUMP).write_bytes(dump[:5_000] + b"?" + dump[5_001:])
    elif damage == "shorter":
        (source / DUMP).write_bytes(dump[:-1])
    elif damage == "no note":
        (source / NOTE).unlink()
    elif damage == "other version":
        text = (source / NOTE).read_text()
        (source / NOTE).write_text(text.replace('"postgres":"18"', '"postgres":"17"'))
    else:
        shutil.rmtree(source)
    with pytest.raises(SetupError):
        await restore(elsewhere, source)
    assert not (elsewhere / "postgres").exists()


async def test_a_database_is_never_written_over(home: Path, kept: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="Another hub"):
        await restore(home / "data", kept)
    (tmp_path / "other" / "postgres").mkdir(parents=True)
    with pytest.raises(SetupError, match="holds a database already"):
        await restore(tmp_path / "other", kept)


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_database_of_ones_own_is_left_to_its_own_tools(command: str, tmp_path: Path) -> None:
    url = {"DATABASE_URL": "postgresql://u:hidden-word@db.example/hub"}
    done = CliRunner().invoke(app, [command, str(tmp_path / "x")], env=url)
    assert isinstance(done.exception, SetupError)
    assert "DATABASE_URL is set" in str(done.exception)
    assert "hidden-word" not in str(done.exception) + done.output
