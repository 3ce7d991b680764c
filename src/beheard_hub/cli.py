"""The command `beheard`; what it does says `beheard --help`.

Exit codes: 0 done, 1 failed, 2 wrong use or setting, 130 interrupted (spec 09).
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from beheard_hub import __version__, settings, telemetry
from beheard_hub.changing import EXIT_FAILED, DataDir, drain_node, hosts, restart, role_changed
from beheard_hub.serve_options import with_settings
from beheard_hub.settings import SetupError

EXIT_SETUP = 2
EXIT_INTERRUPTED = 128 + signal.SIGINT

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="BeHeard Hub: the realtime server of a mediation app for two people in conflict.",
)

Host = Annotated[str | None, typer.Option(help="Address to listen on (BEHEARD_HOST).")]
Port = Annotated[str | None, typer.Option(help="The one port; 0 = any free (BEHEARD_PORT).")]
Log = Annotated[str | None, typer.Option(help="Level of the log lines (BEHEARD_LOG).")]
JourneyName = Annotated[str, typer.Option("--journey", help="Which journey to play.")]


@app.command()
@with_settings
def serve(
    chosen: settings.Settings,
    *,
    demo: Annotated[bool, typer.Option("--demo", help="First play a whole session.")] = False,
    journey: JourneyName = "household",
) -> None:
    """Start the hub and serve until Ctrl-C."""
    _run_hub(chosen, journey if demo else None, stay=True)


@app.command("demo")
def demo_command(
    journey: JourneyName = "household",
    practice: Annotated[bool, typer.Option("--practice", help="A practice instead.")] = False,
    data_dir: DataDir = None,
    log: Log = "warning",
) -> None:
    """Play a journey of two people, or a practice, on a hub of its own, and end."""
    options = {"BEHEARD_DATA_DIR": data_dir, "BEHEARD_PORT": "0", "BEHEARD_LOG": log}
    _run_hub(settings.load(options=options), journey, practice=practice, stay=False)


def _run_hub(chosen: settings.Settings, journey: str | None, **how: bool) -> None:
    from beheard_hub.serve import serve as run  # Ray and Postgres load slowly: only where used

    telemetry.configure(chosen.server.log)
    raise typer.Exit(run(chosen, journey=journey, **how))


app.add_typer(hosts, name="hosts")
app.command()(restart)
app.command("drain-node")(drain_node)


@app.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database to the newest version; harmless when it is there already."""
    from beheard_hub.persistence.data_dir import DataDirectory
    from beheard_hub.persistence.prepare import prepare

    chosen = settings.load(options={"BEHEARD_DATA_DIR": data_dir})
    with DataDirectory(chosen.server.data_dir) as directory:
        prepared = asyncio.run(prepare(chosen.database, directory.path))
        if prepared.embedded is not None:
            prepared.embedded.stop()
    for name in prepared.applied:
        typer.echo(f"applied {name}")
    typer.echo("the database is up to date")


def _embedded(data_dir: str | None) -> Path:
    """The data directory of a hub with the embedded database."""
    chosen = settings.load(options={"BEHEARD_DATA_DIR": data_dir})
    if chosen.database.url is not None:
        raise SetupError(
            "DATABASE_URL is set, and that server is backed up by its own tools.",
            "See docs/runbook.md; unset DATABASE_URL for the embedded database.",
        )
    return chosen.server.data_dir


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="A directory that does not exist yet.")],
    data_dir: DataDir = None,
) -> None:
    """Back up the embedded database, also while the hub serves."""
    from beheard_hub.persistence.backup import back_up
    from beheard_hub.runtime import SystemClock

    back_up(_embedded(data_dir), target, SystemClock().now())
    typer.echo(f"{target} holds everything that people have said: encrypt it")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="What `beheard backup` has written.")],
    data_dir: DataDir = None,
) -> None:
    """Make the embedded database from a backup, in a data directory that has none."""
    from beheard_hub.persistence.backup import restore as restored

    asyncio.run(restored(_embedded(data_dir), source))
    typer.echo("restored; `beheard serve` goes on from there")


