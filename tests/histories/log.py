"""The entries of a log, and what is stored at its end. Times are seconds of one clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec


class Sent(msgspec.Struct, frozen=True, tag="sent"):
    """A client sends a command; again with the same id when it repeats it."""

    at: float
    client: str
    """One connection of one device; a new one after every reconnect."""
    user_id: str
    session_id: str
    """Empty for commands without a session."""
    command_id: str
    name: str


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """An ack (`code` empty) or a refusal came back."""

    at: float
    client: str
    user_id: str
    session_id: str
    command_id: str
    code: str = ""
    seq: int = 0
    duplicate: bool = False
    data: Any = None


class Shown(msgspec.Struct, frozen=True, tag="shown"):
    """A snapshot."""

    at: float
    client: str
    user_id: str
    session_id: str
    seq: int
    state: Mapping[str, Any]


class Told(msgspec.Struct, frozen=True, tag="told"):
    """An event."""

    at: float
    client: str
    user_id: str
    session_id: str
    seq: int
    name: str
    data: Mapping[str, Any]


class Listened(msgspec.Struct, frozen=True, tag="listened"):
    """A connection subscribes. `after` None asks for a snapshot."""

    at: float
    client: str
    user_id: str
    session_id: str
    after: int | None


Entry: TypeAlias = Sent | Answered | Shown | Told | Listened


class Receipt(msgspec.Struct, frozen=True):
    """A stored receipt."""

    session_id: str
    user_id: str
    command_id: str


class StoredEvent(msgspec.Struct, frozen=True):
    """A stored event; `committed_at` where it is known."""

    session_id: str
    user_id: str
    seq: int
    name: str
    committed_at: float | None = None


class Effect(msgspec.Struct, frozen=True):
    """One stored row that a command caused, found by the command's id in its text. `order` is the
    place among all effects, in the order in which they were applied."""

    command_id: str
    order: int


class Write(msgspec.Struct, frozen=True):
    """A commit that touched a shard, and who owned it at that instant."""

    at: float
    shard: int
    host_id: str
    owner: str | None


class Word(msgspec.Struct, frozen=True):
    """A host answered or told something; `lease_taken`: somebody had taken its lease by then."""

    at: float
    host_id: str
    lease_taken: bool


class SeatAtEnd(msgspec.Struct, frozen=True):
    """A seat as it is stored: the gates that are its own and those that mirror the partner's."""

    session_id: str
    user_id: str
    stage: int
    gates: Mapping[str, bool]
    """By name, of the stages whose gates are not latched."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """The database at the end."""

    receipts: Sequence[Receipt] = ()
    events: Sequence[StoredEvent] = ()
    effects: Sequence[Effect] = ()
    reactions: Sequence[str] = ()
    """What followed from commits, by what must follow once only (a reminder)."""
    seats: Sequence[SeatAtEnd] = ()
    threads: Sequence[Sequence[str]] = ()
    """Ids of the messages of each thread, as it is read: by time, then by id."""
    private: Mapping[str, str] = {}
    """Id or text of a private row → the only user who may ever see it."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run. `entries` are in the order in which they happened."""

    entries: Sequence[Entry]
    stored: Stored
    final: Sequence[Shown] = ()
    """A fresh snapshot of every user and session, taken when all was quiet."""
    listening: Sequence[str] = ()
    """Clients that were still subscribed then, and so must have heard everything."""
    writes: Sequence[Write] = ()
    words: Sequence[Word] = ()
