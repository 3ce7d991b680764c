"""Where tokens come from, and what a user is told who gives none."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from beheard_hub.cli import app
from beheard_hub.load.command import token_source
from beheard_hub.settings import SetupError


def test_tokens_of_the_hubs_own_key_are_those_of_new_people(tmp_path: Path) -> None:
    first, second = token_source(tmp_path, None), token_source(tmp_path, None)
    assert len({first(0), first(1), second(0), second(1)}) == 4


def test_tokens_come_from_a_file_one_a_line(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("one\ntwo\n")
    source = token_source(None, file)
    assert [source(0), source(1)] == ["one", "two"]
    with pytest.raises(SetupError, match="There are 2 tokens"):
        source(2)


@pytest.mark.parametrize("given", [(), ("key", "file")], ids=["neither", "both"])
def test_one_source_must_be_named(tmp_path: Path, given: tuple[str, ...]) -> None:
    with pytest.raises(SetupError, match="where tokens come from"):
        token_source(*((tmp_path, tmp_path / "t") if given else (None, None)))


def test_a_folder_that_is_not_there_is_no_hubs() -> None:
    with pytest.raises(SetupError, match="no data directory"):
        token_source(Path("nowhere"), None)


@pytest.mark.parametrize("command", ["load", "bench"])
def test_the_options_are_explained(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert "--out" in done.output
