"""From settings to a database that can be served from: start or connect, check, migrate."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from beheard_hub.persistence import connect, sql
from beheard_hub.persistence.cluster_conf import SILENT
from beheard_hub.persistence.data_dir import DataDirectory
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.persistence.migrate import (
    Migration,
    check_schema,
    login_secret,
    migrate,
    runtime_url,
)
from beheard_hub.settings import Database as DatabaseSettings
from beheard_hub.settings import SetupError


class Prepared(msgspec.Struct, frozen=True):
    """Where to connect at run time; the URLs hold secrets."""

    owner_url: str
    runtime_url: str
    applied: Sequence[str]
    """Migrations applied now."""
    embedded: EmbeddedPostgres | None
    """To be stopped last; None for a server that is not ours."""

    def __repr__(self) -> str:
        return "Prepared"


async def prepare(
    settings: DatabaseSettings, data_dir: Path, *, migrating: bool = True
) -> Prepared:
    """Starts the embedded server unless a URL is set, checks it, and migrates it.

    With `migrating` False a schema that is behind is refused instead. Claim the data directory
    (`DataDirectory`) before. Raises SetupError; a server that was started is then stopped again,
    and also when this is cancelled.
    """
    embedded = None if settings.url else EmbeddedPostgres(data_dir)
    owner = settings.url or ""
    try:
        if embedded is not None:
            owner = await _started(embedded)
        secret = login_secret(owner, data_dir, settings.login_secret)
        if migrating:
            applied = (await migrate(owner, secret)).applied
        else:
            applied = ()
            await _refuse_behind(owner)
    except BaseException:
        if embedded is not None:
            await asyncio.to_thread(embedded.stop)
        raise
    return Prepared(owner, runtime_url(owner, secret), applied, embedded)


async def _started(server: EmbeddedPostgres) -> str:
    """The owner's URL. Cancelling waits until the start is over, so that its end can follow."""
    starting = asyncio.create_task(asyncio.to_thread(server.start))
    try:
        return await asyncio.shield(starting)
    finally:
        await asyncio.gather(starting, return_exceptions=True)


async def pending(owner_url: str) -> Sequence[Migration]:
    """What migrating would apply; changes nothing. Raises SetupError where the server or the schema
    is not as it must be."""
    connection = await connect.connect(owner_url)
    try:
        await connect.check_server(connection, changes=False)
        return await check_schema(connection)
    finally:
        await connection.close()


async def _refuse_behind(owner_url: str) -> None:
    if behind := await pending(owner_url):
        raise SetupError(
            f"The database lacks {len(behind)} migrations.", "Run `beheard migrate` first."
        )


@contextlib.contextmanager
def running(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    """The embedded server of a hub that serves; or else one that is started for us, and ended.

    Raises SetupError where `data_dir` holds no database, and what `EmbeddedPostgres.start` raises.
    """
    server = EmbeddedPostgres(data_dir)
    if not server.cluster.exists():
        raise SetupError(
            f"{server.data_dir} holds no database.",
            "Name that of the hub with BEHEARD_DATA_DIR.",
        )
    with contextlib.ExitStack() as ending:
        try:
            ending.enter_context(DataDirectory(data_dir))
        except SetupError:  # a hub has it, and with it a server that runs
            pass
        else:
            ending.callback(server.stop)
            server.start()
        yield server


async def talkative(owner_url: str) -> Mapping[str, tuple[str, str]]:
    """Settings by which the server could log what people write: name → (found, wanted).

    Empty for the embedded server. Raises SetupError when it cannot be reached.
    """
    connection = await connect.connect(owner_url)
    try:
        rows = await connection.fetch(sql.text("server_settings"), list(SILENT))
    finally:
        await connection.close()
    found = {row["name"]: row["setting"] for row in rows}
    return {
        name: (found[name], wanted)
        for name, wanted in SILENT.items()
        if name in found and found[name] != wanted
    }
