"""A host: thousands of session actors in one process, without Ray, sockets or SQL.

The way of a command is in `entrance.py` and `turns.py`, its way to Postgres in
`persistence/write_behind.py`; this file connects them with the links (`received`), the reactions
(`submit_internal`, `delta`), the reminders and the shards. A host answers only while its lease
surely holds; once fenced it drops everything and is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

import msgspec

from beheard_hub import cycles
from beheard_hub.actors.activation import UNAVAILABLE, Activation
from beheard_hub.actors.arrivals import Arrivals
from beheard_hub.actors.attending import attend
from beheard_hub.actors.background import Background
from beheard_hub.actors.cell import Cell
from beheard_hub.actors.departures import Departures
from beheard_hub.actors.entrance import Entrance
from beheard_hub.actors.host_ports import Ports
from beheard_hub.actors.looking_back import LookBack
from beheard_hub.actors.mergers import Mergers
from beheard_hub.actors.notifier import Notifier
from beheard_hub.actors.observers import Observers
from beheard_hub.actors.outs import Outs, refusing
from beheard_hub.actors.placement import Placement
from beheard_hub.actors.presence import Presence
from beheard_hub.actors.reminders import Reminders
from beheard_hub.actors.standing import StandingRenderer
from beheard_hub.actors.subscriptions import Subscriptions
from beheard_hub.actors.tally import Tally
from beheard_hub.actors.tending import Tending
from beheard_hub.actors.turns import Turns
from beheard_hub.actors.unconfirmed import Unconfirmed
from beheard_hub.domain.kernel import Command
from beheard_hub.domain.sharding import shard_of
from beheard_hub.link_messages import (
    CommandTo,
    HereTo,
    Leaving,
    MergedTo,
    Moved,
    PresenceTo,
    ReceivedTo,
    RoleTo,
    SubscribeTo,
    ToHost,
    UnsubscribeTo,
)
from beheard_hub.persistence.write_behind import WriteBehind
from beheard_hub.ports import (
    GatewayPeer,
    Lease,
    Piece,
    Reactions,
    RowRefused,
    StoreUnavailable,
)
from beheard_hub.telemetry import logger

__all__ = ["Host", "Ports"]

DRAIN_SECONDS_MAX = 10.0
LAST_LOOK_SECONDS, LAST_LOOKS_MAX = 0.01, 50
"""While shards are given away: how long what is under way there may take."""

_log = logger("host")


class Host:
    """`HostEndpoint` for links, `Mailbox` for reactions, `Sink` for the flusher."""

    def __init__(self, host_id: str, ports: Ports, on_fenced: Callable[[], None]) -> None:
        self.host_id = host_id
        self.peers: set[GatewayPeer] = set()
        self.stopping = False
        self.fenced_off = False
        self._ports = ports
        self._on_fenced = on_fenced
        self._background = Background()
        self._loops: list[asyncio.Task[None]] = []
        self._tally = Tally()
        self._arrivals = Arrivals(ports.clock)
        self.came_after = self._arrivals.after  # ports.Mailbox
        # What `start` makes:
        self.lease: Lease
        self.write_behind: WriteBehind
        self.placement: Placement
        self.activation: Activation
        self.presence: Presence
        self.subscriptions: Subscriptions
        self.turns: Turns
        self._entrance: Entrance
        self._mergers: Mergers
        self._notifier: Notifier
        self._look_back: LookBack
        self._reminders: Reminders
        self._handlers: Mapping[type, Callable[[GatewayPeer, Any], None]] = {
            CommandTo: self._command,
            SubscribeTo: self._subscribe,
            UnsubscribeTo: lambda peer, message: self.subscriptions.unsubscribe(
                peer, message.sub, clean=message.clean
            ),
            ReceivedTo: self._received,
            PresenceTo: lambda peer, message: self.subscriptions.says(peer, message),
            HereTo: self._tally.heard,
            RoleTo: lambda peer, message: self.role_changed(message.user_id),
            MergedTo: lambda peer, message: self._mergers.heard(
                message.guest_id, message.user_id, message.sessions
            ),
        }

    # ---- life

    async def others_serve(self) -> bool:
        """Whether any host is alive. Raises StoreUnavailable."""
        table = await self._ports.leases.routing()
        return any(entry.alive for entry in table.hosts.values())

    async def start(self, endpoint: str, reactions: Reactions) -> Lease:
        """Opens a lease under `endpoint`, takes free shards and begins to flush.

        Raises StoreUnavailable. The link server may be opened before or after.
        """
        ports = self._ports
        opened_at = ports.clock.mono()
        self.lease = await ports.leases.open(self.host_id, endpoint)
        background = self._background
        self.presence = Presence(ports.clock.mono)
        self.placement = Placement(
            self.lease, ports.leases, self._acquired, self._released, ports.sleep
        )
        self.write_behind = WriteBehind(
            ports.flushes, self.lease, opened_at, ports.clock, self, ports.sleep
        )
        self.activation = Activation(
            ports.kinds, ports.sessions, ports.clock, background, self.placement.generation,
            ports.limits,
        )  # fmt: skip
        renderer = StandingRenderer(ports.renderer)
        observers = Observers(self.activation, ports.sessions, renderer, ports.clock, ports.ids)
        self.subscriptions = Subscriptions(
            self.activation, ports.sessions, renderer, background, self.answering, ports.sleep,
            self.presence, observers,
        )  # fmt: skip
        self.subscriptions.resumed = self._resumed
        for peer in self.peers:
            self.subscriptions.attached(peer)
        self._reminders = Reminders(ports.sessions, ports.clock, reactions, ports.kinds.at_once)
        self._make_turns(reactions, renderer)
        self._loops = [background.spawn(self.write_behind.run())]
        await self.placement.watch()
        tending = Tending(
            self.activation, self.placement, self._reminders, self.answering,
            ports.limits.swept_at_once_max, ports.sleep,
        )  # fmt: skip
        announcer = self.subscriptions.announcer
        attending = attend(
            [announcer.tick, self.subscriptions.tick, self._notifier.tick, self._mergers.tick],
            ports.sleep,
        )
        for loop in (self.placement.run(), tending.run(), attending):
            self._loops.append(background.spawn(loop))
        cycles.settle()
        return self.lease

    def _make_turns(self, reactions: Reactions, renderer: StandingRenderer) -> None:
        """What decides commands, and their way there."""
        ports, background = self._ports, self._background
        self.turns = Turns(
            self.write_behind, self.activation, ports.sessions, background, ports.clock, ports.ids
        )
        self.turns.outs = Outs(renderer, self.subscriptions, background, self.answering)
        self.turns.durable = renderer.durable
        self.turns.reactions = reactions
        self.turns.notifier = self._notifier = Notifier(
            self.presence, Unconfirmed(ports.clock.mono), ports.ids, self.submit_internal
        )
        self._look_back = LookBack(
            ports.kinds.notifies, ports.sessions, self._arrivals, ports.clock, ports.sleep,
            background, self._notifier.undelivered,
        )  # fmt: skip
        self.turns.settled = self._reminders.settled
        self.turns.followed = [Departures(self.peers), self.subscriptions.announcer.effects]
        self._entrance = Entrance(
            ports.kinds, ports.sessions, self.placement, self.activation, self.turns, background,
            ports.clock, self.answering,
        )  # fmt: skip
        self._mergers = Mergers(
            self.peers, ports.sessions, self.activation, self.turns.abandon,
            self.subscriptions.follow, self._tally.connected, ports.clock, background,
        )  # fmt: skip
        self.turns.merged = renderer.merged = self.subscriptions.merged = self._mergers.sought
        self.subscriptions.member = self._mergers.cell_of
        self.merged = self._mergers.tell  # ports.Mailbox

    def answering(self) -> bool:
        """Whether the lease surely still holds (own clock, read before the flush was sent)."""
        return not self.fenced_off and self._ports.clock.mono() <= self.write_behind.answer_until

    async def hand_over(self) -> int:
        """Gives the next shards to the other hosts, after their last flush; returns how many. What
        follows the last of them is `drain`. Raises StoreUnavailable: then what is left becomes free
        with the lease."""
        return await self.placement.leave()

    async def drain(self) -> None:
        """Takes no more commands, flushes what it has, gives the lease back and stops."""
        self.stopping = True
        for peer in self.peers:
            peer.send(Leaving())
        if not self.fenced_off:
            try:
                async with asyncio.timeout(DRAIN_SECONDS_MAX):
                    await self.write_behind.drained()
                    for loop in self._loops:
                        loop.cancel()
                    await asyncio.gather(*self._loops, return_exceptions=True)
                    self.fenced_off = True  # from here on another host may have its shards
                    await self._ports.leases.close(self.lease)
            except (TimeoutError, StoreUnavailable) as error:
                _log.warning("drain_incomplete", host_id=self.host_id, error=type(error).__name__)
        await self._background.stop()

    async def adopt(self, dead_host_id: str) -> int:
        """Takes its part of a dead host's shards; returns how many. Raises StoreUnavailable."""
        return len(await self.placement.adopt(dead_host_id))

    def role_changed(self, user_id: str) -> None:
        """This user has another role: they are asked at once whether they may watch on."""
        self.subscriptions.ask_observers(user_id)

    def stats(self) -> dict[str, int]:
        """Counts for operators; no ids."""
        return {
            "shards": len(self.placement.generations),
            "live": len(self.activation.live),
            "packed": len(self.activation.packed),
            "parked": self.activation.parked,
            "subscriptions": len(self.subscriptions),
            "observers": len(self.subscriptions.observers),
            "gateways": len(self.peers),
            "buffered": self.write_behind.entries,
            "buffered_bytes": self.write_behind.bytes,
            "flushes": self.write_behind.flushes,
            "flush_retries": self.write_behind.retries,
            "rows_refused": self.write_behind.rows_refused,
            "decided": self.turns.decided,
            "failed": self.turns.outs.failed,
            "tasks": len(self._background),
        }

    # ---- HostEndpoint

    def attached(self, peer: GatewayPeer) -> None:
        """A gateway connected and proved the secret."""
        self.peers.add(peer)
        if hasattr(self, "subscriptions"):
            self.subscriptions.attached(peer)

    def detached(self, peer: GatewayPeer) -> None:
        """The line is gone: its subscriptions are too."""
        self.peers.discard(peer)
        self._tally.detached(peer)
        if hasattr(self, "subscriptions"):
            self.subscriptions.detached(peer)
            self._entrance.detached(peer)

    def received(self, peer: GatewayPeer, message: ToHost) -> None:
        """One message of that gateway."""
        if (handler := self._handlers.get(type(message))) is not None:
            handler(peer, message)

    def _command(self, peer: GatewayPeer, message: CommandTo) -> None:
        if self.stopping or self.write_behind.full or not self.answering():
            peer.send(refusing(message.rid, UNAVAILABLE))
        else:
            self._entrance.command(peer, message)

    def _subscribe(self, peer: GatewayPeer, message: SubscribeTo) -> None:
        if self.placement.generation(shard_of(message.session_id)) == 0:
            peer.send(Moved(None, message.session_id, message.sub))
        elif self.stopping or not self.answering():
            peer.send(refusing(None, UNAVAILABLE, message.sub))
        else:
            if not message.observer:
                self._arrivals.came(message.session_id, message.user_id)
            self.subscriptions.subscribe(peer, message)

    def _received(self, peer: GatewayPeer, message: ReceivedTo) -> None:
        if (by := self.subscriptions.whose(peer, message.sub)) is not None:
            self._notifier.received(by.session_id, by.user_id, message.seq)

    def _resumed(self, cell: Cell, user_id: str) -> None:
        if (name := cell.kind.resumed) is not None:
            told = Command(
                id=self._ports.ids.ordered(), name=name, user_id=user_id, session_id=cell.key,
                data=None,
            )  # fmt: skip
            self.submit_internal(cell.key, told)

    # ---- Mailbox

    def submit_internal(self, session_id: str, command: Command) -> None:
        """Puts an internal command into the session's mailbox; it may be lost (see the port)."""
        if not (self.stopping or self.fenced_off or self.write_behind.full):
            now = msgspec.structs.replace(command, user_id=self._mergers.who(command.user_id))
            self._entrance.internal(session_id, now)

    def delta(self, session_id: str, user_id: str, piece: Piece) -> None:
        """See the port."""
        self.subscriptions.delta(session_id, self._mergers.who(user_id), piece)

    def answered(self, session_id: str, user_id: str, message_id: str) -> None:
        """See the port."""
        self.subscriptions.answered(session_id, self._mergers.who(user_id), message_id)

    # ---- Sink

    def committed(self, entries: Sequence[Any]) -> None:
        """Entries are durable, in this order."""
        self.turns.committed(entries)

    def refused(self, entries: Sequence[Any], refused: RowRefused) -> None:
        """One session's rows were refused."""
        self.turns.refused(entries, refused)

    def fenced(self) -> None:
        """The lease is lost: everything is dropped, nothing is answered any more."""
        self.fenced_off = True
        self.stopping = True
        self.activation.forget_shards(self.placement.lose_all())
        self._on_fenced()

    # ---- shards and time

    def _acquired(self, shards: Sequence[int]) -> None:
        self.presence.acquired(shards)
        self._look_back.took(shards)
        self._background.spawn(self._reminders.scan(shards))

    async def _last_answers(self, shards: Set[int]) -> None:
        """Waits a moment for commands that read, or look something up: they would be refused, or
        be sent to the next owner as well. Those that wait for a model for longer are."""
        cells = [cell for cell in self.activation.in_shards(shards) if cell.inflight]
        for _ in range(LAST_LOOKS_MAX):
            if not (any(c.inflight for c in cells) or self._entrance.under_way(shards)):
                return
            await self._ports.sleep(LAST_LOOK_SECONDS)

    async def _released(self, shards: Sequence[int], ours: bool) -> None:
        """Nothing new is let into them; where they are still `ours` what is under way may end. What
        they have is flushed, also what a model caused meanwhile; then they are empty."""
        if ours:
            await self._last_answers(set(shards))
        await self.write_behind.drained()
        while self.write_behind.entries and any(
            cell.pending for cell in self.activation.in_shards(shards)
        ):
            await self.write_behind.drained()
        for cell in self.activation.forget_shards(shards):
            self.turns.drop(cell)
        self.subscriptions.forget_shards(set(shards))
