"""The hub that is struck: its processes, its gateways behind networks, its database."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from beheard_hub.gateway.auth import LocalKey
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.persistence.roles import Role, change_role
from beheard_hub.runtime import SystemClock
from beheard_hub.testing.hub_process import HubProcess
from beheard_hub.testing.issuer import Issuer
from beheard_hub.testing.messages_api import MessagesApi
from chaos.network import Network, in_front_of

VICTIM_SECONDS_MAX = 60.0
LOOK_AGAIN_SECONDS = 0.02
SQL = Path(__file__).parent / "sql"
OWNED = (SQL / "owned.sql").read_text()
PROC = Path("/proc")


@dataclass
class Struck:
    """One fault that happened."""

    fault: str
    at: float
    sessions: Collection[str] = ()
    """The sessions that it hit, where that can be told."""
    alone: bool = True
    """Everybody got an ack before the next fault."""
    seconds: Sequence[float] = field(default=(), repr=False)
    """How long each person in one of `sessions` waited for the first ack."""


class Ground(NamedTuple):
    """A running hub, and those beside it that belong to us."""

    process: HubProcess
    issuer: Issuer | None = None
    """Whose ID tokens it believes."""
    provider: MessagesApi | None = None
    """Whom it asks for words; None: nobody."""


class HubUnderFire:
    """A running hub, and what of it can be struck."""

    def __init__(self, process: HubProcess) -> None:
        self.process = process
        self.networks: list[Network] = []
        self.urls: list[str] = []
        """Websocket addresses of the gateways, through their networks."""
        self._struck_pids: set[int] = set()
        self._key = LocalKey.open(process.data_dir, SystemClock())

    async def connect(self, stack: AsyncExitStack) -> None:
        """Puts a network before each gateway."""
        for url in self.process.address()["gateways"]:
            where = urlsplit(url)
            network, port = await stack.enter_async_context(
                in_front_of(where.hostname or "", where.port or 80)
            )
            self.networks.append(network)
            self.urls.append(f"ws://127.0.0.1:{port}/v1/ws")

    def token(self, name: str) -> str:
        """Of somebody new."""
        return self._key.mint(f"chaos-{uuid4().hex[:12]}", name=name)

    async def appoint(self, user_id: str) -> None:
        """That user is staff from now on."""
        url = await asyncio.to_thread(EmbeddedPostgres(self.process.data_dir).url)
        await change_role(url, user_id, Role.STAFF)

    async def database(self) -> asyncpg.Connection:
        """As the owner, who sees all of it. Raises OSError or asyncpg.PostgresError."""
        url = await asyncio.to_thread(EmbeddedPostgres(self.process.data_dir).url)
        return await asyncpg.connect(url)

    async def shards_of(self, pid: int) -> set[int]:
        """Shards in the hands of that host. Raises OSError or asyncpg.PostgresError."""
        connection = await self.database()
        try:
            rows = await connection.fetch(OWNED, sorted(open_sockets(pid)))
        finally:
            await connection.close()
        return {row["shard"] for row in rows}

    async def fresh(self, pids: Callable[[dict[str, Any]], Sequence[int | None]]) -> list[int]:
        """Living processes of a kind that were not struck yet, as soon as there is one.

        Raises TimeoutError.
        """
        async with asyncio.timeout(VICTIM_SECONDS_MAX):
            while True:
                found = [
                    pid
                    for pid in pids(self.process.address())
                    if pid is not None and pid not in self._struck_pids and _lives(pid)
                ]
                if found:
                    return found
                await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def kill(self, pid: int) -> None:
        """Kill -9."""
        self._struck_pids.add(pid)
        os.kill(pid, signal.SIGKILL)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def frozen(pids: Sequence[int]) -> Iterator[None]:
    """These processes stand still (SIGSTOP) inside the block."""
    try:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            if _lives(pid):
                os.kill(pid, signal.SIGCONT)


def children(parent: int) -> list[int]:
    """Its child processes."""
    found = []
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            pid, _, rest = stat.read_text().partition(" (")
        except OSError:  # it ended meanwhile
            continue
        if int(rest.rpartition(") ")[2].split()[1]) == parent:
            found.append(int(pid))
    return found


def open_sockets(pid: int) -> set[str]:
    """Paths of the unix sockets that a process listens on."""
    inodes = set()
    for handle in (PROC / str(pid) / "fd").iterdir():
        try:
            inodes.add(str(handle.readlink()).removeprefix("socket:[").removesuffix("]"))
        except OSError:  # closed meanwhile
            continue
    lines = (PROC / str(pid) / "net" / "unix").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return {row[7] for row in rows if len(row) > 7 and row[6] in inodes}
