"""A whole hub in the process of the tests: real rules, host, reactions, database and sockets.

Only Ray is missing, which carries no word of anybody. Everybody in it is somebody new.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from beheard_hub.bootstrap import build_host
from beheard_hub.client import Hub
from beheard_hub.client.hub import Tap
from beheard_hub.gateway.auth import LocalKey
from beheard_hub.gateway_process import make_gateway
from beheard_hub.links.inprocess import InprocessNetwork
from beheard_hub.persistence.database import Database
from beheard_hub.runtime import Runtime, SystemClock
from tests.conftest import TestDatabase
from tests.e2e.rest_phone import Rest

ENDPOINT = "house"
ENVIRON = {"BEHEARD_LIMITS": "off"}
_numbers = itertools.count(1)


class Inhabitant(msgspec.Struct, frozen=True):
    """Somebody with a token."""

    name: str
    role: str | None
    token: str

    def __repr__(self) -> str:
        return f"Inhabitant {self.role or 'USER'}"


class House:
    """The hub under test, and new people for it."""

    def __init__(self, port: int, key: LocalKey) -> None:
        self.url = f"ws://127.0.0.1:{port}/v1/ws"
        self._gateway = f"http://127.0.0.1:{port}"
        self._key = key

    def person(self, name: str, role: str | None = None) -> Inhabitant:
        """Somebody that the hub does not know yet."""
        return Inhabitant(name, role, self.token(f"privacy-{next(_numbers)}", name, role))

    def token(self, subject: str, name: str | None = None, role: str | None = None) -> str:
        """For whoever the identity provider calls so."""
        return self._key.mint(subject, name=name, role=role)

    def connect(self, who: Inhabitant, tap: Tap | None = None) -> Hub:
        """A client for this person; `tap` sees every frame that comes."""
        return Hub.connect(self.url, who.token, tap=tap)

    def rest(self, who: Inhabitant | None, *, patient: bool = True) -> Rest:
        """The other door, for the same person; None has no token."""
        return Rest(self._gateway, who.token if who else None, patient=patient)


@asynccontextmanager
async def house_on(
    database: TestDatabase, data_dir: Path, environ: Mapping[str, str] = ENVIRON
) -> AsyncIterator[House]:
    """Serves on this database until left."""
    runtime = Runtime(environ, database.runtime_url, "secret", str(data_dir))
    async with AsyncExitStack() as stack:
        host_id = f"house-{next(_numbers)}"
        parts = await build_host(runtime, host_id, lambda: None)
        await parts.start(ENDPOINT)
        stack.push_async_callback(parts.drain)
        network = InprocessNetwork("gateway-house")
        network.listen(ENDPOINT, host_id, parts.host.lease.epoch, parts.host)
        db = await Database.open(database.runtime_url, size_max=2)
        stack.push_async_callback(db.close)
        gateway = make_gateway(runtime, db, network)
        serving = asyncio.create_task(gateway.serve("127.0.0.1", 0))
        await gateway.ready.wait()
        try:
            yield House(gateway.port, LocalKey.open(data_dir, SystemClock()))
        finally:
            await gateway.drain()
            await serving
