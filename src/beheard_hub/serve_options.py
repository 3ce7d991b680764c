"""Settings as options of `beheard serve` (spec 09): one row of `VARIABLES`, one option.

Secrets have none: everybody on the machine can read a command line.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from beheard_hub.settings import VARIABLES, Variable, load

OFFERED: Sequence[Variable] = [row for row in VARIABLES if not row.secret]


def parameter(row: Variable) -> str:
    """``data_dir`` of BEHEARD_DATA_DIR; typer makes ``--data-dir`` of it."""
    return row.name.removeprefix("BEHEARD_").lower()


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose first argument is the settings, as one with an option for each. It raises
    SettingsError."""

    @functools.wraps(command)
    def filled(**given: Any) -> None:
        options = {row.name: given.pop(parameter(row)) for row in OFFERED}
        command(load(options=options), **given)

    _first, *own = inspect.signature(command, eval_str=True).parameters.values()
    shown = [*map(_option, OFFERED), *own]
    filled.__dict__["__signature__"] = inspect.Signature(shown)
    filled.__annotations__ = {one.name: one.annotation for one in shown}
    return filled


def _option(row: Variable) -> inspect.Parameter:
    kind = Annotated[str | None, typer.Option(help=f"{row.meaning} ({row.name})")]
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(parameter(row), keyword, default=None, annotation=kind)
