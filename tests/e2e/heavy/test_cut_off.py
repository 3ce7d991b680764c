"""A start that is cut off leaves no process, whatever has been started by then."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from beheard_hub.settings import process_environment
from beheard_hub.testing.hub_process import HubProcess

POINT_SECONDS_MAX = 60
GONE_SECONDS_MAX = 20


def made(tmp_path: Path) -> HubProcess:
    return HubProcess(tmp_path / "data", BEHEARD_HOSTS="1", BEHEARD_GATEWAYS="1")


def postgres_starts(hub: HubProcess) -> bool:
    """And Ray does too, which takes longer."""
    return (hub.data_dir / "postgres" / "postmaster.pid").exists()


def hosts_start(hub: HubProcess) -> bool:
    """Postgres and Ray are there."""
    return b"proof of the walls: " in hub.log_path.read_bytes()


async def until(condition: Callable[[], bool], seconds_max: float, awaited: str) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds_max):
            while not condition():  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.02)
    assert condition(), awaited


def left(hub: HubProcess) -> list[str]:
    """Command lines of all processes that have to do with the hub's data directory."""
    mark, found = os.fsencode(hub.data_dir), []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError):  # it ended meanwhile, or is somebody else's
            command = (process / "cmdline").read_bytes()
            if mark in command or mark in (process / "environ").read_bytes():
                found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


async def begun(hub: HubProcess, point: Callable[[HubProcess], bool]) -> asyncio.Task[None]:
    """Its start, when it has come that far."""
    starting = asyncio.create_task(hub.start(process_environment()))
    await until(hub.log_path.exists, POINT_SECONDS_MAX, "the log file")
    await until(lambda: point(hub), POINT_SECONDS_MAX, point.__name__)
    assert not starting.done()
    assert len(left(hub)) > 1
    return starting


@pytest.mark.parametrize("point", [postgres_starts, hosts_start])
async def test_a_hub_that_is_ended_while_it_starts_leaves_nothing(
    tmp_path: Path, point: Callable[[HubProcess], bool]
) -> None:
    hub = made(tmp_path)
    starting = await begun(hub, point)
    os.kill(int((hub.data_dir / "hub.pid").read_text()), signal.SIGTERM)
    with pytest.raises(TimeoutError, match="did not become ready"):
        await starting
    assert await hub.ended() == 130
    await until(lambda: not left(hub), GONE_SECONDS_MAX, f"the end of {left(hub)}")


async def test_who_gives_up_waiting_for_a_hub_ends_it(tmp_path: Path) -> None:
    hub = made(tmp_path)
    starting = await begun(hub, postgres_starts)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await until(lambda: not left(hub), GONE_SECONDS_MAX, f"the end of {left(hub)}")
