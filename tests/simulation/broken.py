"""Hubs that were broken on purpose, each in one function: what the checker is measured by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import msgspec

from beheard_hub.actors.cell import Cell, Turn
from beheard_hub.actors.host import Host
from beheard_hub.actors.placement import Placement
from beheard_hub.actors.recording import Entry, Event, iso
from beheard_hub.actors.reminders import Reminders
from beheard_hub.actors.subscription import Subscription
from beheard_hub.actors.subscriptions import Subscriptions
from beheard_hub.actors.turns import Turns
from beheard_hub.domain.kernel import Loaded, Notice
from beheard_hub.domain.limits import LEASE_SECONDS
from beheard_hub.domain.mediation import turn as mediation_turn
from beheard_hub.gateway import frames
from beheard_hub.gateway.hosts import Line
from beheard_hub.gateway.router import Router
from beheard_hub.gateway.subscriptions import Subscriptions as Listeners
from beheard_hub.link_messages import EventFrom
from beheard_hub.persistence.batch import EMPTY, encode_batch
from beheard_hub.persistence.write_behind import WriteBehind
from beheard_hub.ports import Fenced, Lease, OutcomeUnknown
from beheard_hub.testing.memory_stores import (
    MemoryDatabase,
    MemoryFlushStore,
    MemoryLeaseStore,
)


class Build(msgspec.Struct, frozen=True):
    """One fault: what is replaced, and by what."""

    owner: Any
    function: str
    instead: Any


# ---- the flush path


async def _ack_first(self: WriteBehind, entries: list[Any]) -> None:
    self._under_way -= len(entries)
    self.bytes -= sum(entry.size_bytes for entry in entries)
    self._sink.committed(entries)
    batch = encode_batch(entry.part for entry in entries) if entries else EMPTY
    while True:
        sent_at = self._clock.mono()
        try:
            await self._store.flush(self.lease, self.number + 1, batch)
            break
        except OutcomeUnknown:
            await self._sleep(0.05)
    self.number += 1
    self.answer_until = sent_at + LEASE_SECONDS - 0.3


async def _renumbered(self: WriteBehind, entries: list[Any]) -> None:
    batch = encode_batch(entry.part for entry in entries) if entries else EMPTY
    while True:
        sent_at = self._clock.mono()
        self.number += 1
        try:
            await self._store.flush(self.lease, self.number, batch)
            break
        except OutcomeUnknown:
            await self._sleep(0.05)
    self.answer_until = sent_at + LEASE_SECONDS - 0.3
    self._under_way -= len(entries)
    self.bytes -= sum(entry.size_bytes for entry in entries)
    self._sink.committed(entries)


def _any_epoch(self: MemoryDatabase, lease: Lease, number: int) -> bool:
    held = self.leases[lease.host_id].number
    return number not in (held, held + 1)


async def _any_number(self: MemoryFlushStore, lease: Lease, number: int, batch: bytes) -> None:
    database = self._database
    cut = "before" if not database.available else database.cut()
    row = database.leases[lease.host_id]
    if cut == "before":
        raise OutcomeUnknown
    if row.dead:
        raise Fenced
    database.commit(msgspec.json.decode(batch), lease)
    row.number = number
    row.expires_at = database.clock.mono() + LEASE_SECONDS
    if cut == "after":
        raise OutcomeUnknown


# ---- turns


def _nothing_known(self: Cell, turn: Turn) -> bool:
    return False


def _without_receipts(from_loaded: Callable[[Any, Loaded], Cell]) -> Any:
    return lambda kind, loaded: from_loaded(kind, msgspec.structs.replace(loaded, receipts={}))


def _inflight_forgotten(command: Callable[..., None]) -> Any:
    def alone(self: Turns, cell: Cell, turn: Turn) -> None:
        cell.inflight.pop(turn.key, None)
        command(self, cell, turn)

    return alone


def _backwards(committed: Callable[..., None]) -> Any:
    return lambda self, entries: committed(self, entries[::-1])


def _seq_of_the_committed(self: Entry, now: Any) -> list[Event]:
    events = []
    for notice in self.decision.notices:
        seq = self.cell.committed_seqs.get(notice.user_id, 0) + 1
        self.seqs[notice.user_id] = seq
        events.append(Event(notice.user_id, seq, notice.name, notice.data, iso(now)))
    return events


def _told_to_both(self: mediation_turn.Turn, name: str, seat: Any = None, **data: Any) -> None:
    self.content.extend(Notice(s.user_id, name, data) for s in self.state.seats)


# ---- leases and shards


def _always(self: Host) -> bool:
    return not self.fenced_off


def _early(self: MemoryLeaseStore, lease: Any) -> bool:
    return not lease.dead and lease.expires_at - 2.6 > self._database.clock.mono()


def _every_shard(self: Placement, shard: int) -> int:
    return 1


async def _given_unflushed(self: Host, shards: Sequence[int]) -> None:
    self.subscriptions.forget_shards(set(shards))


# ---- what is heard


async def _live_at_once(self: Subscriptions, subscription: Subscription) -> None:
    outcome = await self._activation.cell(subscription.session_id)
    if isinstance(outcome, Cell):
        subscription.sent_seq = outcome.committed_seqs.get(subscription.user_id, 0)
    self._go_live(subscription)


def _believed(self: Listeners, line: Line, message: EventFrom) -> None:
    for sub in self._audience(line, message.subs):
        sub.last = message.seq
        sub.sink.deliver(
            frames.Event(
                session_id=message.session_id, seq=message.seq, name=message.name,
                data=message.data, at=message.at,
            )
        )  # fmt: skip


def _youngest_first(self: Router, shard: int) -> None:
    line = self.hosts.line_for(shard)
    if line is not None:
        for pending in reversed(self._parked.pop(shard, [])):
            self._send(pending, line)


async def _never_scanned(self: Reminders, shards: Sequence[int]) -> None:
    return


BUILDS: Mapping[str, Build] = {
    "acked before the commit": Build(WriteBehind, "_commit", _ack_first),
    "a retried batch gets a new number": Build(WriteBehind, "_commit", _renumbered),
    "the epoch is not checked": Build(MemoryDatabase, "fences", _any_epoch),
    "the flush number is not checked": Build(MemoryFlushStore, "flush", _any_number),
    "receipts are not looked up": Build(Cell, "knows_receipt", _nothing_known),
    "receipt hashes are not loaded": Build(
        Cell, "from_loaded", staticmethod(_without_receipts(Cell.from_loaded))
    ),
    "a repeated command does not join the first": Build(
        Turns, "command", _inflight_forgotten(Turns.command)
    ),
    "outs leave in another order": Build(Turns, "committed", _backwards(Turns.committed)),
    "seqs are reused": Build(Entry, "_number", _seq_of_the_committed),
    "own events are told to both": Build(mediation_turn.Turn, "tell", _told_to_both),
    "a host answers after its lease": Build(Host, "answering", _always),
    "a lease is taken before it expires": Build(MemoryLeaseStore, "_alive", _early),
    "a host decides for every shard": Build(Placement, "generation", _every_shard),
    "shards are given before their last flush": Build(Host, "_released", _given_unflushed),
    "a subscription skips its catch-up": Build(Subscriptions, "_catch_up", _live_at_once),
    "a gateway believes every event": Build(Listeners, "event", _believed),
    "waiting commands leave youngest first": Build(Router, "_release", _youngest_first),
    "reminders are never scanned": Build(Reminders, "scan", _never_scanned),
}


@contextmanager
def broken_as(build: str | None) -> Iterator[None]:
    """The hub as it is, or as one of `BUILDS`."""
    if build is None:
        yield
        return
    fault = BUILDS[build]
    with mock.patch.object(fault.owner, fault.function, fault.instead):
        yield
