"""What devices of practices heard, and what is stored at the end. Times are of no matter here:
entries are in the order in which they happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec


class Greeted(msgspec.Struct, frozen=True):
    """A device has a new connection; what it was shown of an answer under way is void."""

    device: str


class Asked(msgspec.Struct, frozen=True):
    """A command leaves, for the first time."""

    device: str
    session_id: str
    command_id: str
    name: str


class Replied(msgspec.Struct, frozen=True):
    """An ack (`code` empty) or a refusal came back."""

    device: str
    session_id: str
    command_id: str
    name: str
    code: str
    data: Any


class Pictured(msgspec.Struct, frozen=True):
    """A snapshot."""

    device: str
    session_id: str
    seq: int
    state: Mapping[str, Any]


class Heard(msgspec.Struct, frozen=True):
    """An event."""

    device: str
    session_id: str
    seq: int
    name: str
    data: Mapping[str, Any]


class Piece(msgspec.Struct, frozen=True):
    """A part of an answer that is being written."""

    device: str
    session_id: str
    message_id: str
    text: str
    reset: bool


Entry: TypeAlias = Greeted | Asked | Replied | Pictured | Heard | Piece


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """One practice as it is stored."""

    session_id: str
    user_id: str | None
    status: str
    invited: str | None
    """User of its invitation, of which there is one."""
    used: int
    """Tokens that its invitation, or itself, says were used."""


class Message(msgspec.Struct, frozen=True):
    """A stored message; in the order in which they were said."""

    id: str
    session_id: str
    role: str
    content: str
    command_id: str | None
    """Of a user's: the command that said it."""
    answers: str | None
    """Of a lane's: the user's message."""


class Charge(msgspec.Struct, frozen=True):
    """A stored "UsageLog" row."""

    session_id: str
    user_id: str | None
    lane: str
    tokens: int


class Event(msgspec.Struct, frozen=True):
    """A stored event."""

    session_id: str
    user_id: str
    seq: int
    name: str


class Receipt(msgspec.Struct, frozen=True):
    """A stored receipt."""

    user_id: str
    command_id: str


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """The database at the end."""

    rehearsals: Sequence[Rehearsal] = ()
    messages: Sequence[Message] = ()
    charges: Sequence[Charge] = ()
    events: Sequence[Event] = ()
    """By session, user and seq."""
    receipts: Sequence[Receipt] = ()
    waiting: Sequence[str] = ()
    """Sessions of which a reminder asks a lane still."""
    gone: Sequence[str] = ()
    """Users that have no row."""


class PracticeHistory(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run of practices."""

    entries: Sequence[Entry]
    stored: Stored
    owners: Mapping[str, str]
    """Session → whose it must be in the end."""
    merged: Mapping[str, str] = {}
    """Guest → the user that it became."""
    marks: Mapping[str, str] = {}
    """Word that stands in a message → the session in which it was said."""
    allowed: Mapping[str, Sequence[str]] = {}
    """Session → the devices that may hear it."""
    listening: Sequence[tuple[str, str]] = ()
    """(device, session) of those that listened to the end, and so must have heard everything."""
    partner_was_given: Sequence[str] = ()
    """Texts of the partner's requests."""
