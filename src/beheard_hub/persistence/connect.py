"""Connecting as the owner, with one clear sentence for every way that DATABASE_URL can be wrong.

No sentence holds the URL, a password or a host's answer; the host's name and the database's are
shown, because they are what has to be mended.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import asyncpg
import msgspec

from beheard_hub.persistence import sql
from beheard_hub.settings import SetupError

SCHEMES = ("postgresql", "postgres")
SERVER_VERSION_MIN = 16
VECTOR_VERSION_MIN = (0, 7)
CONNECT_SECONDS_MAX = 10
EXAMPLE = "It looks like postgresql://user:password@host:5432/database."


class Target(msgspec.Struct, frozen=True):
    """What a sentence may say about a URL."""

    host: str
    user: str
    database: str


Sentence = Callable[[Target], tuple[str, str]]

FAILURES: Sequence[tuple[tuple[type[BaseException], ...], Sentence]] = (
    (
        (asyncpg.InvalidPasswordError,),
        lambda t: (
            f"The database refuses the password of user {t.user}.",
            "Correct the password in DATABASE_URL; signs like @ : / # must be percent-encoded.",
        ),
    ),
    (
        (asyncpg.InvalidAuthorizationSpecificationError,),
        lambda t: (
            f"The database does not let user {t.user} in from here.",
            "Check the user in DATABASE_URL and the server's pg_hba.conf.",
        ),
    ),
    (
        (asyncpg.InvalidCatalogNameError,),
        lambda t: (
            f"There is no database {t.database} on {t.host}.",
            f"Create it (`createdb {t.database}`) or correct DATABASE_URL.",
        ),
    ),
    (
        (asyncpg.TooManyConnectionsError,),
        lambda t: (
            f"{t.host} has no connection left.",
            "Raise max_connections there, or end what holds them.",
        ),
    ),
    (
        (asyncpg.CannotConnectNowError,),
        lambda t: (f"The database on {t.host} is starting or stopping.", "Try again in a moment."),
    ),
    (
        (socket.gaierror,),
        lambda t: (
            f"The database host {t.host} is not known.",
            "Check the host in DATABASE_URL and your network.",
        ),
    ),
    (
        (ssl.SSLError,),
        lambda t: (
            f"No trusted TLS connection to {t.host} can be made.",
            "Check sslmode and sslrootcert in DATABASE_URL.",
        ),
    ),
    (
        (ValueError,),
        lambda t: ("DATABASE_URL holds a host or an option that is not valid.", EXAMPLE),
    ),
    (
        (TimeoutError,),
        lambda t: (
            f"{t.host} did not answer within {CONNECT_SECONDS_MAX} s.",
            "Check host, port and firewalls.",
        ),
    ),
    (
        (ConnectionRefusedError, FileNotFoundError, OSError),
        lambda t: (
            f"Nothing answers at {t.host}.",
            "Is Postgres running there? Check host and port in DATABASE_URL.",
        ),
    ),
    (
        (asyncpg.PostgresError, asyncpg.InterfaceError),
        lambda t: (
            f"The database on {t.host} refuses the connection.",
            "Its own log says why.",
        ),
    ),
)
"""Looked through from the top: what asyncpg or the system raised → what to tell a person."""


def target(url: str) -> Target:
    """Checks the form of an owner's URL. Raises SetupError when it is not one."""
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        port, name = parts.port, parts.hostname
    except ValueError:
        raise SetupError("DATABASE_URL is not a URL.", EXAMPLE) from None
    if parts.scheme not in SCHEMES:
        raise SetupError(
            f"DATABASE_URL begins with {parts.scheme or 'no scheme'}, not postgresql.", EXAMPLE
        )
    host = name or query.get("host") or ""
    user = unquote(parts.username or "") or query.get("user") or ""
    database = unquote(parts.path.lstrip("/")) or query.get("dbname") or query.get("database") or ""
    missing = [n for n, v in (("host", host), ("user", user), ("database", database)) if not v]
    if missing:
        raise SetupError(f"DATABASE_URL names no {' and no '.join(missing)}.", EXAMPLE)
    shown = f"{host}:{port}" if port else host
    return Target(shown, user, database)


def password_of(url: str) -> str | None:
    """The password in a URL, if it has one."""
    parts = urlsplit(url)
    return unquote(parts.password or "") or dict(parse_qsl(parts.query)).get("password")


def as_user(url: str, user: str, password: str) -> str:
    """The same database, for another user."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    query = [(k, v) for k, v in parse_qsl(parts.query) if k not in ("user", "password")]
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@{place}"
    return urlunsplit((parts.scheme, login, parts.path, urlencode(query), ""))


async def connect(url: str) -> asyncpg.Connection:
    """A connection for set-up work, nothing checked yet but that it stands.

    Raises SetupError. Cancelling closes it.
    """
    where = target(url)
    try:
        return await asyncpg.connect(url, timeout=CONNECT_SECONDS_MAX)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as wrong:
        raise _explained(wrong, where) from None


def _explained(wrong: BaseException, where: Target) -> SetupError:
    sentence = next(sentence for kinds, sentence in FAILURES if isinstance(wrong, kinds))
    return SetupError(*sentence(where))


async def check_server(connection: asyncpg.Connection, *, changes: bool) -> None:
    """Whether the hub can live on this server; with `changes`, whether it may also migrate it.

    Raises SetupError.
    """
    version = connection.get_server_version().major
    if version < SERVER_VERSION_MIN:
        raise SetupError(
            f"The database is Postgres {version}; the hub needs {SERVER_VERSION_MIN} or newer.",
            "Upgrade it, or unset DATABASE_URL to use the embedded one.",
        )
    [facts] = await connection.fetch(sql.text("server_facts"))
    if facts["standby"]:
        raise SetupError(
            "The database is a read-only standby.", "Point DATABASE_URL at the primary."
        )
    _check_vector(facts["vector_installed"], facts["vector_available"])
    if changes:
        _check_rights(facts)


def _check_vector(installed: str | None, available: str | None) -> None:
    version = installed or available
    wanted = ".".join(map(str, VECTOR_VERSION_MIN))
    if version is None:
        raise SetupError(
            "The database server has no pgvector.",
            f"Install pgvector {wanted} or newer there (package postgresql-NN-pgvector).",
        )
    if tuple(int(part) for part in version.split(".")[:2]) < VECTOR_VERSION_MIN:
        more = (
            " and run ALTER EXTENSION vector UPDATE" if installed and installed != available else ""
        )
        raise SetupError(
            f"The database has pgvector {version}; the hub needs {wanted} or newer.",
            f"Upgrade it there{more}.",
        )


def _check_rights(facts: asyncpg.Record) -> None:
    if facts["superuser"]:
        return
    if not facts["createrole"]:
        raise SetupError(
            "The user in DATABASE_URL may not create roles.",
            "Let a superuser give it CREATEROLE, or give the owner's URL.",
        )
    if not facts["creates"]:
        raise SetupError(
            "The user in DATABASE_URL may not create schemas in this database.",
            "Let its owner run GRANT CREATE ON DATABASE, or give the owner's URL.",
        )
    if facts["vector_installed"] is None and not facts["vector_trusted"]:
        raise SetupError(
            "The user in DATABASE_URL may not create the extension vector.",
            "Let a superuser run CREATE EXTENSION vector in this database first.",
        )
