"""Which host owns which shard, and the gateway's line to each of them.

The table is read every second, and at once when somebody says it is wrong (a `Moved`, a closed
line), never more often than `refresh_seconds_min`. Every alive host gets one line; a line whose
host left the table, or came back with another epoch, is closed. After every look, and whenever a
line opens or closes, `on_change` is called: the router then puts everything where it belongs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from beheard_hub import telemetry
from beheard_hub.domain.limits import SHARDS
from beheard_hub.gateway.bounds import Bounds
from beheard_hub.link_messages import Leaving, ToGateway, ToHost
from beheard_hub.ports import (
    Clock,
    HostEntry,
    HostLink,
    LinkClosed,
    LinkDialer,
    Routing,
    RoutingTable,
)

ROUTING_SECONDS_MAX = 2.0
DIAL_SECONDS_MAX = 3.0
IMPATIENT_SECONDS = 0.1
"""Between two looks at the table while something waits for an owner."""

_log = telemetry.logger("gateway.hosts")


class Line:
    """The line to one host at one epoch."""

    def __init__(self, entry: HostEntry) -> None:
        self.host_id = entry.host_id
        self.epoch = entry.epoch
        self.endpoint = entry.endpoint
        self.link: HostLink | None = None
        self.leaving = False
        """The host drains: it answers what it has and takes nothing more."""

    def send(self, message: ToHost) -> None:
        """Raises LinkClosed. Ordering: as called."""
        if self.link is None:
            raise LinkClosed
        self.link.send(message)


class Hosts:
    """Lines and owners. `on_message` gets every message of an open line, in its order."""

    def __init__(
        self,
        routing: Routing,
        dialer: LinkDialer,
        clock: Clock,
        bounds: Bounds,
        on_message: Callable[[Line, ToGateway], None],
        on_change: Callable[[], None],
    ) -> None:
        self._routing = routing
        self._dialer = dialer
        self._clock = clock
        self._bounds = bounds
        self._on_message = on_message
        self._on_change = on_change
        self._table = RoutingTable(owners=[None] * SHARDS, hosts={})
        self._lines: dict[str, Line] = {}
        self._dials: dict[str, asyncio.Task[None]] = {}
        self._unreachable: dict[str, str] = {}
        """Host → why the attempt before failed: it is said once, not twenty times a second."""
        self._doubted: set[tuple[str, int]] = set()
        self._wrong = asyncio.Event()
        self._loop_task: asyncio.Task[None] | None = None
        self.changes = 0
        """Grows whenever `line_for` may answer otherwise than before."""
        self._closing: set[asyncio.Task[None]] = set()
        self.impatient: Callable[[], bool] = lambda: False
        """Whether something waits for an owner; then the table is read ten times a second."""

    @property
    def links(self) -> int:
        """Lines that are open."""
        return sum(1 for line in self._lines.values() if line.link is not None)

    @property
    def ready(self) -> bool:
        """Every shard has an owner, and every owner a line."""
        owners = self._table.owners
        return all(self._line_of(owner) is not None for owner in set(owners)) and not any(
            owners[shard] == host_id for host_id, shard in self._doubted
        )

    def line_for(self, shard: int) -> Line | None:
        """Where commands of that shard go now, or None."""
        owner = self._table.owners[shard]
        return None if (owner, shard) in self._doubted else self._line_of(owner)

    def _line_of(self, owner: str | None) -> Line | None:
        """The line of a host that can be asked."""
        line = self._lines.get(owner) if owner is not None else None
        return line if line is not None and line.link is not None and not line.leaving else None

    def serves(self, line: Line, shard: int) -> bool:
        """Whether that line is open and routing names its host for that shard."""
        return self._lines.get(line.host_id) is line and self._table.owners[shard] == line.host_id

    def tell_all(self, message: ToHost) -> None:
        """To every host that can be reached; the others hear of it elsewhere, or have nothing to
        hear."""
        for line in list(self._lines.values()):
            with contextlib.suppress(LinkClosed):
                line.send(message)

    def doubt(self, line: Line, shard: int) -> None:
        """The host says that it does not own the shard: ask nobody until the table was read."""
        self._doubted.add((line.host_id, shard))
        self.changes += 1
        self.refresh_soon()

    def refresh_soon(self) -> None:
        """Reads the table as soon as the pace allows."""
        self._wrong.set()

    async def start(self) -> None:
        """Reads the table for the first time and keeps reading it."""
        self._loop_task = asyncio.create_task(self._keep_looking(), name="routing")

    async def stop(self) -> None:
        """Ends all lines."""
        tasks = [*self._dials.values(), *self._closing]
        if self._loop_task is not None:
            tasks.append(self._loop_task)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for line in list(self._lines.values()):
            if line.link is not None:
                with contextlib.suppress(LinkClosed):
                    await line.link.close()
        self._lines.clear()

    # ---- the table

    async def _keep_looking(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(self._bounds.refresh_seconds_min)
            patience = IMPATIENT_SECONDS if self.impatient() else self._bounds.refresh_seconds
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wrong.wait(), patience)

    async def _look(self) -> None:
        self._wrong.clear()
        doubted = set(self._doubted)
        try:
            async with asyncio.timeout(ROUTING_SECONDS_MAX):
                table = await self._routing.routing()
        except (
            Exception
        ) as failure:  # whatever it is: the last table stays good until we know better
            _log.warning("routing_unreadable", error=type(failure).__name__)
        else:
            self._doubted -= doubted
            self._adopt(table)
        self._on_change()

    def _adopt(self, table: RoutingTable) -> None:
        if table.owners != self._table.owners:
            self.changes += 1
        self._table = table
        for gone in self._unreachable.keys() - table.hosts.keys():
            del self._unreachable[gone]
        for line in list(self._lines.values()):
            entry = table.hosts.get(line.host_id)
            if entry is None or entry.epoch != line.epoch:
                self._drop(line)
        for entry in table.hosts.values():
            if entry.alive and entry.host_id not in self._lines:
                self._dial(entry)

    # ---- the lines

    def _dial(self, entry: HostEntry) -> None:
        running = self._dials.get(entry.host_id)
        if running is None or running.done():
            dial = self._open(Line(entry))
            self._dials[entry.host_id] = asyncio.create_task(dial, name="dial")

    async def _open(self, line: Line) -> None:
        """One attempt; the next look at the table makes another."""
        try:
            async with asyncio.timeout(DIAL_SECONDS_MAX):
                link = await self._dialer.dial(
                    line.endpoint,
                    lambda message: self._received(line, message),
                    lambda: self._closed(line),
                )
        except (LinkClosed, OSError, TimeoutError) as failure:
            why = type(failure.__cause__ or failure).__name__
            if self._unreachable.get(line.host_id) != why:
                self._unreachable[line.host_id] = why
                _log.info("dial_failed", host_id=line.host_id, error=why)
            return
        finally:
            self._dials.pop(line.host_id, None)
        line.link = link
        self._unreachable.pop(line.host_id, None)
        self._lines[line.host_id] = line
        self.changes += 1
        _log.info("line_open", host_id=line.host_id, epoch=line.epoch)
        self._on_change()

    def _received(self, line: Line, message: ToGateway) -> None:
        if self._lines.get(line.host_id) is not line:
            return
        if isinstance(message, Leaving):
            line.leaving = True
            self.changes += 1
            self.refresh_soon()
            return
        self._on_message(line, message)

    def _closed(self, line: Line) -> None:
        if self._lines.get(line.host_id) is line:
            del self._lines[line.host_id]
            self.changes += 1
            _log.info("line_closed", host_id=line.host_id, epoch=line.epoch)
            self._on_change()
        line.link = None
        self.refresh_soon()

    def _drop(self, line: Line) -> None:
        del self._lines[line.host_id]
        self.changes += 1
        link, line.link = line.link, None
        if link is not None:
            task = asyncio.create_task(link.close(), name="close line")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
