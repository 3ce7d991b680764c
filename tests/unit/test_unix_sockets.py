"""Sockets lie where the kernel takes them, and nothing stays of them."""

from __future__ import annotations

import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from beheard_hub import unix_sockets


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a short path, in which short folders are made."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.mark.parametrize("length", [10, 200])
def test_a_socket_can_be_bound_by_us_alone_and_leaves_nothing(short: Path, length: int) -> None:
    folder = short / ("d" * length)
    path = unix_sockets.place(folder, "host.sock")
    assert (path.parent == folder) == (length == 10)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        unix_sockets.remove(path)
    assert not path.exists()
    assert list(short.iterdir()) == ([folder] if length == 10 else [])


def test_what_lay_there_makes_way(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "host.sock").touch()
    assert not unix_sockets.place(tmp_path / "s", "host.sock").exists()


def test_a_folder_of_somebody_else_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (folder := tmp_path / "beheard-theirs").mkdir()
    (folder / "kept").touch()
    unix_sockets.remove(folder / "host.sock")
    assert (folder / "kept").exists()
