"""The AsyncAPI 3.0 document of the websocket.

Each frame is a message; each command is a message of the frame `command` and an operation whose
reply is `ack` or `error`; each event is a message of the frame `event`.
"""

from __future__ import annotations

from typing import Any

from beheard_hub import __version__
from beheard_hub.domain.limits import FRAME_BYTES_MAX
from beheard_hub.domain.refusals import CODES, Code
from beheard_hub.gateway import frames
from beheard_hub.gateway.close_codes import CLOSE_CODES
from beheard_hub.gateway.documents import framed, refusing, requests, shapes
from beheard_hub.gateway.documents.offered import COMMANDS, EVENTS, Told
from beheard_hub.gateway.documents.operations import SUMMARIES, heading, headings, pascal
from beheard_hub.gateway.documents.schema import Schema, described, ref

CHANNEL = "#/channels/hub"
SEPARATOR = "."

ABOUT = """One connection for everything: commands go up, their acks and all events of the
subscribed sessions come down.

Subprotocol `beheard.v1` is JSON in text frames and the default; `beheard.v1.msgpack` is the same
objects as MessagePack in binary frames. The token comes as `Authorization: Bearer` on the upgrade,
or in an `auth` frame first, within 10 s. Never in the URL. An incoming frame has at most 256 KB.

* An `ack` means: committed. An `error` with `retryable` means: not applied, or not known; send the
  same id again. The same id again has no second effect, for 7 days.
* `seq` counts per user and session: no hole, no repeat. After a reconnect, `subscribe` with the
  last one you have.
* Fields and frames that you do not know are to be ignored.
"""


def document() -> dict[str, Any]:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "BeHeard Hub, websocket",
            "version": __version__,
            "description": ABOUT,
            "license": {"name": "MIT"},
            "tags": headings(),
        },
        "defaultContentType": "application/json",
        "servers": {
            "hub": {
                "host": "localhost:8080",
                "protocol": "ws",
                "description": "Wherever the hub listens; `wss` behind TLS.",
                "security": [{"$ref": "#/components/securitySchemes/bearer"}],
            }
        },
        "channels": {"hub": _channel()},
        "operations": _operations(),
        "components": _components(),
    }


# ---- the channel


def _channel() -> dict[str, Any]:
    return {
        "address": "/v1/ws",
        "title": "The websocket",
        "description": "Both ways, one object a frame.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _messages()},
        "bindings": {"ws": {"method": "GET", "headers": _upgrade(), "bindingVersion": "0.1.0"}},
        "x-codecs": {
            frames.JsonCodec.name: {"contentType": "application/json", "frames": "text"},
            frames.MsgpackCodec.name: {"contentType": "application/msgpack", "frames": "binary"},
        },
        "x-frame-bytes-max": FRAME_BYTES_MAX,
        "x-close-codes": [
            {
                "code": int(code),
                "reason": row.slug,
                "meaning": row.meaning,
                "reconnect": row.reconnect,
                "afterMs": row.after_ms,
            }
            for code, row in CLOSE_CODES.items()
        ],
    }


def _upgrade() -> Schema:
    codecs = {"type": "string", "enum": list(frames.CODECS)}
    token = {"type": "string", "pattern": "^Bearer "}
    return {
        "type": "object",
        "properties": {
            "Sec-WebSocket-Protocol": described(
                codecs, "How frames are written; JSON if nothing is asked for.", "beheard.v1"
            ),
            "Authorization": described(
                token, "Unless an `auth` frame comes first.", "Bearer ey..."
            ),
            "Origin": described(
                {"type": "string"}, "If sent, it must be allowed.", "https://app.test"
            ),
        },
    }


# ---- messages


def _messages() -> dict[str, Any]:
    found = {framed.key(kind): framed.message(kind) for kind in framed.FRAMES}
    commands = {f"command{SEPARATOR}{name}": _command(name) for name in COMMANDS}
    acks = {f"ack{SEPARATOR}{name}": _ack(name) for name in COMMANDS}
    events = {f"event{SEPARATOR}{name}": _event(name, row) for name, row in EVENTS.items()}
    return {**found, **commands, **acks, **events}


