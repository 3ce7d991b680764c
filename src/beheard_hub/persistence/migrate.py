"""Forward-only migrations: numbered files, applied in one transaction under an advisory lock.

What was applied is written down with its SHA-256, so that an old file that somebody edited, or a
schema from a newer hub, is refused rather than guessed at. Running it again changes nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import asyncpg
import msgspec

from beheard_hub.persistence import connect, seeds, sql
from beheard_hub.persistence.data_dir import derived_secret, kept_secret
from beheard_hub.settings import SetupError

MIGRATIONS = Path(__file__).parent / "migrations"
LOGIN = "beheard_login"
SCRAM_ITERATIONS = 16
"""Iterations protect passwords that can be guessed; the login role's secret is a random or derived
key. The driver repeats them in Python, and a host's loop would stand still for 20 ms or more with
the usual 4,096 whenever a connection is replaced."""
_FILE = re.compile(r"(\d{4})[-_](\w[\w-]*)\.sql")


class Migration(msgspec.Struct, frozen=True):
    """One file."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Of the file's content."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class Migrated(msgspec.Struct, frozen=True):
    """What `migrate` did."""

    applied: Sequence[str]
    """Names of the migrations applied now; empty when the schema was up to date."""
    version: int
    """Number of the newest one."""
    runtime_url: str
    """The URL of the login role; it holds a secret."""

    def __repr__(self) -> str:
        return "Migrated"


def migrations(directory: Path = MIGRATIONS) -> Sequence[Migration]:
    """The files in order; numbers may have gaps. Raises ValueError for a name without a number or
    a number that is there twice."""
    found: list[Migration] = []
    for path in sorted(directory.glob("*.sql")):
        match = _FILE.fullmatch(path.name)
        if match is None or (found and int(match[1]) == found[-1].number):
            raise ValueError(f"{path.name} is not a migration with a number of its own")
        found.append(Migration(int(match[1]), match[2], path.read_text()))
    return found


def version(known: Sequence[Migration]) -> int:
    """Number of the newest one, 0 without any."""
    return known[-1].number if known else 0


def login_secret(owner_url: str, data_dir: Path, configured: str | None = None) -> str:
    """The secret of the login role: the configured one, else made from the owner's password, else
    (an owner without a password) kept in the data directory."""
    if configured:
        return configured
    password = connect.password_of(owner_url)
    if password:
        return derived_secret(password, LOGIN)
    return kept_secret(data_dir / "postgres-login")


async def migrate(
    owner_url: str, secret: str, known: Sequence[Migration] | None = None
) -> Migrated:
    """Brings the schema to the newest version and sets the login role's secret.

    Safe to run from several places at once. Raises SetupError when the server or the schema is not
    as it must be; then nothing was changed.
    """
    known = migrations() if known is None else known
    connection = await connect.connect(owner_url)
    try:
        await connect.check_server(connection, changes=True)
        try:
            applied = await _migrated(connection, known, secret)
        except asyncpg.InsufficientPrivilegeError as wrong:
            raise SetupError(
                f"The user in DATABASE_URL lacks a right that migrating needs ({wrong.sqlstate}).",
                "Give the URL of the database's owner; it needs CREATEROLE.",
            ) from None
    finally:
        await connection.close()
    return Migrated(applied, version(known), runtime_url(owner_url, secret))


def runtime_url(owner_url: str, secret: str) -> str:
    """The URL of the login role on the owner's database."""
    return connect.as_user(owner_url, LOGIN, secret)


async def check_schema(
    connection: asyncpg.Connection, known: Sequence[Migration] | None = None
) -> Sequence[Migration]:
    """The migrations that have still to be applied.

    Raises SetupError for a schema newer than this hub, or one made from other files.
    """
    known = migrations() if known is None else known
    applied = await _applied(connection)
    _refuse_strangers(known, applied)
    return [migration for migration in known if migration.number not in applied]


async def _migrated(
    connection: asyncpg.Connection, known: Sequence[Migration], secret: str
) -> Sequence[str]:
    async with connection.transaction():
        await connection.execute(sql.text("migration_lock"))
        pending = await check_schema(connection, known)
        for migration in pending:
            await connection.execute(migration.text)
            if not await connection.fetchval(sql.text("migration_table")):
                await connection.execute(sql.text("migration_create"))
            await connection.execute(
                sql.text("migration_record"), migration.number, migration.name, migration.sha256
            )
        await seeds.sow(connection)
        statement = await connection.fetchval(sql.text("login_statement"), scram_verifier(secret))
        await connection.execute(statement)
    return [f"{migration.number:04} {migration.name}" for migration in pending]


async def _applied(connection: asyncpg.Connection) -> Mapping[int, tuple[str, str]]:
    if not await connection.fetchval(sql.text("migration_table")):
        return {}
    rows = await connection.fetch(sql.text("migration_list"))
    return {row["number"]: (row["name"], row["sha256"]) for row in rows}


def _refuse_strangers(known: Sequence[Migration], applied: Mapping[int, tuple[str, str]]) -> None:
    newest = max(applied, default=0)
    if newest > version(known):
        raise SetupError(
            f"The database has schema version {newest}, this hub knows only {version(known)}.",
            "Install the newer hub that made it, or use another database.",
        )
    if applied.keys() - {migration.number for migration in known}:
        raise SetupError(
            "The database was migrated with files that this hub does not have.",
            "Install the hub that made it, or use another database.",
        )
    for migration in known:
        name, digest = applied.get(migration.number, (migration.name, migration.sha256))
        if digest != migration.sha256:
            raise SetupError(
                f"Migration {migration.number:04} {name} was changed after it had been applied.",
                "Restore the file as it was and put the change into a new migration.",
            )


def scram_verifier(secret: str) -> str:
    """What Postgres stores for a password, made here so that no statement holds the password."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", secret.encode(), salt, SCRAM_ITERATIONS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    server = hmac.digest(salted, b"Server Key", "sha256")
    stored = hashlib.sha256(client).digest()
    coded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{coded[0]}${coded[1]}:{coded[2]}"
