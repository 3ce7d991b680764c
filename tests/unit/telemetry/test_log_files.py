"""Log files: whole lines, for the owner only, bounded; and never a reason for the hub to stop."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from beheard_hub.telemetry import LOG_FILES_KEPT, LogFile


def content(path: Path, name: str) -> list[str]:
    """Lines of one file of the folder."""
    return (path.parent / name).read_text().splitlines()


def test_a_full_file_moves_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "part.log"
    file = LogFile(path, size_bytes_max=20)
    for number in range(12):
        file.append(f"line {number:02}\n")
    file.close()
    names = sorted(found.name for found in path.parent.iterdir())
    assert names == ["part.log", *(f"part.log.{n}" for n in range(1, LOG_FILES_KEPT + 1))]
    assert content(path, "part.log") == ["line 10", "line 11"]
    assert content(path, "part.log.1") == ["line 08", "line 09"]
    assert content(path, f"part.log.{LOG_FILES_KEPT}") == ["line 04", "line 05"]


def test_it_goes_on_where_the_last_process_ended(tmp_path: Path) -> None:
    path = tmp_path / "part.log"
    for word in ("one", "two"):
        file = LogFile(path, size_bytes_max=8)
        file.append(f"{word}\n")
        file.close()
    assert content(path, "part.log") == ["one", "two"]
    file = LogFile(path, size_bytes_max=8)
    file.append("a line longer than the whole file may be\n")
    file.close()
    assert content(path, "part.log.1") == ["one", "two"]


def test_it_is_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "part.log"
    LogFile(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


# ---- a process of its own, because what a process logs to is set once


SPEAK = """
import logging, sys
from pathlib import Path
from beheard_hub import telemetry
telemetry.configure("info")
telemetry.keep_in(Path(sys.argv[1]), instead=sys.argv[2] == "instead")
telemetry.logger("host").info("fenced", host_id="h", content="what somebody wrote")
logging.getLogger("a.library").warning("what %s wrote", "somebody")
"""


def speak(*arguments: str) -> Sequence[str]:
    """Lines on stderr of a process that logs twice."""
    done = subprocess.run(
        [sys.executable, "-c", SPEAK, *arguments], capture_output=True, text=True, check=True
    )
    return done.stderr.splitlines()


@pytest.mark.parametrize(("how", "on_stderr"), [("instead", 0), ("too", 2)])
def test_lines_go_to_the_file(tmp_path: Path, how: str, on_stderr: int) -> None:
    path = tmp_path / "part.log"
    said = speak(str(path), how)
    kept = path.read_text().splitlines()
    assert [msgspec.json.decode(line)["event"] for line in kept] == ["fenced", "library_warning"]
    assert "wrote" not in path.read_text()
    assert list(said) == kept[: len(said)]
    assert len(said) == on_stderr


def test_without_a_file_all_is_said_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("not a folder")
    said = [msgspec.json.decode(line) for line in speak(str(tmp_path / "taken" / "x"), "instead")]
    assert [line["event"] for line in said] == ["log_file_unusable", "fenced", "library_warning"]
