"""A whole hub as a child process, for end-to-end tests and benches: what `beheard serve` starts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

START_SECONDS_MAX = 240
"""Half a minute beside a whole suite; nobody is helped by less than a machine may take that is six
times as slow."""
STOP_SECONDS_MAX = 60
ADDRESS_SECONDS_MAX = 30
ADDRESS_FILE = "hub.json"


class HubProcess:
    """`beheard serve` on a data directory of its own and a free port."""

    def __init__(self, data_dir: Path, **variables: str) -> None:
        self.data_dir = data_dir
        self._variables = variables
        self._process: asyncio.subprocess.Process | None = None
        self.log_path = data_dir.with_name(f"{data_dir.name}.log")
        """Everything that the hub said, on both streams."""

    async def start(self, environ: Mapping[str, str]) -> None:
        """Starts and waits for the ready line. Raises TimeoutError with the log's end.

        Where that, or cancelling, cuts the start off, nothing of the hub is left.
        The facilitator is offline unless the variables of this hub say otherwise: a key in
        `environ` must not make a test talk to a provider.
        """
        command = [sys.executable, "-m", "beheard_hub", "serve"]
        variables = {
            **environ,
            "BEHEARD_FACILITATOR": "offline",
            "BEHEARD_DATA_DIR": str(self.data_dir),
            "BEHEARD_PORT": "0",
            **self._variables,
        }
        with self.log_path.open("ab") as log:
            before_bytes = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *command,
                env=variables,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            await self._ready(self._process, before_bytes)
        except BaseException:
            await self._give_up()
            raise

    async def _ready(self, process: asyncio.subprocess.Process, before_bytes: int) -> None:
        """Waits for the line after `before_bytes` of the log, which earlier starts wrote."""
        deadline = asyncio.get_running_loop().time() + START_SECONDS_MAX
        while b"\nready " not in b"\n" + self.log_path.read_bytes()[before_bytes:]:
            late = asyncio.get_running_loop().time() > deadline
            if late or process.returncode is not None:
                raise TimeoutError(f"the hub did not become ready:\n{self.log_tail()}")
            await asyncio.sleep(0.1)

    async def _give_up(self) -> None:
        """Asks it to end; where that does not help kills it, and its Postgres, which would outlive
        it."""
        with contextlib.suppress(TimeoutError):
            await self.stop()
            return
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid_file = self.data_dir / "postgres" / "postmaster.pid"
            os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)

    def log_tail(self, count_bytes: int = 4000) -> str:
        """The end of its log."""
        return self.log_path.read_bytes()[-count_bytes:].decode(errors="replace")

    def address(self) -> dict[str, Any]:
        """Where it listens and which processes it has, as it says itself."""
        found: dict[str, Any] = msgspec.json.decode((self.data_dir / ADDRESS_FILE).read_bytes())
        return found

    async def address_when(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The address once it is as `condition` wants it. Raises TimeoutError."""
        async with asyncio.timeout(ADDRESS_SECONDS_MAX):
            while not condition(found := self.address()):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        return found

    @property
    def url(self) -> str:
        """``http://...`` of the first gateway."""
        return str(self.address()["url"])

    @property
    def websocket_url(self) -> str:
        """``ws://...`` of the first gateway."""
        return self.url.replace("http", "ws", 1) + "/v1/ws"

    def logs(self) -> list[Path]:
        """Every log of the running hub and of what it stands on: what it said, its own files, those
        of Postgres and those of its session of Ray. Raises FileNotFoundError where one of these
        kinds is missing."""
        session = self.address()["ray_session"]
        kinds = [[self.log_path], sorted((self.data_dir / "logs").glob("*.log*"))]
        if (self.data_dir / "postgres").exists():
            kinds.append([self.data_dir / "postgres" / "server.log"])
        if session is not None:
            found = (Path(session) / "logs").rglob("*")
            kinds.append(sorted(path for path in found if path.is_file()))
        if not all(kinds):
            raise FileNotFoundError("the hub wrote no log files, or Ray did not")
        return [path for kind in kinds for path in kind]

    async def stop(self) -> int:
        """Ctrl-C; returns the exit code. Raises TimeoutError when it does not end."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        try:
            return await asyncio.wait_for(self._process.wait(), STOP_SECONDS_MAX)
        except TimeoutError:
            await self.kill()
            raise

    async def ended(self) -> int:
        """Waits until it ends by itself; returns the exit code. Raises TimeoutError."""
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), STOP_SECONDS_MAX)

    async def kill(self) -> None:
        """Kill -9 of the first process, as a crash would."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
