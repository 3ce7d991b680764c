"""A hub of two gateways and two hosts in the process of the tests, an identity provider beside it,
and guests who practise: only Ray is missing."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from beheard_hub.actors import placement
from beheard_hub.actors.host import Host
from beheard_hub.bootstrap import build_host
from beheard_hub.client import Hub
from beheard_hub.domain.limits import SHARDS
from beheard_hub.domain.sharding import shard_of
from beheard_hub.gateway.auth import LocalKey
from beheard_hub.gateway.guests import GuestKey
from beheard_hub.gateway_process import make_gateway
from beheard_hub.links.inprocess import InprocessNetwork
from beheard_hub.persistence.database import Database
from beheard_hub.ports import Clock
from beheard_hub.runtime import Runtime, SystemClock
from tests.conftest import TestDatabase
from tests.e2e.rest_phone import Rest
from tests.unit.gateway.test_auth import HandClock
from tests.unit.gateway.test_jwks import Issuer, listening

GOOGLE = "https://accounts.google.com"
SECRET = "the hub's secret of 32 characters"
HEARD_SECONDS_MAX = 60
LOOK_SECONDS = 0.01
_numbers = itertools.count(1)


class Person(msgspec.Struct, frozen=True):
    """A user, and the token that speaks for them."""

    id: str
    token: str


class Device:
    """One connection of somebody, and every frame that came."""

    def __init__(self, url: str, token: str) -> None:
        self.frames: list[dict[str, Any]] = []
        self._came = asyncio.Event()
        self.hub = Hub.connect(url, token, tap=self._heard)

    def _heard(self, frame: str | bytes) -> None:
        self.frames.append(msgspec.json.decode(frame))
        self._came.set()

    async def hears(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The first frame of that type with these fields."""
        async with asyncio.timeout(HEARD_SECONDS_MAX):
            while True:
                for frame in self.frames:
                    if frame["type"] == kind and fields.items() <= frame.items():
                        return frame
                self._came.clear()
                await self._came.wait()

    def events(self, session: str) -> list[dict[str, Any]]:
        """Those that came of a session."""
        return [f for f in self.frames if f["type"] == "event" and f["sessionId"] == session]

    def seqs(self, session: str) -> list[int]:
        """Of the events that came of a session."""
        return [event["seq"] for event in self.events(session)]

    def count(self, kind: str) -> int:
        """How many frames of that type came."""
        return sum(frame["type"] == kind for frame in self.frames)


