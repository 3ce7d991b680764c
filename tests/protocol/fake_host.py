"""A host of a few lines behind the gateway, and the ports that lead to it.

The fake decides nothing: it logs events per user and session, acks what it is told, and can be made
to hold answers back, to die, to lose shards and to leave holes.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from beheard_hub.actors.tally import Tally
from beheard_hub.domain.limits import SHARDS
from beheard_hub.domain.sharding import shard_of
from beheard_hub.link_messages import (
    Acked,
    CommandTo,
    DeltaFrom,
    EventFrom,
    HereTo,
    Moved,
    Refused,
    SnapshotFrom,
    SubscribedFrom,
    SubscribeTo,
    ToGateway,
    ToHost,
    UnsubscribeTo,
)
from beheard_hub.ports import (
    HostEntry,
    Identity,
    LinkClosed,
    RoutingTable,
    Unauthenticated,
)

AT = "2026-01-01T00:00:00.000Z"


class World:
    """Hosts, routing and the log that they share, as Postgres would."""

    def __init__(self) -> None:
        self.hosts: dict[str, FakeHost] = {}
        self.owners: list[str | None] = [None] * SHARDS
        self.log: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]] = defaultdict(list)
        self.receipts: dict[tuple[str, str], dict[str, Any]] = {}
        self.log_begins_at = 0
        self.routing_reads = 0

    def host(self, host_id: str, *, owns_all: bool = False) -> FakeHost:
        host = self.hosts[host_id] = FakeHost(self, host_id)
        if owns_all:
            self.owners = [host_id] * SHARDS
        return host

    async def routing(self) -> RoutingTable:
        self.routing_reads += 1
        entries = {
            name: HostEntry(host_id=name, epoch=host.epoch, endpoint=name, alive=host.alive)
            for name, host in self.hosts.items()
        }
        return RoutingTable(owners=list(self.owners), hosts=entries)

    async def dial(
        self,
        endpoint: str,
        on_message: Callable[[ToGateway], None],
        on_close: Callable[[], None],
    ) -> FakeLink:
        host = self.hosts[endpoint]
        if not host.alive:
            raise LinkClosed
        link = FakeLink(host, on_message, on_close)
        host.links.append(link)
        return link


class FakeLink:
    """Both ends of one line; every message takes a turn of the loop, in order."""

    def __init__(
        self,
        host: FakeHost,
        on_message: Callable[[ToGateway], None],
        on_close: Callable[[], None],
    ) -> None:
        self.host_id = host.host_id
        self.host = host
        self.on_message = on_message
        self.on_close = on_close
        self.open = True
        self.subs: dict[int, SubscribeTo] = {}
        self.peer = FakePeer(self)

    def send(self, message: ToHost) -> None:
        if not self.open:
            raise LinkClosed
        asyncio.get_running_loop().call_soon(self._arrive, message)

    def _arrive(self, message: ToHost) -> None:
        if self.open:
            self.host.received(self, message)

    def answer(self, message: ToGateway) -> None:
        if self.open:
            asyncio.get_running_loop().call_soon(self._back, message)

    def _back(self, message: ToGateway) -> None:
        if self.open:
            self.on_message(message)

    async def close(self) -> None:
        self.cut()

    def cut(self) -> None:
        if self.open:
            self.open = False
            self.host.tally.detached(self.peer)
            self.on_close()


class FakePeer:
    """The host's end of a line (`GatewayPeer`)."""

    gateway_id = "gateway"

    def __init__(self, link: FakeLink) -> None:
        self._link = link

    def send(self, message: ToGateway) -> None:
        self._link.answer(message)