@app.command()
def token(
    user: Annotated[str, typer.Option(help="Who the token speaks for.")],
    name: Annotated[str | None, typer.Option(help="Name that the partner sees.")] = None,
    role: Annotated[str | None, typer.Option(help="GUEST, USER, STAFF or ADMIN.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Print a bearer token, signed with the hub's own key."""
    from beheard_hub.gateway.auth import LocalKey
    from beheard_hub.runtime import SystemClock

    chosen = settings.load(options={"BEHEARD_DATA_DIR": data_dir})
    path = chosen.server.data_dir.absolute()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        typer.echo(LocalKey.open(path, SystemClock()).mint(user, name=name, role=role))
    except ValueError as wrong:
        raise SetupError(f"{wrong}.") from None


@app.command()
def role(
    who: Annotated[str, typer.Argument(help="The user's id, e-mail, or subject of the tokens.")],
    wanted: Annotated[str, typer.Argument(metavar="ROLE", help="USER, STAFF or ADMIN.")],
    data_dir: DataDir = None,
) -> None:
    """Change what a user may do, also while the hub serves."""
    from beheard_hub.persistence.prepare import running
    from beheard_hub.persistence.roles import Role, RoleRefused, change_role

    if wanted not in list(Role):
        raise SetupError(f"There is no role {wanted} to give.", f"It is {' or '.join(Role)}.")
    chosen = settings.load(options={"BEHEARD_DATA_DIR": data_dir})
    with contextlib.ExitStack() as ending:
        url = chosen.database.url or ending.enter_context(running(chosen.server.data_dir)).url()
        try:
            change = asyncio.run(change_role(url, who, Role(wanted)))
        except RoleRefused as why:
            typer.echo(f"beheard: {why}", err=True)
            raise typer.Exit(EXIT_FAILED) from None
    if change.before == change.now:
        typer.echo(f"user {change.user_id} is {change.now} already")
    else:
        typer.echo(f"user {change.user_id} was {change.before} and is {change.now}")
        role_changed(change.user_id, chosen.server.data_dir)


@app.command()
def usage(
    days: Annotated[int, typer.Option(min=1, max=90, help="UTC days, today among them.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Show what calls to a model have cost, also while the hub serves."""
    from rich.console import Console

    from beheard_hub.ops import usage as sums
    from beheard_hub.persistence.prepare import running
    from beheard_hub.runtime import SystemClock

    chosen = settings.load(options={"BEHEARD_DATA_DIR": data_dir})
    path = chosen.server.data_dir
    with contextlib.ExitStack() as ending:
        url = chosen.database.url or ending.enter_context(running(path)).url()
        now = SystemClock().now()
        found = asyncio.run(sums.read(chosen.database, url, path, days, now))
    if as_json:
        typer.echo(sums.as_json(found))
    else:
        Console(highlight=False).print(sums.table(found))


@app.command()
def embed(data_dir: DataDir = None, log: Log = "warning") -> None:
    """Give every stored text that lacks one its vector; may be interrupted and run again."""
    from rich.console import Console

    from beheard_hub.backfill import backfill

    chosen = settings.load(options={"BEHEARD_DATA_DIR": data_dir, "BEHEARD_LOG": log})
    telemetry.configure(chosen.server.log)
    done = asyncio.run(backfill(chosen, Console(stderr=True)))
    raise typer.Exit(0 if done else EXIT_FAILED)


@app.command()
def doctor(data_dir: DataDir = None) -> None:
    """Check every dependency and say how to mend what is wrong."""
    from beheard_hub.doctor import examine

    chosen = settings.load(options={"BEHEARD_DATA_DIR": data_dir})
    raise typer.Exit(EXIT_FAILED if examine(chosen) else 0)


@app.command()
def ops(
    data_dir: DataDir = None,
    url: Annotated[str | None, typer.Option(help="Of a gateway, instead of --data-dir.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Print one frame and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One frame as JSON.")] = False,
    svg: Annotated[Path | None, typer.Option(help="One frame, as a picture too.")] = None,
) -> None:
    """Watch a running hub: what lives where, what is slow, and why.

    From another machine, with --url, it needs the hub's BEHEARD_METRICS_TOKEN in its environment.
    """
    from beheard_hub.ops import command

    chosen = settings.load(options={"BEHEARD_DATA_DIR": data_dir})
    path = chosen.server.data_dir.expanduser().absolute()
    if url is not None:
        look, source = command.page_of(url, chosen.server.metrics_token), url
    else:
        look, source = command.files_of(path), str(path)
    if once or as_json or svg is not None:
        command.once(look, source, as_json=as_json, svg=svg)
    else:
        command.watch(look, source)


@app.command(
    "eval",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def eval_command(context: typer.Context) -> None:
    """Play journeys with a provider and score what can be scored without opinion."""
    from beheard_hub.evaluation.command import app as evaluation

    evaluation(context.args, prog_name="beheard eval")


@app.command(
    "load",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def load_command(context: typer.Context) -> None:
    """Put load on a running hub and say what it took."""
    from beheard_hub.load.command import app as load

    load(["load", *context.args], prog_name="beheard")


@app.command(
    "bench",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def bench_command(context: typer.Context) -> None:
    """Measure this machine with a hub of its own."""
    from beheard_hub.load.command import app as load

    load(["bench", *context.args], prog_name="beheard")


@app.command()
def gateway(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    log: Log = None,
) -> None:
    """Serve clients of a hub that runs elsewhere, until Ctrl-C: a gateway on its own."""
    from beheard_hub.gateway_process import run_gateway

    options = {"BEHEARD_HOST": host, "BEHEARD_PORT": port}
    options |= {"BEHEARD_DATA_DIR": data_dir, "BEHEARD_LOG": log}
    raise typer.Exit(run_gateway(settings.load(options=options)))


@app.command(hidden=True)
def gateway_process() -> None:
    """One gateway; started by `serve`, which writes its runtime to standard input."""
    from beheard_hub.gateway_process import run_gateway_process

    raise typer.Exit(run_gateway_process())


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Does what Ctrl-C does, also where that one is ignored: a command ends what it started."""
    heard = signal.getsignal(signal.SIGINT)
    if callable(heard):
        heard(number, frame)
    else:
        raise KeyboardInterrupt


def main() -> None:
    """Entry point: one sentence and exit code 2 for whatever is wrong around the hub."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` would have it
            signal.signal(number, _interrupt)
    try:
        app(standalone_mode=True)
    except SetupError as wrong:
        typer.echo(f"beheard: {wrong}", err=True)
        sys.exit(EXIT_SETUP)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