class Town:
    """The hub under test."""

    def __init__(
        self, ports: list[int], owner: asyncpg.Connection, issuer: Issuer, key: GuestKey,
        local: LocalKey,
    ) -> None:  # fmt: skip
        self.owner, self.issuer = owner, issuer
        self._ports, self._key, self._local = ports, key, local

    async def guest(self) -> Person:
        """Somebody whom no provider knows."""
        user = f"guest-{next(_numbers)}"
        await self.owner.execute("""INSERT INTO "User" (id, role) VALUES ($1, 'GUEST')""", user)
        return Person(user, self._key.mint(user))

    async def user(self, role: str = "USER", subject: str | None = None) -> Person:
        """Somebody whom the hub's own key logs in, and Google as `subject`."""
        name = f"user-{next(_numbers)}"
        await self.owner.execute(
            'INSERT INTO "User" (id, name, role) VALUES ($1, $1, $2)', name, role
        )
        for provider, external in (("local", name), (GOOGLE, subject or f"{name} at Google")):
            await self.owner.execute(
                'INSERT INTO "ExternalIdentity" (id, "userId", provider, "externalId")'
                " VALUES (gen_random_uuid()::text, $1, $2, $3)",
                name, provider, external,
            )  # fmt: skip
        return Person(name, self._local.mint(name))

    async def practice(self, of: Person) -> str:
        """An open session, as a claim leaves it."""
        number: int = await self.owner.fetchval(
            """INSERT INTO practice."ConversationSession" ("userId", "scenarioId", quota)
               SELECT $1, id, '{"tokens": 10000}' FROM practice."Scenario"
               WHERE slug = 'family-table' RETURNING id""",
            of.id,
        )
        await self.owner.execute(
            """INSERT INTO hub."Reminder" (id, "sessionId", "userId", shard, kind, "dueAt")
               VALUES ('idle-' || $1, $1, $2, $3, 'practice_idle', now() + interval '30 days')""",
            str(number), of.id, shard_of(str(number)),
        )  # fmt: skip
        return str(number)

    def id_token(self, subject: str, **changes: Any) -> str:
        """Of Google, for that person."""
        return self.issuer.id_token("google", sub=subject, email=f"{subject}@home.test", **changes)

    def urls(self) -> list[str]:
        """Websocket addresses of the gateways."""
        return [f"ws://127.0.0.1:{port}/v1/ws" for port in self._ports]

    def token(self, name: str) -> str:
        """Of somebody new."""
        return self._local.mint(f"{name} {next(_numbers)}", name=name)

    def device(self, who: Person, gateway: int = 0) -> Device:
        """A connection of theirs, on one of the gateways."""
        return Device(self.urls()[gateway], who.token)

    def rest(self, who: Person | None, gateway: int = 0, *, patient: bool = True) -> Rest:
        """The other door; None is somebody without a token."""
        url = f"http://127.0.0.1:{self._ports[gateway]}"
        return Rest(url, who.token if who else None, patient=patient)


@asynccontextmanager
async def town_on(
    database: TestDatabase, data_dir: Path, owner: asyncpg.Connection, clock: Clock | None = None,
    **variables: str,
) -> AsyncIterator[Town]:  # fmt: skip
    """Serves on this database until left, with these settings besides; `clock` is that of the
    hosts."""
    issuers = HandClock()
    issuers.at = datetime.now(UTC)
    async with AsyncExitStack() as stack:
        issuer = await stack.enter_async_context(listening(issuers))
        apps = str(issuer.apps(data_dir))
        environ = {"BEHEARD_LIMITS": "off", "BEHEARD_ID_TOKENS": apps, **variables}
        runtime = Runtime(environ, database.runtime_url, SECRET, str(data_dir))
        network, hosts = InprocessNetwork(), []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(placement, "WATCH_SECONDS", 0.02)
            for name in ("town-a", "town-b"):
                host_id = f"{name}-{next(_numbers)}"
                parts = await build_host(runtime, host_id, lambda: None, clock=clock)
                await parts.start(name)
                stack.push_async_callback(parts.drain)
                network.listen(name, parts.host.host_id, parts.host.lease.epoch, parts.host)
                hosts.append(parts.host)
            await shared_out(hosts)
        db = await Database.open(database.runtime_url, size_max=4)
        stack.push_async_callback(db.close)
        ports = []
        for name in ("gateway-a", "gateway-b"):
            gateway = make_gateway(runtime, db, network.dialer(name))
            serving = asyncio.create_task(gateway.serve("127.0.0.1", 0))
            await gateway.ready.wait()
            stack.push_async_callback(_ended, gateway.drain, serving)
            ports.append(gateway.port)
        local = LocalKey.open(data_dir, SystemClock())
        yield Town(ports, owner, issuer, GuestKey(SECRET, SystemClock()), local)


async def shared_out(hosts: Sequence[Host]) -> None:
    """Until each has its part of the shards: what moves in the middle of a test is tested elsewhere
    (`tests.unit.actors.test_placement`)."""
    async with asyncio.timeout(HEARD_SECONDS_MAX):
        while True:
            parts = [len(host.placement.generations) for host in hosts]
            if sum(parts) == SHARDS and max(parts) - min(parts) <= len(hosts):
                return
            await asyncio.sleep(LOOK_SECONDS)


async def _ended(drain: Any, serving: asyncio.Task[None]) -> None:
    await drain()
    await serving
