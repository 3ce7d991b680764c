"""`beheard doctor`: every dependency checked, one line each, with what to do where it is wrong."""

from __future__ import annotations

import asyncio
import importlib.metadata
import socket
from collections.abc import Callable, Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from beheard_hub import settings
from beheard_hub.ai.places import operators_list, places_for
from beheard_hub.ai.registry import PROBES, embedder
from beheard_hub.embeddings.vocabulary import EmbeddingFailed
from beheard_hub.links import tls
from beheard_hub.persistence.data_dir import DataDirectory
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.prepare import prepare, talkative
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
        advice = "If it is not a hub of yours, choose another one with BEHEARD_PORT."
        return [Finding(False, f"{where[0]} port {where[1]}: {wrong.strerror}", advice)]


def _database(chosen: Settings) -> Sequence[Finding]:
    return asyncio.run(_examine_database(chosen))


async def _examine_database(chosen: Settings) -> Sequence[Finding]:
    with DataDirectory(chosen.server.data_dir) as directory:
        prepared = await prepare(chosen.database, directory.path)
        try:
            kind = "embedded Postgres" if prepared.embedded else "DATABASE_URL"
            findings = [Finding(True, f"{kind}: reachable, schema up to date")]
            findings += [
                Finding(
                    False, f"{name} is {found}", f"Set it to {wanted}: the server logs content."
                )
                for name, (found, wanted) in (await talkative(prepared.owner_url)).items()
            ]
            db = await Database.open(prepared.runtime_url, size_max=2)
            try:
                await prove(db)
            finally:
                await db.close()
            return [*findings, Finding(True, "row-level security proved itself on two probe users")]
        finally:
            if prepared.embedded is not None:
                await asyncio.to_thread(prepared.embedded.stop)


def _links(chosen: Settings) -> Sequence[Finding]:
    cluster = chosen.cluster
    if not (cluster.link_cert and cluster.link_key and cluster.link_ca):
        return [Finding(True, "between processes of this machine; no certificates needed")]
    tls.check(cluster.link_cert, cluster.link_key, cluster.link_ca)
    return [Finding(True, "gateways accept the hosts' certificate, and its key fits")]


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
    ("database", _database),
    ("facilitator", _facilitator),
    ("embeddings", _embeddings),
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
