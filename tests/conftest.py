"""Fixtures that need Postgres: one server for the whole run, one fresh database per test module."""

from __future__ import annotations

import gc
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from beheard_hub.persistence.database import Database
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.persistence.migrate import login_secret, migrate, runtime_url

TEMPLATE = "beheard_template"
FOLDER = pytest.StashKey[str]()
SERVER = pytest.StashKey[EmbeddedPostgres]()
LOG_CHARS_SHOWN = 3_000
_numbers = itertools.count(1)

settings.register_profile("hub", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hub")  # before tests are imported; how long an example takes proves nothing


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """A folder for this run alone. Pytest's own is shared by all runs of a user, and each that
    begins closes it to everybody else: then the server of another run, which is another user where
    we are root, may no longer enter its own directory."""
    gc.disable()  # what is imported and collected stays to the end: no use to look through it
    if config.option.basetemp is None:
        config.option.basetemp = config.stash[FOLDER] = tempfile.mkdtemp(prefix="beheard-tests-")


def pytest_collection_finish() -> None:
    """From here on there is something to find."""
    gc.freeze()
    gc.enable()


HUBS = ("tests/e2e/facilitator/", "tests/e2e/")
"""Folders whose tests share one running hub: several at once would have no processor left."""


class ByHub(LoadScopeScheduling):  # type: ignore[misc]
    """Where tests run side by side, those that share a hub, or a file, share a process."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in HUBS if nodeid.startswith(folder)), nodeid.split("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByHub:
    """Asked by pytest-xdist."""
    return ByHub(config, log)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where all went well nobody needs the folder any more."""
    folder = session.config.stash.get(FOLDER, None)
    if folder is not None and exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(folder, ignore_errors=True)


class TestDatabase(msgspec.Struct, frozen=True):
    """A migrated database of its own."""

    __test__ = False

    name: str
    owner_url: str
    runtime_url: str
    """For the login role, as the hub connects at run time."""


@pytest.fixture(scope="session")
def postgres(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[EmbeddedPostgres]:
    """The embedded server of this test run."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    pytestconfig.stash[SERVER] = server
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
async def template(postgres: EmbeddedPostgres) -> str:
    """Name of a migrated database that others are copied from."""
    await execute(postgres.url(), f'CREATE DATABASE "{TEMPLATE}"')
    url = postgres.url(TEMPLATE)
    await migrate(url, login_secret(url, postgres.data_dir))
    return TEMPLATE


@pytest.fixture(scope="module")
async def database(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[TestDatabase]:
    """A fresh migrated database for one test module."""
    name = f"beheard_test_{next(_numbers)}"
    await execute(postgres.url(), f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    url = postgres.url(name)
    try:
        secret = login_secret(url, postgres.data_dir)
        yield TestDatabase(name, url, runtime_url(url, secret))
    finally:
        await execute(postgres.url(), f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
async def db(database: TestDatabase) -> AsyncIterator[Database]:
    """The hub's own pool on the module's database."""
    opened = await Database.open(database.runtime_url)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def owner(database: TestDatabase) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the owner, for looking into tables and for setting the stage."""
    connection = await asyncpg.connect(database.owner_url)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows what the server last said beside a failure: why it cut a connection, it tells nobody
    else. Its log holds no content (`cluster_conf.SILENT`)."""
    report = yield
    server = item.config.stash.get(SERVER, None)
    if report.failed and server is not None and server.log_file().exists():
        said = server.log_file().read_text(errors="replace")[-LOG_CHARS_SHOWN:]
        report.sections.append((f"end of {server.log_file()}", said))
    return report


async def execute(url: str, statement: str) -> None:
    """One statement on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
