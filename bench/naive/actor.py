"""One session as one Ray actor, with a database connection and a lease of its own.

The lease is needed only because no flush goes without one: nothing renews it between commands, as
there is nobody who would take it. The actor hands out frames that are encoded already, so that its
gateway has nothing to do but pass them on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import msgspec

from beheard_hub.actors.cell import Cell, Turn, View, digest_of
from beheard_hub.actors.recording import Entry
from beheard_hub.actors.rendering import resolve
from beheard_hub.domain.kernel import Command, Decision, Reply
from beheard_hub.domain.mediation.kind import MEDIATION
from beheard_hub.gateway.frames import Ack, Error, Event
from beheard_hub.persistence.batch import encode_batch
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.flush_store import PostgresFlushStore
from beheard_hub.persistence.stores import PostgresLeaseStore, PostgresSessionStore
from beheard_hub.ports import Lease
from beheard_hub.runtime import SystemClock, SystemIds

_encode = msgspec.json.Encoder().encode


class Told(msgspec.Struct, frozen=True):
    """What a command caused: the caller's answer, and (user id, frame) of every event."""

    answer: bytes
    events: list[tuple[str, bytes]]


async def opened(runtime_url: str, session_id: str) -> tuple[Lease, Cell]:
    """A lease, and the session as Postgres knows it."""
    db = await Database.open(runtime_url, size_max=1)
    try:
        lease = await PostgresLeaseStore(db).open(f"naive-{uuid4()}", "naive")
        [loaded] = await PostgresSessionStore(db).load([(session_id, [])])
    finally:
        await db.close()
    assert loaded is not None, "the session was stored before"
    return lease, Cell.from_loaded(MEDIATION, loaded)


class NaiveSession:
    """The Ray actor. Its calls run one after the other; each returns after its commit.

    No method is a coroutine: Ray answers a plain actor faster than one with a loop of its own.
    """

    def __init__(self, runtime_url: str, session_id: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._clock, self._ids = SystemClock(), SystemIds()
        self._flushes = PostgresFlushStore(runtime_url)
        self._number = 0
        self._lease, self._cell = self._loop.run_until_complete(opened(runtime_url, session_id))

    def ready(self) -> None:
        """Returns once the session is loaded."""

    def command(self, user_id: str, command_id: str, name: str, data: Mapping[str, Any]) -> Told:
        """Decides one command and commits it."""
        valid = MEDIATION.validate(name, data)
        if not isinstance(valid, msgspec.Struct) or user_id not in self._cell.names:
            return Told(_encode(Error("VALIDATION_ERROR", "", False, command_id)), [])
        session_id = self._cell.key
        turn = Turn(
            MEDIATION, MEDIATION.commands[name], user_id, command_id, name, data, session_id,
            digest_of(name, data),
        )  # fmt: skip
        now = self._clock.now()
        command = Command(
            id=command_id, name=name, user_id=user_id, data=valid, session_id=session_id
        )
        decision = MEDIATION.decide(self._cell.state, command, now, self._ids)
        entry = Entry(self._cell, turn, decision, now)
        batch = encode_batch([entry.part])
        flush = self._flushes.flush(self._lease, self._number + 1, batch)
        self._loop.run_until_complete(flush)
        self._number += 1
        return self._committed(entry, decision)

    def _committed(self, entry: Entry, decision: Decision[Any]) -> Told:
        """Takes over what was stored, and renders it for its recipients."""
        cell, turn = self._cell, entry.turn
        cell.state = decision.state
        cell.seqs.update(entry.seqs)
        cell.hashes.setdefault(turn.user_id, bytearray()).extend(turn.hash)
        events = []
        for e in entry.events:
            shape = self._shape(e.data, e.user_id)
            events.append((e.user_id, _encode(Event(cell.key, e.seq, e.name, shape, e.at))))
        if not isinstance(decision.answer, Reply):
            return Told(_encode(Error("INVALID_STATE", "", False, turn.id)), events)
        reply = self._shape(decision.answer.data, turn.user_id)
        return Told(_encode(Ack(turn.id, reply, cell.seqs.get(turn.user_id, 0))), events)

    def _shape(self, data: Any, user_id: str) -> Any:
        return resolve(data, {}, View(self._cell, self._cell.state, user_id))[0]
