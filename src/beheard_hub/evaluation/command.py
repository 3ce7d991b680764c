"""`beheard eval` and `beheard eval report`."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import msgspec
import typer
import uvloop
from rich.console import Console

from beheard_hub import journeys, settings, telemetry
from beheard_hub.bootstrap import check_parts
from beheard_hub.evaluation.figures import Prices, load_prices
from beheard_hub.evaluation.page import RUNS_MAX, render
from beheard_hub.evaluation.run import FIXED, FORMAT, Run, evaluated, play_all
from beheard_hub.evaluation.table import show
from beheard_hub.journeys import Journey
from beheard_hub.settings import SetupError
from beheard_hub.testing.messages_api import MessagesApi, served

EXIT_FAILED = 1
STANDIN_KEY = "stand-in"
_LABEL = re.compile(r"\w[\w.-]{0,63}")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for, checked."""

    label: str
    options: Mapping[str, str | None]
    journeys: list[Journey]
    prices: Prices
    texts: bool
    standin: bool


def evaluate(order: Order, out: Path, console: Console) -> int:
    """Plays, scores, writes ``LABEL.json`` and ``LABEL.html``, and prints. Returns the exit code.

    Raises SetupError.
    """
    run = uvloop.run(_run(order, Console(stderr=True, highlight=False)))
    out.mkdir(parents=True, exist_ok=True)
    path = out / order.label
    path.with_name(f"{order.label}.json").write_bytes(msgspec.json.format(msgspec.json.encode(run)))
    page = path.with_name(f"{order.label}.html")
    page.write_text(render([run]), encoding="utf-8")
    show(run, console)
    console.print(f"written: {page} and {page.with_suffix('.json').name}")
    return 0 if run.passed else EXIT_FAILED


async def _run(order: Order, say: Console) -> Run:
    async with AsyncExitStack() as stack:
        options = {**order.options, **FIXED}
        standin = None
        if order.standin:
            standin = MessagesApi()
            options["ANTHROPIC_BASE_URL"] = await stack.enter_async_context(served(standin))
            options["ANTHROPIC_API_KEY"] = STANDIN_KEY
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="beheard-eval-"))
        chosen = settings.load(options={**options, "BEHEARD_DATA_DIR": folder, "DATABASE_URL": ""})
        check_parts(chosen)
        telemetry.configure(chosen.server.log)
        found = await play_all(chosen, order.journeys, say, standin)
        provider = f"{chosen.ai.facilitator}{' (stand-in)' if order.standin else ''}"
        return evaluated(order.label, provider, found, order.prices, texts=order.texts)


def read(path: Path) -> Run:
    """A run from its file. Raises SetupError."""
    try:
        run = msgspec.json.decode(path.read_bytes(), type=Run)
    except (OSError, msgspec.DecodeError) as wrong:
        raise SetupError(f"{path} is not the file of a run: {wrong}.") from None
    if run.format != FORMAT:
        raise SetupError(f"{path} has format {run.format}; this version reads {FORMAT}.")
    return run


def compare(paths: list[Path], out: Path) -> int:
    """One page of several runs; the exit code says whether all of them passed. Raises
    SetupError."""
    if len(paths) > RUNS_MAX:
        raise SetupError(f"At most {RUNS_MAX} runs can be told apart on one page.")
    runs = [read(path) for path in paths]
    out.write_text(render(runs), encoding="utf-8")
    typer.echo(f"written: {out}")
    return 0 if all(run.passed for run in runs) else EXIT_FAILED


def load_journeys(names: list[str]) -> list[Journey]:
    """Those named, or all. Raises SetupError."""
    try:
        return [journeys.load(name) for name in names or journeys.names()]
    except LookupError as unknown:
        raise SetupError(f"{unknown.args[0]}.") from None


# ---- the command line

app = typer.Typer(
    invoke_without_command=True,
    add_completion=False,
    help="Play journeys with a provider and score what can be scored without opinion.",
)

Names = Annotated[
    list[str] | None, typer.Option("--journey", help="Which to play; again for more; all.")
]
Provider = Annotated[str | None, typer.Option(help="offline or anthropic (BEHEARD_FACILITATOR).")]
BaseUrl = Annotated[
    str | None, typer.Option(help="Another address of the provider (ANTHROPIC_BASE_URL).")
]
Standin = Annotated[
    bool, typer.Option("--standin", help="A stand-in of the Messages API answers by rule.")
]
Label = Annotated[str | None, typer.Option(help="Name of the run and of its files.")]
Out = Annotated[Path, typer.Option(help="Folder for the report and the JSON file.")]
PriceList = Annotated[Path | None, typer.Option("--prices", help="Another price list (TOML).")]
WithTexts = Annotated[
    bool, typer.Option("--with-texts", help="Show in the files what broke a check.")
]


@app.callback()
def eval_command(
    context: typer.Context,
    journey: Names = None,
    provider: Provider = None,
    base_url: BaseUrl = None,
    standin: Standin = False,
    label: Label = None,
    out: Out = Path("evaluation"),
    prices: PriceList = None,
    with_texts: WithTexts = False,
) -> None:
    """Play journeys with a provider and score what can be scored without opinion."""
    if context.invoked_subcommand is not None:
        return
    if standin and (base_url is not None or provider == "offline"):
        raise SetupError("--standin is the provider anthropic at an address of its own.")
    if label is not None and not _LABEL.fullmatch(label):
        raise SetupError("--label is a name of letters, digits, dots, dashes and underscores.")
    chosen = "anthropic" if standin else provider
    order = Order(
        label=label or ("standin" if standin else chosen or "run"),
        options={"BEHEARD_FACILITATOR": chosen, "ANTHROPIC_BASE_URL": base_url},
        journeys=load_journeys(journey or []),
        prices=load_prices(prices),
        texts=with_texts,
        standin=standin,
    )
    raise typer.Exit(evaluate(order, out, Console()))


@app.command("report")
def report_command(
    runs: Annotated[list[Path], typer.Argument(help="JSON files of runs.")],
    out: Annotated[Path, typer.Option(help="The page.")] = Path("evaluation.html"),
) -> None:
    """Make one page of one run or several."""
    raise typer.Exit(compare(runs, out))
