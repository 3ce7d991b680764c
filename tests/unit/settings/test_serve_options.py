"""Every setting of spec 09 is an option of `beheard serve`, but for secrets."""

from __future__ import annotations

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from beheard_hub import cli
from beheard_hub.serve_options import OFFERED, parameter, with_settings
from beheard_hub.settings import VARIABLES, Settings, SettingsError

seen: list[Settings] = []
app = typer.Typer()


@app.command()
@with_settings
def command(chosen: Settings, *, demo: bool = False) -> None:
    """Remembers what it was given."""
    assert demo
    seen.append(chosen)


def test_an_option_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEHEARD_EMBEDDERS", "1")
    monkeypatch.setenv("BEHEARD_LOCALE", "de")
    given = ["--demo", "--embedders", "3", "--ray-address", "head:6379", "--jwt-issuer", "us"]
    assert CliRunner().invoke(app, given).exit_code == 0
    chosen = seen.pop()
    assert (chosen.embeddings.actors, chosen.cluster.ray_address) == (3, "head:6379")
    assert (chosen.identity.issuer, chosen.ai.locale) == ("us", "de")


def test_secrets_have_none_and_everything_else_has_one() -> None:
    help_text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    assert len(OFFERED) > 35
    for row in VARIABLES:
        shown = f"--{parameter(row).replace('_', '-')} " in help_text
        assert shown is not row.secret, row.name


def test_a_wrong_one_is_refused_by_its_variable() -> None:
    wrong = CliRunner().invoke(app, ["--demo", "--ably-port", "0"]).exception
    assert isinstance(wrong, SettingsError)
    assert "ABLY_PORT" in wrong.sentence


def test_no_command_takes_a_secret_as_an_option() -> None:
    made = get_command(cli.app)
    assert isinstance(made, TyperGroup)
    secrets = {parameter(row) for row in VARIABLES if row.secret} | {"token", "key", "password"}
    for name, one in made.commands.items():
        assert not secrets & {option.name for option in one.params}, name
