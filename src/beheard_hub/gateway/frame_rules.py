"""What a frame of a client must look like: its shape, the limits of its fields, and the sentence
for each field that is not so. Tables first; `read` applies them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from beheard_hub.domain.limits import COMMAND_ID_CHARS_MAX
from beheard_hub.gateway import frames

TOKEN_CHARS_MAX = 16_384
ID_CHARS_MAX = 64
NAME_CHARS_MAX = 64
SEQ_MAX = 2**53
STATUSES = ("active", "away", "typing")
"""What a device may say of itself (`presence`)."""
OBSERVER = "observer"
"""As what one may subscribe, other than as oneself."""

SHAPES: Mapping[str, type[msgspec.Struct]] = {
    "auth": frames.Auth,
    "subscribe": frames.Subscribe,
    "unsubscribe": frames.Unsubscribe,
    "command": frames.CommandFrame,
    "presence": frames.Presence,
    "received": frames.Received,
    "ping": frames.Ping,
}

FIELDS: Mapping[str, str] = {
    "type": "the name of a frame, as text",
    "token": f"a bearer token, text of at most {TOKEN_CHARS_MAX} characters",
    "id": f"text of 1 to {COMMAND_ID_CHARS_MAX} characters",
    "name": f"the name of a command, text of 1 to {NAME_CHARS_MAX} characters",
    "data": "an object of text, numbers, booleans, null, lists and objects, at most "
    f"{frames.DATA_DEPTH_MAX} deep, integers of 64 bits",
    "sessionId": f"the id of a session, text of 1 to {ID_CHARS_MAX} characters",
    "after": "the last seq seen, an integer from 0",
    "seq": "an integer from 0",
    "status": "active, away or typing",
    "device": f"text of at most {ID_CHARS_MAX} characters",
    "as": f"{OBSERVER}, or nothing",
}
"""What `error.details` says of a field that is not as it must be; never what was in it."""

CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "token": lambda value: 0 < len(value) <= TOKEN_CHARS_MAX,
    "id": lambda value: 0 < len(value) <= COMMAND_ID_CHARS_MAX,
    "name": lambda value: 0 < len(value) <= NAME_CHARS_MAX,
    "data": frames.is_plain,
    "sessionId": lambda value: value is None or 0 < len(value) <= ID_CHARS_MAX,
    "after": lambda value: value is None or 0 <= value <= SEQ_MAX,
    "seq": lambda value: 0 <= value <= SEQ_MAX,
    "status": lambda value: value in STATUSES,
    "device": lambda value: value is None or len(value) <= ID_CHARS_MAX,
    "as": lambda value: value in (None, OBSERVER),
}
"""Limits of a field that already has the right type."""

_CHECKED: Mapping[str, Sequence[tuple[str, str, Callable[[Any], bool]]]] = {
    kind: [
        (field, wire, CHECKS[wire])
        for field, wire in zip(shape.__struct_fields__, shape.__struct_encode_fields__, strict=True)
        if wire in CHECKS
    ]
    for kind, shape in SHAPES.items()
}
"""Of each kind of frame: attribute, name in the frame, and check."""

_NAMED_FIELD = re.compile(r"`\$\.(\w+)|field `(\w+)`")


class Bad(msgspec.Struct, frozen=True):
    """A frame that is not as it must be."""

    id: str | None
    """The command id to answer to, if the frame had a usable one."""
    details: Mapping[str, str]
    malformed: bool
    """A field is missing or has the wrong type, rather than being too long or out of range."""


def read(kind: str, message: Mapping[str, Any]) -> msgspec.Struct | Bad:
    """The frame as its struct. `kind` is one of `SHAPES`; fields that nobody knows are ignored."""
    try:
        frame = msgspec.convert(message, SHAPES[kind])
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as problem:
        field = _field_of(str(problem))
        return Bad(id_of(message), {field: FIELDS.get(field, "not as it must be")}, True)
    bad = {
        wire: FIELDS[wire]
        for field, wire, check in _CHECKED[kind]
        if not check(getattr(frame, field))
    }
    return Bad(id_of(message), bad, False) if bad else frame


def id_of(message: Mapping[str, Any]) -> str | None:
    """The command id of a frame, if it is one that can be answered to."""
    value = message.get("id")
    return value if isinstance(value, str) and 0 < len(value) <= COMMAND_ID_CHARS_MAX else None


def _field_of(problem: str) -> str:
    """Which field msgspec complains about; its sentence names fields and types, never values."""
    found = _NAMED_FIELD.search(problem)
    return next((name for name in found.groups() if name), "frame") if found else "frame"