class FakeHost:
    """Acks `echo` with its data, refuses `refuse`, makes events with `emit`, holds `hold`."""

    def __init__(self, world: World, host_id: str) -> None:
        self.world = world
        self.host_id = host_id
        self.epoch = 1
        self.alive = True
        self.links: list[FakeLink] = []
        self.tally = Tally()
        self.commands: list[CommandTo] = []
        self.subscribes: list[SubscribeTo] = []
        self.held: list[tuple[FakeLink, CommandTo]] = []
        self.moves_invitations_to = ""
        self.holds = False
        """Holds every command."""
        self.refuses: str | None = None
        """Refuses every command with this code."""

    @property
    def link(self) -> FakeLink:
        return next(link for link in reversed(self.links) if link.open)

    def die(self) -> None:
        self.alive = False
        for link in self.links:
            link.cut()

    def owns(self, key: str) -> bool:
        return self.world.owners[shard_of(key)] == self.host_id

    def received(self, link: FakeLink, message: ToHost) -> None:
        if isinstance(message, SubscribeTo):
            self.subscribe(link, message)
        elif isinstance(message, UnsubscribeTo):
            link.subs.pop(message.sub, None)
        elif isinstance(message, CommandTo):
            self.command(link, message)
        elif isinstance(message, HereTo):
            self.tally.heard(link.peer, message)

    def subscribe(self, link: FakeLink, message: SubscribeTo) -> None:
        self.subscribes.append(message)
        if not self.owns(message.session_id):
            link.answer(Moved(None, sub=message.sub))
            return
        if message.session_id.startswith("other"):
            link.answer(
                Refused(None, "NOT_FOUND", "There is nothing here.", False, sub=message.sub)
            )
            return
        link.subs[message.sub] = message
        log = self.world.log[message.session_id, message.user_id]
        if message.after is None or message.after < self.world.log_begins_at:
            state = {"status": "ACTIVE"}
            link.answer(SnapshotFrom(message.sub, message.session_id, len(log), state))
            return
        link.answer(SubscribedFrom(message.sub, message.session_id, len(log)))
        for seq in range(message.after + 1, len(log) + 1):
            name, data = log[seq - 1]
            link.answer(EventFrom([message.sub], message.session_id, seq, name, data, AT))

    def command(self, link: FakeLink, message: CommandTo) -> None:
        self.commands.append(message)
        if not self.owns(message.session_id or f"user:{message.user_id}"):
            link.answer(Moved(message.rid))
        elif message.name.startswith("invitation.") and not message.session_id:
            link.answer(Moved(message.rid, self.moves_invitations_to))
        elif self.refuses is not None:
            no = Refused(message.rid, self.refuses, "No.", False, None, {"content": "no"})
            link.answer(no)
        elif message.name == "hold" or self.holds:
            self.held.append((link, message))
        elif message.name == "refuse":
            code = str(message.data.get("code", "CONFLICT"))
            link.answer(Refused(message.rid, code, "No.", False, None, {"content": "no"}))
        else:
            self.ack(link, message)

    def ack(self, link: FakeLink, message: CommandTo) -> None:
        key = (message.user_id, message.id)
        seq = len(self.world.log[message.session_id, message.user_id])
        if key in self.world.receipts:
            link.answer(Acked(message.rid, self.world.receipts[key], seq, True))
            return
        if message.name == "emit":
            self.emit(message.session_id, message.user_id, "told", dict(message.data))
        reply = {"name": message.name, **message.data}
        self.world.receipts[key] = reply
        link.answer(
            Acked(
                message.rid, reply, len(self.world.log[message.session_id, message.user_id]), False
            )
        )

    def release(self) -> None:
        held, self.held = self.held, []
        for link, message in held:
            self.ack(link, message)

    def emit(
        self, session_id: str, user_id: str, name: str, data: dict[str, Any], *, lose: bool = False
    ) -> None:
        """Logs an event and tells all who listen; `lose` leaves a hole."""
        log = self.world.log[session_id, user_id]
        log.append((name, data))
        if not lose:
            self.tell(session_id, user_id, len(log), name, data)

    def tell(
        self, session_id: str, user_id: str, seq: int, name: str, data: dict[str, Any]
    ) -> None:
        for link in self.links:
            subs = [
                sub.sub
                for sub in link.subs.values()
                if (sub.session_id, sub.user_id) == (session_id, user_id)
            ]
            if subs:
                link.answer(EventFrom(subs, session_id, seq, name, data, AT))

    def delta(self, session_id: str, text: str, index: int) -> None:
        for link in self.links:
            for sub in link.subs.values():
                if sub.session_id == session_id:
                    link.answer(DeltaFrom([sub.sub], session_id, "m0", "m1", index, text))


class FakeIdentities:
    """Token ``alice`` is user alice; ``alice:5`` expires in 5 s; ``bad...`` nobody."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.forgotten: list[str] = []
        self.gate: asyncio.Event | None = None
        self.broken = False

    async def identify(self, token: str) -> Identity:
        self.seen.append(token)
        if self.gate is not None:
            await self.gate.wait()
        if self.broken:
            raise ConnectionError
        if token.startswith("bad"):
            raise Unauthenticated
        user_id, _, seconds = token.partition(":")
        expires_at = datetime.now(UTC).timestamp() + float(seconds or 3600)
        return Identity(user_id=user_id, role="USER", name=None, expires_at=expires_at)

    async def became(self, user_id: str) -> str:
        return user_id

    def forget(self, user_id: str) -> None:
        self.forgotten.append(user_id)
