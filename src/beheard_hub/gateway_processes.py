"""Gateway processes beside Ray: started, watched, drained.

A gateway gets its runtime by standard input, which then stays open as a lifeline: when the process
at the other end is gone, however it went, the gateway drains and ends. It answers with one line,
``listening <port>``, on standard output. All gateways share their port (SO_REUSEPORT), so that a
new one listens before the old one is told to give way.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys

import msgspec

from beheard_hub import telemetry
from beheard_hub.observability.metrics import GATEWAY_RESTARTS
from beheard_hub.runtime import Runtime
from beheard_hub.settings import SetupError

START_SECONDS_MAX = 30
DRAIN_SECONDS_MAX = 20
GIVE_WAY = b"give way"
"""What the old one is told by its lifeline when a new one listens."""
RESTART_SECONDS = 0.5
"""Between two attempts at starting one that died."""

_log = telemetry.logger("supervisor")


class GatewayOrder(msgspec.Struct, frozen=True):
    """What one gateway process is told."""

    runtime: Runtime
    host: str
    port: int
    number: int = 0
    """Which of the hub's gateways it is, for its log file."""


class GatewayProcess:
    """One gateway, started again whenever it dies."""

    def __init__(self, order: GatewayOrder) -> None:
        self.order = order
        self.port = 0
        self.restarts = 0
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """Process id of the running one."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Starts it and waits until it listens. Raises SetupError with its last word."""
        await self._launch()
        self._watch = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Drains it, at most `DRAIN_SECONDS_MAX`, then ends it."""
        self._stopping = True
        if self._watch is not None:
            self._watch.cancel()
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await _ended(process)

    async def replace(self) -> None:
        """Starts a new process on the port and lets the old one give way; returns when that has
        ended. Raises SetupError when there is no new one: then the old one goes on."""
        old = self._process
        await self._unwatched()
        try:
            await self._launch()
        except (SetupError, OSError) as error:
            self._process = old
            raise SetupError(f"A new gateway did not start on port {self.port}.") from error
        finally:
            self._watch = asyncio.create_task(self._keep())
        if old is not None and old.stdin is not None:
            with contextlib.suppress(OSError):
                old.stdin.write(GIVE_WAY + b"\n")
                await old.stdin.drain()
            await _ended(old)

    async def _unwatched(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    async def _launch(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "beheard_hub", "gateway-process",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        order = msgspec.json.encode(self.order)
        process.stdin.write(order + b"\n")
        await process.stdin.drain()
        try:
            line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS_MAX)
        except TimeoutError:
            line = b""
        word, _, rest = line.decode().strip().partition(" ")
        if word != "listening":
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise SetupError(rest or "A gateway did not start; its log lines say why.")
        self.port = int(rest)
        # A gateway that comes back takes the port that clients know.
        self.order = msgspec.structs.replace(self.order, port=self.port)

    async def _keep(self) -> None:
        while not self._stopping:
            assert self._process is not None
            code = await self._process.wait()
            _log.warning("gateway_ended", exit_code=code, port=self.port)
            self.restarts += 1
            GATEWAY_RESTARTS.inc()
            await self._relaunch()

    async def _relaunch(self) -> None:
        while True:
            try:
                return await self._launch()
            except (SetupError, OSError) as error:  # it, or the pipe to it, broke at once
                _log.error("gateway_restart_failed", port=self.port, error=type(error).__name__)
            await asyncio.sleep(RESTART_SECONDS)


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        await asyncio.wait_for(process.wait(), DRAIN_SECONDS_MAX)
    except TimeoutError:
        process.kill()
        await process.wait()


def check_free(host: str, port: int) -> None:
    """Gateways share their port with each other, not with another hub. Raises SetupError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as wrong:
            raise unusable(host, port, wrong) from None


def unusable(host: str, port: int, wrong: OSError) -> SetupError:
    """What to say of a port that cannot be listened on."""
    why = wrong.strerror or type(wrong).__name__
    hint = f"BEHEARD_HOST={host} must be an address of this machine."
    if wrong.errno == errno.EADDRINUSE:
        hint = "End what listens there, or choose another one with BEHEARD_PORT (0 = any free)."
    elif wrong.errno == errno.EACCES:
        hint = "Choose one above 1023 with BEHEARD_PORT, and put a proxy before it."
    return SetupError(f"Port {port} of {host} cannot be used: {why}.", hint)


async def start_gateways(
    runtime: Runtime, host: str, port: int, count: int
) -> list[GatewayProcess]:
    """Starts `count` gateways. With port 0 each takes a free one; else they share it."""
    check_free(host, port)
    order = GatewayOrder(runtime, host, port)
    started: list[GatewayProcess] = []
    try:
        for number in range(count):
            gateway = GatewayProcess(msgspec.structs.replace(order, number=number))
            started.append(gateway)
            await gateway.start()
    except BaseException:
        await asyncio.gather(*(gateway.stop() for gateway in started))
        raise
    return started
