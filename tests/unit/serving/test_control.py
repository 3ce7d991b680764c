"""The operator's door: for the hub's own user only, one answer each, whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from beheard_hub.address import ADDRESS_FILE, Address, write_address
from beheard_hub.control import Door, Failed, Say, ask
from beheard_hub.settings import SetupError


async def count(args: Mapping[str, Any], say: Say) -> Any:
    """Says each number on the way."""
    for number in range(args["to"]):
        say(str(number))
    return {"counted": args["to"]}


async def cannot(_args: Mapping[str, Any], _say: Say) -> Any:
    raise Failed("That cannot be.")


async def breaks(_args: Mapping[str, Any], _say: Say) -> Any:
    raise RuntimeError("private words")


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Path]:
    """The data directory of something with a door."""
    door = Door({"count": count, "cannot": cannot, "breaks": breaks})
    await door.open(tmp_path / "sockets")
    address = Address("http://127.0.0.1:1", [], [], [], None, None, control=door.path)
    write_address(tmp_path / ADDRESS_FILE, address)
    yield tmp_path
    await door.close()
    with pytest.raises(SetupError, match="No hub serves"):
        await ask(tmp_path, "count", {"to": 0}, print)


async def test_the_work_is_told_step_by_step(hub: Path) -> None:
    said: list[str] = []
    assert await ask(hub, "count", {"to": 3}, said.append) == {"counted": 3}
    assert said == ["0", "1", "2"]


async def test_only_the_owner_may_enter(hub: Path) -> None:
    socket = hub / "sockets" / "control.sock"
    assert socket.stat().st_mode & 0o777 == 0o600
    assert socket.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("cannot", "That cannot be."),
        ("breaks", "by a fault of the hub"),
        ("count", "by a fault of the hub"),
        ("else", "does not know that operation"),
    ],
)
async def test_what_fails_is_a_sentence(hub: Path, name: str, sentence: str) -> None:
    with pytest.raises(Failed, match=sentence) as failed:
        await ask(hub, name, {}, print)
    assert "private" not in str(failed.value)


async def test_who_makes_no_sense_is_shown_out_and_hinders_nobody(hub: Path) -> None:
    path = msgspec.json.decode((hub / ADDRESS_FILE).read_bytes(), type=Address).control
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await reader.read() == b""
    writer.close()
    said: list[str] = []
    assert await ask(hub, "count", {"to": 1}, said.append) == {"counted": 1}


async def test_a_folder_with_a_long_name_has_a_door_too(tmp_path: Path) -> None:
    door = Door({"count": count})
    await door.open(tmp_path / ("long" * 30))
    assert len(door.path) < 100
    assert mode_of(door.path) == 0o600
    await door.close()
    assert mode_of(door.path) == 0


def mode_of(path: str) -> int:
    """Permissions of the file; 0 where there is none."""
    found = Path(path)
    return found.stat().st_mode & 0o777 if found.exists() else 0
