"""`beheard load` and `beheard bench`."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from uuid import uuid4

import typer
import uvloop
from rich.console import Console

from beheard_hub import cycles, telemetry
from beheard_hub.gateway.auth import LocalKey
from beheard_hub.load import report, speed
from beheard_hub.load.phases import Crew, Order, run
from beheard_hub.load.sending import Phase
from beheard_hub.runtime import SystemClock
from beheard_hub.settings import SetupError

EXIT_FAILED = 1
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command("load")
def load(
    url: Annotated[str, typer.Option(help="Of the hub: ws://host:port or wss://host.")],
    token_key: Annotated[
        Path | None, typer.Option(help="Data directory of the hub, whose key signs the tokens.")
    ] = None,
    tokens: Annotated[
        Path | None, typer.Option(help="File with a bearer token of another user in each line.")
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs of people who send.")] = 20,
    rate: Annotated[
        float, typer.Option(min=0, help="Commands per second of all; 0 = by think time.")
    ] = 0.0,
    think: Annotated[
        float, typer.Option(min=0, help="Seconds from an answer to the next command.")
    ] = 1.0,
    seconds: Annotated[float, typer.Option(min=1, help="Length of each phase.")] = 20.0,
    idle: Annotated[int, typer.Option(min=0, help="Connections that only listen.")] = 0,
    hold: Annotated[
        float, typer.Option(min=0, help="Seconds to hold them before anybody sends.")
    ] = 0.0,
    stalled: Annotated[
        float, typer.Option(min=0, max=1, help="Share of pairs with a device that stalls.")
    ] = 0.0,
    storm: Annotated[
        int, typer.Option(min=0, help="Idle connections that are lost at once and come back.")
    ] = 0,
    overload: Annotated[
        float, typer.Option(min=0, help="Offer so many times the highest rate.")
    ] = 0.0,
    out: Annotated[Path | None, typer.Option(help="Writes OUT.html and OUT.json.")] = None,
) -> None:
    """Put load on a running hub and say what it took.

    Users are new ones, called bench-...; the hub keeps their sessions. A hub with its rate limits
    on refuses more than 20 commands per second of one user: these refusals are counted.
    """
    order = Order(
        pairs=pairs, rate=rate, think_seconds=think, seconds=seconds, idle=idle,
        hold_seconds=hold, stalled=stalled, storm=min(storm, idle), overload=overload,
    )  # fmt: skip
    token = token_source(token_key, tokens)
    console = Console(stderr=True, highlight=False)
    telemetry.configure("error")
    many_files()
    where = urlsplit(url)
    if where.scheme not in ("ws", "wss") or not where.hostname:
        raise SetupError(f"{url} is no address of a hub.", "Give ws://host:port or wss://host.")
    base = f"{where.scheme}://{where.netloc}"
    try:
        phases = uvloop.run(_load(base, token, order, lambda text: console.print(f"  {text} ...")))
    except OSError as lost:
        raise SetupError(f"The hub at {base} cannot be used: {lost}.") from None
    report.show(phases, Console(highlight=False))
    if out is not None:
        for path in report.write(phases, base, out):
            console.print(f"written: {path}")
    raise typer.Exit(EXIT_FAILED if any(not p.answers and not p.note for p in phases) else 0)


async def _load(
    url: str, token: Callable[[int], str], order: Order, say: Callable[[str], None]
) -> list[Phase]:
    crew = Crew(url, token)
    cycles.settle()  # a pause of its own would count as one of the hub's
    try:
        return await run(order, crew, say)
    finally:
        await crew.leave()


@app.command("bench")
def bench(
    connections: Annotated[
        int, typer.Option(min=100, help="Idle connections, beside the pairs who send.")
    ] = 1_000,
    seconds: Annotated[float, typer.Option(min=1, help="Length of each phase.")] = 5.0,
    out: Annotated[Path | None, typer.Option(help="Writes OUT.html and OUT.json.")] = None,
) -> None:
    """Measure this machine: a hub of its own, load on it, the figures beside their bars."""
    telemetry.configure("error")
    many_files()
    console = Console(stderr=True, highlight=False)
    found = uvloop.run(
        speed.measured(connections, seconds, lambda text: console.print(f"  {text} ..."))
    )
    report.show(found.phases, Console(highlight=False))
    speed.show(found.rows, Console(highlight=False))
    if out is not None:
        for path in report.write(found.phases, "a hub of its own", out):
            console.print(f"written: {path}")
    raise typer.Exit(0 if all(row.met for row in found.rows) else EXIT_FAILED)


def token_source(key: Path | None, tokens: Path | None) -> Callable[[int], str]:
    """Bearer token of person 0, 1, 2 ... Raises SetupError."""
    if (key is None) == (tokens is None):
        raise SetupError("Say where tokens come from.", "Give --token-key or --tokens.")
    if tokens is not None:
        try:
            lines = tokens.read_text(encoding="utf-8").split()
        except OSError as wrong:
            raise SetupError(f"{tokens} cannot be read: {wrong.strerror}.") from None
        return lambda number: _of(lines, number)
    assert key is not None
    if not key.is_dir():
        raise SetupError(f"{key} is no data directory of a hub.")
    signing, tag = LocalKey.open(key.absolute(), SystemClock()), uuid4().hex[:8]
    return lambda number: signing.mint(f"bench-{tag}-{number}", name="Bench")


def _of(lines: list[str], number: int) -> str:
    if number >= len(lines):
        raise SetupError(
            f"There are {len(lines)} tokens, and one more person is needed.",
            "Give more, or fewer --pairs and --idle.",
        )
    return lines[number]


def many_files() -> None:
    """Every connection is an open file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
