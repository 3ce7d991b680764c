"""Commands of `beheard` that change a hub that serves: its hosts, all of it, a machine that goes.

They ask the hub by its door in the data directory (`control`), which needs its user; but
`drain-node` runs on any machine of a Ray cluster, and speaks with Ray.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Annotated, Any

import typer

from beheard_hub import settings
from beheard_hub.settings import SetupError

EXIT_FAILED = 1
TOLD_SECONDS_MAX = 6.0
"""For a hub that is told and does not answer: by then it has looked by itself."""
DataDir = Annotated[str | None, typer.Option(help="Data directory (BEHEARD_DATA_DIR).")]

hosts = typer.Typer(no_args_is_help=True, help="Session hosts of the serving hub.")


@hosts.command("list")
def hosts_list(data_dir: DataDir = None) -> None:
    """Show every session host and what it holds."""
    shown = ("shards", "live", "packed", "subscriptions", "gateways", "buffered")
    rows = _operate("hosts.list", data_dir)
    typer.echo("".join(f"{name:>14}" for name in ("number", "process", *shown)))
    for row in rows:
        cells = [row["number"], row["pid"] or "starting", *map(row["stats"].get, shown)]
        typer.echo("".join(f"{'-' if cell is None else cell:>14}" for cell in cells))


@hosts.command("add")
def hosts_add(data_dir: DataDir = None) -> None:
    """Start one more session host; sessions move to it by and by."""
    typer.echo(f"session host {_operate('hosts.add', data_dir)} serves")


@hosts.command("remove")
def hosts_remove(
    number: Annotated[int, typer.Argument(help="Which one; see `beheard hosts list`.")],
    data_dir: DataDir = None,
) -> None:
    """End a session host, after its sessions have moved to the others."""
    _operate("hosts.remove", data_dir, number=number)
    typer.echo(f"session host {number} ended")


def restart(data_dir: DataDir = None) -> None:
    """Replace every session host and gateway of the serving hub, one after the other."""
    _operate("restart", data_dir)
    typer.echo("restarted")


def drain_node() -> None:
    """Have the session hosts on this machine of a Ray cluster give their sessions to the others."""
    from beheard_hub.actors.leaving_node import leave_node  # Ray loads slowly

    try:
        asyncio.run(leave_node(typer.echo))
    except ConnectionError:
        raise SetupError("No Ray runs here.", "Run it on a machine of the cluster.") from None
    typer.echo("no session lives here any more")


def role_changed(user_id: str, data_dir: Path) -> None:
    """Tells the hub of that data directory, where one serves, that this user has another role. A
    hub that is not told follows with its next round (`actors/observers.py`)."""
    from beheard_hub.control import ROLE_CHANGED, Failed, ask

    async def told() -> None:
        async with asyncio.timeout(TOLD_SECONDS_MAX):
            await ask(data_dir, ROLE_CHANGED, {"userId": user_id}, typer.echo)

    with contextlib.suppress(SetupError, Failed, OSError):
        asyncio.run(told())


def _operate(name: str, data_dir: str | None, **args: object) -> Any:
    """What the serving hub answers; exit code 1 with its sentence where it cannot."""
    from beheard_hub.control import Failed, ask

    chosen = settings.load(options={"BEHEARD_DATA_DIR": data_dir})
    try:
        return asyncio.run(
            ask(chosen.server.data_dir, name, args, lambda said: typer.echo(said, err=True))
        )
    except Failed as why:
        typer.echo(f"beheard: {why}", err=True)
        raise typer.Exit(EXIT_FAILED) from None
