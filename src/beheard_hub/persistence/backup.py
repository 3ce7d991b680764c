"""A backup of the embedded database, taken while the hub serves, and the way back.

A backup is a directory: the dump (Postgres's own format, one snapshot of everything), the keys that
tokens of the hub's own and of its guests are signed with, and a note with the dump's checksum. It
comes into being beside its place and is moved there whole. It holds in clear what people have said,
so it is for its owner only (mode 0700), and whoever keeps it should encrypt it.

Restoring makes a new cluster. The migrations make its roles first, since a dump holds none; then
the dump takes the place of the database that they filled, with walls, rights and rows as they
were; then the migrations that are newer than the dump are applied. A backup from before somebody
left brings their rows back: docs/runbook.md says what to do.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec

from beheard_hub.persistence import connect
from beheard_hub.persistence.data_dir import CLUSTER_SECRET, DataDirectory
from beheard_hub.persistence.embedded import PORT, SUPERUSER, VERSION, EmbeddedPostgres
from beheard_hub.persistence.prepare import prepare, running
from beheard_hub.settings import Database, SetupError

DUMP, NOTE = "database.dump", "backup.json"
KEYS = ("token-key.pem", CLUSTER_SECRET)
"""What was signed with them is in people's hands: users' tokens, and guests' (`gateway.guests`)."""
MAINTENANCE = "template1"
"""From where the database itself can be replaced."""


class Note(msgspec.Struct, frozen=True):
    """What a backup says of itself."""

    made: datetime
    postgres: str
    """Major version of the server."""
    sha256: str
    """Of the dump."""


def back_up(data_dir: Path, target: Path, now: datetime) -> None:
    """Writes the backup `target`, which must not exist, of a hub that serves or does not.

    Raises SetupError; then there is no `target`.
    """
    target = target.absolute()
    if target.exists():
        raise SetupError(f"{target} exists already.", "Name a directory that does not.")
    draft = target.with_name(f".{target.name}.new")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700, parents=True)
        with running(data_dir) as server:
            _run(server, "pg_dump", "--format=custom", "--create", f"--file={draft / DUMP}")
        note = Note(made=now, postgres=VERSION, sha256=_digest(draft / DUMP))
        (draft / NOTE).write_bytes(msgspec.json.encode(note))
        _copy_keys(server.data_dir, draft)
        for file in draft.iterdir():
            file.chmod(0o600)
            _sync(file)
        draft.rename(target)
        _sync(target.parent)
    except OSError as wrong:
        raise SetupError(f"{target} cannot be written: {wrong.strerror}.") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


async def restore(data_dir: Path, source: Path) -> None:
    """Makes the cluster of `data_dir` from a backup; there must be none yet.

    Raises SetupError; then `data_dir` has no cluster, as before. Cancelling may leave one behind.
    """
    note = _note(source)
    with DataDirectory(data_dir) as directory:
        server = EmbeddedPostgres(directory.path)
        if server.cluster.exists():
            raise SetupError(
                f"{directory.path} holds a database already.",
                "Choose an empty directory with BEHEARD_DATA_DIR, or move this one away.",
            )
        if note.postgres != VERSION:
            raise SetupError(f"The backup is of Postgres {note.postgres}; this hub has {VERSION}.")
        try:
            await _fill(server, source)
        except BaseException:
            await asyncio.to_thread(server.stop)
            shutil.rmtree(server.cluster, ignore_errors=True)
            raise
        await asyncio.to_thread(server.stop)
        _copy_keys(source, directory.path)


def _copy_keys(source: Path, target: Path) -> None:
    """Those that there are. Raises OSError."""
    for name in KEYS:
        if (source / name).exists():
            shutil.copy2(source / name, target / name)


async def _fill(server: EmbeddedPostgres, source: Path) -> None:
    settings = Database(url=None, login_secret=None)
    await prepare(settings, server.data_dir)
    arguments = ("--create", "--clean", "--if-exists", "--exit-on-error", str(source / DUMP))
    await asyncio.to_thread(_run, server, "pg_restore", f"--dbname={MAINTENANCE}", *arguments)
    await prepare(settings, server.data_dir)


def _run(server: EmbeddedPostgres, program: str, *arguments: str) -> None:
    """One of Postgres's programs, as the owner. The password goes by environment, which only the
    own user may read; what the program says is dropped, since it may quote a row."""
    url = server.url()
    environment = {
        "PGHOST": parse_qs(urlsplit(url).query)["host"][0],
        "PGPORT": str(PORT),
        "PGUSER": SUPERUSER,
        "PGDATABASE": SUPERUSER,
        "PGPASSWORD": connect.password_of(url) or "",
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C",
    }
    command = [str(server.bin / program), "--no-password", *arguments]
    done = subprocess.run(  # noqa: S603 - our own program
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode != 0:
        raise SetupError(
            f"{program} failed (exit code {done.returncode}).",
            f"Is the disk full, or the database away? The server's log is {server.log_file()}.",
        )


def _note(source: Path) -> Note:
    try:
        note = msgspec.json.decode((source / NOTE).read_bytes(), type=Note)
        digest = _digest(source / DUMP)
    except (OSError, msgspec.MsgspecError):
        raise SetupError(f"{source} is no backup that can be read.") from None
    if digest != note.sha256:
        raise SetupError(f"{source / DUMP} is not as it was written.", "Take another backup.")
    return note


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
