"""`beheard serve`: everything started in order, watched, and ended in the reverse order.

Postgres and Ray start side by side, hosts when both are there, gateways when hosts are. What was
started last is ended first: gateways drain, hosts flush and give their leases back, then Ray and
Postgres go. Nothing stays behind; what we did not start we do not end.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from rich.console import Console

from beheard_hub import settings as variables
from beheard_hub import telemetry
from beheard_hub.address import ADDRESS_FILE, Address, write_address
from beheard_hub.ai.registry import embedder
from beheard_hub.bootstrap import Around, as_it_is, check_parts
from beheard_hub.control import Door
from beheard_hub.demo import rehearsal
from beheard_hub.demo.record import PlayResult, Watcher
from beheard_hub.embeddings.vocabulary import EmbeddingFailed
from beheard_hub.fleet import Fleet, InprocessFleet, RayFleet
from beheard_hub.gateway.auth import LocalKey
from beheard_hub.gateway.gauges import probe
from beheard_hub.gateway_process import make_gateway
from beheard_hub.gateway_processes import (
    GatewayProcess,
    check_free,
    start_gateways,
    unusable,
)
from beheard_hub.ground import start_ground
from beheard_hub.journeys import Journey
from beheard_hub.journeys import load as load_journey
from beheard_hub.observability.metrics import EVERY, SUPERVISOR
from beheard_hub.observability.publishing import Probe, Publisher, folder
from beheard_hub.operating import Operating
from beheard_hub.persistence.census import Census
from beheard_hub.persistence.data_dir import CLUSTER_SECRET, DataDirectory
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.persistence.erasure import FileCleaning
from beheard_hub.persistence.expiry import Expiry
from beheard_hub.persistence.library_vectors import embed_library
from beheard_hub.persistence.prepare import Prepared
from beheard_hub.persistence.self_proof import prove
from beheard_hub.reactions.reactor import LANES
from beheard_hub.runtime import Runtime, SystemClock
from beheard_hub.settings import Settings, SetupError
from beheard_hub.showing import PACE_SECONDS, Script, Show, equipped
from beheard_hub.testing.issuer import Issuer

WATCH_SECONDS = 0.5
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

T = TypeVar("T")
_log = telemetry.logger("supervisor")


def serve(settings: Settings, *, journey: str | None, practice: bool = False, stay: bool) -> int:
    """Runs a hub; plays `journey` first, or a practice; with `stay` then serves until a signal.

    Returns the exit code. Raises SetupError.
    """
    script = rehearsal.load() if practice else _journey(journey) if journey else None
    check_parts(settings)
    return uvloop.run(_serve(settings, script, stay))


def _journey(name: str) -> Journey:
    try:
        return load_journey(name)
    except LookupError as unknown:
        raise SetupError(f"{unknown.args[0]}.") from None


async def _serve(settings: Settings, script: Script | None, stay: bool) -> int:
    say = Console(stderr=True, highlight=False)
    with _signals() as ending:
        async with contextlib.AsyncExitStack() as stack:
            suited, provider = await stack.enter_async_context(equipped(script, settings))
            hub = Hub(suited, say)
            if await _unless(ending, hub.start(stack)) is None:
                return EXIT_INTERRUPTED
            print(f"ready {hub.url}", flush=True)
            if script is not None:
                whole = await _unless(ending, hub.shows(script, provider))
                if whole is None or not stay:
                    return _exit_code(whole)
                print(hub.how_to_connect(), flush=True)
            assert hub.fleet is not None
            lost = await _unless(ending, hub.fleet.over.wait())
            if lost:
                say.print("The host lost its lease to another one: this hub ends. Start it again.")
            say.print("draining ...")
        say.print("ended")
    return EXIT_FAILED if lost else 0


def _exit_code(whole: bool | None) -> int:
    if whole is None:
        return EXIT_INTERRUPTED
    return 0 if whole else EXIT_FAILED


@contextlib.contextmanager
def _signals() -> Iterator[asyncio.Event]:
    """An event that SIGINT, SIGTERM and, unless ignored, SIGHUP set; a second signal changes
    nothing."""
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    heard = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        heard.append(signal.SIGHUP)
    for number in heard:
        loop.add_signal_handler(number, ending.set)
    try:
        yield ending
    finally:
        for number in heard:
            loop.remove_signal_handler(number)


async def _unless(ending: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What `work` returns; None, with `work` cancelled, when `ending` comes first."""
    task = asyncio.create_task(work)
    signalled = asyncio.create_task(ending.wait())
    await asyncio.wait({task, signalled}, return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return None
    return await task


class Hub:
    """One hub on this machine, from its first process to its last.

    `around` stands between the hub and its facilitator; it needs a hub of one process.
    """

    def __init__(self, settings: Settings, say: Console, around: Around = as_it_is) -> None:
        self.settings = settings
        self._around = around
        self.say = say
        self.path = settings.server.data_dir.expanduser().absolute()
        self.gateways: list[GatewayProcess] = []
        self.ports: list[int] = []
        self.fleet: Fleet | None = None
        self.prepared: Prepared | None = None
        self.ray_session: Path | None = None
        self.door = Door({})
        self._probes: list[Probe] = []
        self._roles = [SUPERVISOR]

    @property
    def url(self) -> str:
        """Of the first gateway."""
        return self._url(self.ports[0])

    def _url(self, port: int) -> str:
        return f"http://{self.settings.server.host}:{port}"

    async def start(self, stack: contextlib.AsyncExitStack) -> bool:
        """Starts everything; `stack` ends it. Raises SetupError."""
        directory = stack.enter_context(DataDirectory(self.path))
        telemetry.keep_in(self.path / "logs" / "supervisor.log")
        check_free(self.settings.server.host, self.settings.server.port)  # sooner than all else
        await self._step("Postgres and Ray", self._ground(stack))
        assert self.prepared is not None
        await self._step("library vectors and the proof of the walls", self._prove())
        runtime = Runtime(
            environ=variables.effective(self.settings),
            runtime_url=self.prepared.runtime_url,
            secret=self.settings.cluster.secret or directory.secret(CLUSTER_SECRET),
            data_dir=str(self.path),
        )
        await self._step("session hosts", self._start_fleet(runtime, stack))
        await self._step("gateways", self._start_gateways(runtime, stack))
        await self._start_expiry(runtime, stack)
        await self._start_measuring(runtime, stack)
        self._start_cleaning(stack)
        await self._open_door(stack)
        stack.callback((self.path / ADDRESS_FILE).unlink, missing_ok=True)
        watching = asyncio.create_task(self._watch())
        stack.callback(watching.cancel)
        await self._reachable()
        return True

    async def _step(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        began = time.monotonic()
        self.say.print(f"  {name} ...")
        await work
        self.say.print(f"  {name}: {time.monotonic() - began:.1f} s")

    async def _ground(self, stack: contextlib.AsyncExitStack) -> None:
        self.prepared, self.ray_session = await start_ground(self.settings, self.path, stack)

    async def _prove(self) -> None:
        assert self.prepared is not None
        try:
            await embed_library(self.prepared.owner_url, embedder(self.settings.embeddings))
        except EmbeddingFailed as failed:  # the embedding actors will go on trying
            _log.warning("library_not_embedded", reason=failed.reason)
        db = await Database.open(self.prepared.runtime_url, size_max=1)
        try:
            await prove(db)
        finally:
            await db.close()

    async def _start_fleet(self, runtime: Runtime, stack: contextlib.AsyncExitStack) -> None:
        if self.settings.cluster.link == "inprocess":
            fleet = InprocessFleet(runtime, self._around)
            await fleet.start()
            self.fleet = fleet
            stack.push_async_callback(fleet.stop)
            return
        self.fleet = RayFleet(self.settings, runtime)
        stack.push_async_callback(self.fleet.stop)
        await self.fleet.start()

    async def _start_gateways(self, runtime: Runtime, stack: contextlib.AsyncExitStack) -> None:
        server = self.settings.server
        if isinstance(self.fleet, InprocessFleet):
            await self._serve_inprocess(self.fleet, runtime, stack)
            return
        self.gateways = await start_gateways(
            runtime, server.host, server.port, self.settings.cluster.gateways
        )
        self.ports = [gateway.port for gateway in self.gateways]
        for gateway in self.gateways:
            stack.push_async_callback(gateway.stop)

    async def _serve_inprocess(
        self, fleet: InprocessFleet, runtime: Runtime, stack: contextlib.AsyncExitStack
    ) -> None:
        db = await Database.open(runtime.runtime_url, size_max=4)
        stack.push_async_callback(db.close)
        gateway = make_gateway(runtime, db, fleet.network)
        self._probes.append(probe(gateway.lobby))
        self._roles = list(EVERY)
        server = self.settings.server
        serving = asyncio.create_task(gateway.serve(server.host, server.port))
        ready = asyncio.create_task(gateway.ready.wait())
        await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            ready.cancel()
            try:
                await serving
            except OSError as wrong:
                raise unusable(server.host, server.port, wrong) from None
        self.ports = [gateway.port]
        stack.push_async_callback(gateway.drain)

    async def _start_expiry(self, runtime: Runtime, stack: contextlib.AsyncExitStack) -> None:
        db = await Database.open(runtime.runtime_url, size_max=1)
        stack.push_async_callback(db.close)
        passes = asyncio.create_task(Expiry(db, SystemClock()).run())
        stack.push_async_callback(_ended, passes)

    async def _start_measuring(self, runtime: Runtime, stack: contextlib.AsyncExitStack) -> None:
        """The numbers of this process and of what is stored."""
        assert self.fleet is not None
        db = await Database.open(runtime.runtime_url, size_max=1)
        stack.push_async_callback(db.close)
        publisher = Publisher(
            folder(self.path), "supervisor", self._roles, [self.fleet.look, *self._probes]
        )
        for run in (Census(db, LANES).run(), publisher.run()):
            stack.push_async_callback(_ended, asyncio.create_task(run))

    async def _open_door(self, stack: contextlib.AsyncExitStack) -> None:
        assert self.fleet is not None
        operating = Operating(self.fleet.pool, self.gateways, self.fleet.role_changed)
        self.door = Door(operating.operations)
        await self.door.open(self.path / "sockets")
        stack.push_async_callback(self.door.close)

    def _start_cleaning(self, stack: contextlib.AsyncExitStack) -> None:
        """Only a server that is ours is rewritten when somebody has left."""
        assert self.prepared is not None
        if self.prepared.embedded is not None:
            looks = asyncio.create_task(FileCleaning(self.prepared.owner_url).run())
            stack.push_async_callback(_ended, looks)

    async def _reachable(self) -> None:
        """Waits until every gateway says that it is ready."""
        for port in self.ports:
            async with asyncio.timeout(30):
                while not await _answers_ready(self.settings.server.host, port):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    async def _watch(self) -> None:
        """Starts an embedded Postgres that died again, and keeps the address file true."""
        assert self.prepared is not None
        while True:
            if self.prepared.embedded is not None:
                await self._revive(self.prepared.embedded)
            try:
                write_address(self.path / ADDRESS_FILE, self.address())
            except OSError as error:  # a full disk may be emptied
                _log.error("address_not_written", error=type(error).__name__)
            await asyncio.sleep(WATCH_SECONDS)

    async def _revive(self, postgres: EmbeddedPostgres) -> None:
        try:
            await asyncio.to_thread(postgres.start)
        except (SetupError, OSError) as error:
            _log.error("postgres_start_failed", error=type(error).__name__)

    def address(self) -> Address:
        """Where it listens, and its processes."""
        embedded = self.prepared.embedded if self.prepared is not None else None
        return Address(
            url=self.url,
            gateways=[self._url(port) for port in self.ports],
            host_pids=self.fleet.pids() if self.fleet is not None else [],
            embedder_pids=self.fleet.embedder_pids() if self.fleet is not None else [],
            gateway_pids=[gateway.pid for gateway in self.gateways],
            postgres_pid=embedded.pid() if embedded is not None else None,
            ray_session=str(self.ray_session) if self.ray_session is not None else None,
            control=self.door.path,
        )

    @property
    def websocket_url(self) -> str:
        """Of the first gateway."""
        return self.url.replace("http", "ws", 1) + "/v1/ws"

    async def play(
        self,
        script: Journey,
        pace: float = PACE_SECONDS,
        watcher: Watcher | None = None,
        result: PlayResult | None = None,
    ) -> PlayResult:
        """Plays a journey with two new users, on the terminal unless there is another `watcher`.
        Raises Unplayable."""
        return await self._show().play(script, pace, watcher, result)

    async def shows(self, script: Script, provider: Issuer | None = None) -> bool:
        """Plays on the terminal; whether it came to its end. Raises Unplayable."""
        return await self._show(provider).shows(script)

    def how_to_connect(self) -> str:
        """URL, two tokens and a snippet to paste."""
        return self._show().how_to_connect(self.url)

    def _show(self, provider: Issuer | None = None) -> Show:
        assert self.prepared is not None
        key = LocalKey.open(self.path, SystemClock())
        return Show(self.websocket_url, key, self.prepared.owner_url, provider)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _answers_ready(host: str, port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    try:
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")
        return b" 200 " in await reader.readline()
    finally:
        writer.close()
