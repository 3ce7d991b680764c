"""The frames of the websocket as schemas: types from their structs, meanings from a table here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from beheard_hub.domain.limits import COMMAND_ID_CHARS_MAX
from beheard_hub.domain.practice.vocabulary import COACH, PARTNER
from beheard_hub.domain.refusals import CODES, Code
from beheard_hub.gateway import frames
from beheard_hub.gateway.documents import shapes
from beheard_hub.gateway.documents.examples import ALICE, AT, LATER, SESSION, THING
from beheard_hub.gateway.documents.parts import OTHERS
from beheard_hub.gateway.documents.schema import (
    BOOL,
    COUNT,
    TEXT,
    TIME,
    Schema,
    by_key,
    described,
    many,
    ref,
    words_of,
)
from beheard_hub.gateway.documents.sections import Word
from beheard_hub.gateway.documents.words import word
from beheard_hub.gateway.frame_rules import OBSERVER, STATUSES

Frame = type[msgspec.Struct]

ANSWERED: Mapping[Frame, tuple[str, ...]] = {
    frames.Auth: ("hello", "error"),
    frames.Subscribe: ("snapshot", "error"),
    frames.Unsubscribe: ("unsubscribed",),
    frames.CommandFrame: ("ack", "error"),
    frames.Presence: (),
    frames.Received: (),
    frames.Ping: ("pong",),
}
"""What a client sends, and what comes back for it."""

UNASKED: tuple[Frame, ...] = (
    frames.Event,
    frames.Delta,
    frames.PartnerPresence,
    frames.Device,
    frames.Draining,
)
"""What the hub sends by itself."""

REPLYING: tuple[Frame, ...] = (
    frames.Hello,
    frames.Snapshot,
    frames.Unsubscribed,
    frames.Ack,
    frames.Error,
    frames.Pong,
)
FRAMES: tuple[Frame, ...] = (*ANSWERED, *REPLYING, *UNASKED)

OBJECT: Schema = {"type": "object"}
COMMAND_ID: Schema = {"type": "string", "minLength": 1, "maxLength": COMMAND_ID_CHARS_MAX}

WORDS: Mapping[str, Word] = {
    "sessionId": Word(TEXT, "The session.", SESSION),
    "seq": Word(COUNT, "Counts the caller's events of this session.", 12),
    "token": Word(TEXT, "A JWT; never in a URL.", "ey..."),
    "after": Word(COUNT, "The last seq that is there already.", 11),
    "device": Word(TEXT, "Names the device, for offline delivery.", "phone"),
    "as": Word(words_of(OBSERVER), "For staff: watches somebody else's practice.", OBSERVER),
    "CommandFrame.id": Word(COMMAND_ID, "Of the client's choice; once per command.", "7f3a1c"),
    "CommandFrame.name": Word(TEXT, "One of the commands.", "message.send"),
    "CommandFrame.data": Word(OBJECT, "What the command asks for.", {"content": "We argued."}),
    "CommandFrame.sessionId": Word(TEXT, "Of commands that belong to a session.", SESSION),
    "status": Word(words_of(*STATUSES), "What the device does.", "active"),
    "partner": Word(words_of("online", "offline"), "Whether the partner is connected.", "online"),
    "connectionId": Word(TEXT, "Names this connection in the hub's logs.", "c-81"),
    "userId": Word(TEXT, "Whom the connection speaks for.", ALICE),
    "protocol": Word(words_of(*frames.CODECS), "The subprotocol in use.", "beheard.v1"),
    "serverTime": Word(TIME, "The hub's clock.", AT),
    "heartbeatMs": Word(COUNT, "Time between two pings, in milliseconds.", 20_000),
    "limits": Word(by_key(COUNT), "Bounds of this connection.", {"frameBytes": 262_144}),
    "state": Word(
        {"anyOf": [ref("SnapshotState"), ref("PracticeState")]},
        "Where the session stands at `seq`; the second one of a practice.",
    ),
    "Ack.id": Word(COMMAND_ID, "That of the command.", "7f3a1c"),
    "Ack.data": Word(OBJECT, "The command's reply.", {"accepted": True}),
    "Ack.seq": Word(COUNT, "The caller's newest event after the command.", 12),
    "duplicate": Word(BOOL, "It had been done before; this is the first reply again.", True),
    "Error.id": Word(TEXT, "That of the command, if one is meant.", "7f3a1c"),
    "code": Word(ref("ErrorCode"), "What to act on.", str(Code.RATE_LIMITED)),
    "message": Word(
        TEXT, "For people; without private content.", CODES[Code.RATE_LIMITED].sentence
    ),
    "retryable": Word(BOOL, "The same id may be sent again with hope.", True),
    "retryAfterMs": Word(COUNT, "After how many milliseconds.", 1_500),
    "details": Word(by_key(TEXT), "Field → what it must be.", {"content": "1 to 10000 characters"}),
    "Event.name": Word(TEXT, "What happened.", "progress.changed"),
    "Event.data": Word(OBJECT, "The event's own fields.", {}),
    "at": Word(TIME, "When it happened.", AT),
    "replyTo": Word(TEXT, "The message that is answered.", THING),
    "messageId": Word(TEXT, "The answer's id.", THING),
    "index": Word(COUNT, "Counts the pieces of one answer.", 0),
    "text": Word(TEXT, "The piece.", "That sounds "),
    "reset": Word(BOOL, "Throw away the pieces so far.", True),
    "lane": Word(words_of(PARTNER, COACH), "In a practice: who speaks.", PARTNER),
    "reconnectAfterMs": Word(COUNT, "When to connect again, in milliseconds.", 800),
}
"""Field or ``Frame.field`` → what it is."""

EVENT_WORDS: Mapping[str, Word] = {
    "message.failed.retryable": Word(BOOL, "`message.retry` may help.", True),
    "safety.resources.severity": Word(COUNT, "How soon help is needed.", 3),
    "safety.resources.resources": Word(
        many(by_key(TEXT)),
        "Where help is.",
        [{"name": "A helpline", "contact": "+15550199", "description": "Day and night"}],
    ),
    "needs.synthesized.count": Word(COUNT, "How many needs were found.", 4),
    "ai.budget_reached.resetsAt": Word(TIME, "When the facilitator can speak again.", LATER),
    "common_ground.confirmed.id": Word(TEXT, "The item that both confirmed.", THING),
    "by": Word(words_of("me", "partner"), "Who paused.", "partner"),
    "agreementId": Word(TEXT, "The agreement.", THING),
    "contentId": Word(TEXT, "What was shared, or taken back.", THING),
    "toStage": Word({"type": "integer", "minimum": 1, "maximum": 4}, "The partner's stage.", 2),
    "partner.stage_completed.completedAt": Word(TIME, "When.", AT),
    **OTHERS.event_words,
}
"""Field or ``event.name.field`` → what it is, where `words.WORDS` does not say it."""


def tag(kind: Frame) -> str:
    """The frame's `type`."""
    return str(kind.__struct_config__.tag)