def _command(name: str) -> dict[str, Any]:
    data = ref(f"{pascal(name)}Data")
    needs = () if COMMANDS[name].sessionless else ("sessionId",)
    example: dict[str, Any] = {"type": "command", "id": "7f3a1c", "name": name}
    if needs:
        example["sessionId"] = framed.example("Subscribe", "sessionId")
    return {
        "name": name,
        "title": SUMMARIES[name],
        "description": _refused_with(name),
        "tags": [{"name": heading(name)}],
        "payload": framed.narrowed(frames.CommandFrame, needs, name=name, data=data),
        "examples": [{"payload": {**example, "data": requests.example_of(name)}}],
    }


def _refused_with(name: str) -> str:
    return "Refused with " + ", ".join(str(code) for code in refusing.codes_of(name)) + "."


def _ack(name: str) -> dict[str, Any]:
    data = ref(f"{pascal(name)}Reply")
    example = {"type": "ack", "id": "7f3a1c", "seq": 12}
    return {
        "name": f"ack of {name}",
        "title": "Committed",
        "payload": framed.narrowed(frames.Ack, (), data=data),
        "examples": [
            {"payload": {**example, "data": shapes.example_of(name, shapes.REPLIES[name])}}
        ],
    }


def _event(name: str, row: Told) -> dict[str, Any]:
    example = framed.examples(frames.Event)
    return {
        "name": name,
        "title": f"Told to {row.to}",
        "payload": framed.narrowed(
            frames.Event, (), name=name, data=framed.event_data(name, row.fields)
        ),
        "examples": [
            {"payload": {**example, "name": name, "data": framed.event_example(name, row.fields)}}
        ],
    }


# ---- operations


def _operations() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, answers in framed.ANSWERED.items():
        found[framed.tag(kind)] = _asking(framed.tag(kind), framed.meaning(kind), answers)
    for name in COMMANDS:
        message = f"command{SEPARATOR}{name}"
        found[name] = _asking(message, SUMMARIES[name], (f"ack{SEPARATOR}{name}", "error"))
    for kind in framed.UNASKED:
        found[framed.key(kind)] = _telling(framed.key(kind), framed.meaning(kind))
    for name, row in EVENTS.items():
        found[f"on{SEPARATOR}{name}"] = _telling(f"event{SEPARATOR}{name}", f"Told to {row.to}")
    return found


def _asking(message: str, summary: str, answers: tuple[str, ...]) -> dict[str, Any]:
    """What the hub receives, and its answers."""
    found = {
        "action": "receive",
        "channel": {"$ref": CHANNEL},
        "summary": summary,
        "messages": [_in_channel(message)],
    }
    if answers:
        found["reply"] = {
            "channel": {"$ref": CHANNEL},
            "messages": [_in_channel(answer) for answer in answers],
        }
    return found


def _telling(message: str, summary: str) -> dict[str, Any]:
    """What the hub sends by itself."""
    return {
        "action": "send",
        "channel": {"$ref": CHANNEL},
        "summary": summary,
        "messages": [_in_channel(message)],
    }


def _in_channel(message: str) -> dict[str, str]:
    return {"$ref": f"{CHANNEL}/messages/{message}"}


# ---- components


def _components() -> dict[str, Any]:
    datas = {
        f"{pascal(name)}Data": requests.object_of(name, requests.data_of(name)) for name in COMMANDS
    }
    replies = {f"{pascal(name)}Reply": shapes.reply_of(name) for name in COMMANDS}
    return {
        "schemas": {**dict(shapes.components()), "ErrorCode": _codes(), **datas, **replies},
        "messages": _messages(),
        "securitySchemes": {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "On the upgrade, or in an `auth` frame.",
            }
        },
    }


def _codes() -> Schema:
    rows = "\n".join(
        f"* `{code}`{' (retryable)' if row.retryable else ''}: {row.sentence}"
        for code, row in CODES.items()
    )
    return {"type": "string", "enum": [str(code) for code in Code], "description": rows}
