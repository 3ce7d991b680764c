"""What looks after a serving hub goes on, whatever one look meets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from rich.console import Console

from beheard_hub import serve, settings
from beheard_hub.address import Address
from beheard_hub.persistence.prepare import Prepared


async def test_a_full_disk_does_not_end_the_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = serve.Hub(settings.load({"BEHEARD_DATA_DIR": str(tmp_path)}), Console(quiet=True))
    hub.prepared = Prepared("", "", (), None)
    hub.ports = [1]
    full, written = [OSError("no space left")], asyncio.Event()

    def write(path: Path, address: Address) -> None:
        if full:
            raise full.pop()
        written.set()

    monkeypatch.setattr(serve, "write_address", write)
    monkeypatch.setattr(serve, "WATCH_SECONDS", 0.0)
    watching = asyncio.create_task(hub._watch())
    async with asyncio.timeout(20):
        await written.wait()
    watching.cancel()