def key(kind: Frame) -> str:
    """Its name in the document: two frames of one type go different ways."""
    return "presence.partner" if kind is frames.PartnerPresence else tag(kind)


def meaning(kind: Frame) -> str:
    """What the frame says, in a sentence."""
    return (kind.__doc__ or "").strip()


def _properties(kind: Frame) -> dict[str, Schema]:
    found: dict[str, Schema] = {
        "type": described({"type": "string", "const": tag(kind)}, "What sort of frame.", tag(kind))
    }
    for field in msgspec.structs.fields(kind):
        said = word(kind.__name__, field.encode_name, WORDS)
        found[field.encode_name] = shapes.told(said)
    return found


def _required(kind: Frame) -> list[str]:
    return ["type", *(f.encode_name for f in msgspec.structs.fields(kind) if f.required)]


def payload(kind: Frame) -> Schema:
    """The schema of a frame. Open, as clients and hub ignore fields that they do not know."""
    return {"type": "object", "properties": _properties(kind), "required": _required(kind)}


def narrowed(kind: Frame, needs: tuple[str, ...], *, data: Schema, name: str = "") -> Schema:
    """The schema of a frame whose data (and name) are known."""
    said = word(kind.__name__, "data", WORDS).means
    properties = {**_properties(kind), "data": described(data, said)}
    if name:
        properties["name"] = described({"type": "string", "const": name}, "Its name.", name)
    if kind is frames.CommandFrame and not needs:
        del properties["sessionId"]
    return {"type": "object", "properties": properties, "required": [*_required(kind), *needs]}


def message(kind: Frame) -> dict[str, Any]:
    """A frame as a message."""
    return {
        "name": tag(kind),
        "title": meaning(kind),
        "payload": payload(kind),
        "examples": [{"payload": examples(kind)}],
    }


def examples(kind: Frame) -> dict[str, Any]:
    """A frame with all its fields."""
    fields = [field.encode_name for field in msgspec.structs.fields(kind)]
    return {"type": tag(kind), **{name: example(kind.__name__, name) for name in fields}}


def example(kind: str, name: str) -> Any:
    """The example of one field."""
    said = word(kind, name, WORDS)
    return said.example if said.example is not None else shapes.value_of(said)


def _event_word(event: str, field: str) -> Word:
    special = EVENT_WORDS.get(f"{event}.{field}") or EVENT_WORDS.get(field)
    return word(event, field) if special is None else special


def event_data(event: str, fields: tuple[str, ...]) -> Schema:
    """The schema of an event's data."""
    properties = {}
    for field in fields:
        properties[field] = shapes.told(_event_word(event, field))
    needed = {"required": list(fields)} if fields else {}
    return {"type": "object", "properties": properties, **needed, "additionalProperties": False}


def event_example(event: str, fields: tuple[str, ...]) -> dict[str, Any]:
    """An event's data."""
    return {field: shapes.value_of(_event_word(event, field)) for field in fields}
