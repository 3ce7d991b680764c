"""`beheard doctor`: every dependency checked, one line each, with what to do where it is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import socket
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import msgspec
from rich.console import Console
from rich.table import Table

from beheard_hub import outside, settings
from beheard_hub.address import ADDRESS_FILE, Address
from beheard_hub.ai.places import operators_list, places_for
from beheard_hub.ai.registry import PROBES, embedder
from beheard_hub.embeddings.vocabulary import EmbeddingFailed
from beheard_hub.links import tls
from beheard_hub.persistence.data_dir import DataDirectory
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.persistence.migrate import login_secret, runtime_url
from beheard_hub.persistence.prepare import pending, prepare, running, talkative
from beheard_hub.persistence.self_proof import prove
from beheard_hub.ports import StoreUnavailable
from beheard_hub.settings import Settings, SetupError

PACKAGES = ("ray", "websockets", "asyncpg", "pgvector", "msgspec", "ably", "anthropic", "litestar")


class Finding(msgspec.Struct, frozen=True):
    """What one check found."""

    good: bool
    text: str
    advice: str = ""


Check = Callable[[Settings], Sequence[Finding]]


def _packages(_chosen: Settings) -> Sequence[Finding]:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return [Finding(True, versions)]


def _port(chosen: Settings) -> Sequence[Finding]:
    where = (chosen.server.host, chosen.server.port)
    try:
        with socket.create_server(where):
            return [Finding(True, f"{where[0]} port {where[1] or 'any'} is free")]
    except OSError as wrong:
        if where[1] in _ports_of_our_hub(chosen):
            return [Finding(True, f"{where[0]} port {where[1]}: the hub of this directory serves")]
        advice = "If it is not a hub of yours, choose another one with BEHEARD_PORT."
        return [Finding(False, f"{where[0]} port {where[1]}: {wrong.strerror}", advice)]


def _ports_of_our_hub(chosen: Settings) -> Sequence[int | None]:
    """Where the hub of the data directory says that it listens; nothing where none serves."""
    try:
        written = (chosen.server.data_dir / ADDRESS_FILE).read_bytes()
        return [urlsplit(url).port for url in msgspec.json.decode(written, type=Address).gateways]
    except (OSError, msgspec.DecodeError):
        return []


def _database(chosen: Settings) -> Sequence[Finding]:
    return asyncio.run(_examine_database(chosen))


async def _examine_database(chosen: Settings) -> Sequence[Finding]:
    """A database that is there is only looked at, also while a hub serves from it; the embedded one
    of a new directory is made, as the first start would."""
    data_dir = chosen.server.data_dir
    with contextlib.ExitStack() as ending:
        if chosen.database.url is not None:
            url = chosen.database.url
        elif EmbeddedPostgres(data_dir).cluster.exists():
            url = ending.enter_context(running(data_dir)).url()
        else:
            directory = ending.enter_context(DataDirectory(data_dir))
            made = await prepare(chosen.database, directory.path)
            assert made.embedded is not None
            ending.callback(made.embedded.stop)
            url = made.owner_url
        return await _looked_at(chosen, url)


async def _looked_at(chosen: Settings, url: str) -> Sequence[Finding]:
    kind = "DATABASE_URL" if chosen.database.url else "embedded Postgres"
    behind = await pending(url)
    if behind:
        advice = "The next `beheard serve` applies them, or `beheard migrate` does."
        return [Finding(True, f"{kind}: reachable; {len(behind)} migrations to apply", advice)]
    found = [Finding(True, f"{kind}: reachable, schema up to date")]
    for name, (value, wanted) in (await talkative(url)).items():
        advice = f"Set it to {wanted}: the server logs content."
        found.append(Finding(False, f"{name} is {value}", advice))
    secret = login_secret(url, chosen.server.data_dir, chosen.database.login_secret)
    db = await Database.open(runtime_url(url, secret), size_max=2)
    try:
        await prove(db)
    finally:
        await db.close()
    return [*found, Finding(True, "row-level security proved itself on two probe users")]


def _links(chosen: Settings) -> Sequence[Finding]:
    cluster = chosen.cluster
    if not (cluster.link_cert and cluster.link_key and cluster.link_ca):
        return [Finding(True, "between processes of this machine; no certificates needed")]
    tls.check(cluster.link_cert, cluster.link_key, cluster.link_ca)
    return [Finding(True, "gateways accept the hosts' certificate, and its key fits")]


def _one(answer: outside.Answer) -> Sequence[Finding]:
    text, advice = answer
    return [Finding(not advice, text, advice)]


def _facilitator(chosen: Settings) -> Sequence[Finding]:
    name = chosen.ai.facilitator
    if name not in PROBES:
        return [Finding(True, name)]
    text, advice = asyncio.run(PROBES[name](chosen.ai))
    return [Finding(not advice, f"{name}: {text}", advice)]


def _embeddings(chosen: Settings) -> Sequence[Finding]:
    kind, making = chosen.embeddings.kind, embedder(chosen.embeddings)
    try:
        asyncio.run(making.embed(["a test"]))
    except EmbeddingFailed as failed:
        advice = "Check BEHEARD_EMBEDDINGS_URL, _KEY and _MODEL; texts wait for their vectors."
        return [Finding(False, f"{kind}: {making.model} fails ({failed.reason})", advice)]
    return [Finding(True, f"{kind}: {making.model} answers")]


def _safety(chosen: Settings) -> Sequence[Finding]:
    places = places_for(chosen.ai.locale, operators_list(chosen.ai))
    return [
        Finding(True, f"in danger {chosen.ai.locale} shows {', '.join(p.contact for p in places)}")
    ]


CHECKS: Sequence[tuple[str, Check]] = (
    ("packages", _packages),
    ("port", _port),
    ("links", _links),
    ("ray", lambda chosen: _one(outside.ray(chosen.cluster))),
    ("database", _database),
    ("identity", lambda chosen: _one(outside.identity(chosen.identity))),
    ("facilitator", _facilitator),
    ("embeddings", _embeddings),
    ("pushes", lambda chosen: _one(outside.pushes(chosen.push))),
    ("traces", lambda chosen: _one(outside.traces(chosen.traces))),
    ("safety", _safety),
)


def examine(chosen: Settings) -> bool:
    """Prints the effective settings and every check; true where something is wrong."""
    console = Console()
    effective = Table("setting", "value", "meaning", title="Settings", title_justify="left")
    for row in settings.masked(chosen):
        effective.add_row(*row)
    console.print(effective)
    wrong = False
    for name, check in CHECKS:
        for finding in _checked(check, chosen):
            wrong |= not finding.good
            mark = "[green]ok[/]   " if finding.good else "[red]wrong[/]"
            console.print(f"{mark} {name}: {finding.text}", highlight=False)
            if finding.advice:
                console.print(f"      {finding.advice}", highlight=False)
    return wrong


def _checked(check: Check, chosen: Settings) -> Sequence[Finding]:
    try:
        return check(chosen)
    except SetupError as failure:
        return [Finding(False, failure.sentence, failure.hint)]
    except (OSError, ImportError, LookupError, StoreUnavailable) as failure:
        return [Finding(False, f"could not be checked ({type(failure).__name__})")]
