"""What a stream of the Messages API says, of which we read no more than we use.

The SDK sends the request and splits the stream into events; it would then make a model of each that
checks every field. A host that reads a thousand answers at once has no time for that: only these
fields are decoded, three times as fast. Any other event, and any other field, is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec


class TokenCounts(msgspec.Struct, frozen=True):
    """Of the whole request so far; None where the event does not say it again."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None


class _Message(msgspec.Struct, frozen=True):
    usage: TokenCounts


class Started(msgspec.Struct, frozen=True):
    """``message_start``: the request is counted."""

    message: _Message


class _Piece(msgspec.Struct, frozen=True):
    type: str
    text: str = ""


class Written(msgspec.Struct, frozen=True):
    """``content_block_delta``: more of a block, which need not be one of text."""

    delta: _Piece


class _Stop(msgspec.Struct, frozen=True):
    stop_reason: str | None = None


class Stopping(msgspec.Struct, frozen=True):
    """``message_delta``: why the answer ends."""

    delta: _Stop
    usage: TokenCounts = TokenCounts()


class Ended(msgspec.Struct, frozen=True):
    """``message_stop``: the answer is whole."""


class _Wrong(msgspec.Struct, frozen=True):
    type: str = ""


class Failed(msgspec.Struct, frozen=True):
    """``error``: the answer goes no further. What it says in words is not read."""

    error: _Wrong


Told: TypeAlias = Started | Written | Stopping | Ended | Failed

_DECODERS: Mapping[str, msgspec.json.Decoder[Told]] = {
    name: msgspec.json.Decoder(kind)
    for name, kind in (
        ("message_start", Started),
        ("content_block_delta", Written),
        ("message_delta", Stopping),
        ("message_stop", Ended),
        ("error", Failed),
    )
}


def told(name: str | None, data: str) -> Told | None:
    """What an event says; None where that is nothing to us. Raises ValueError for broken JSON."""
    decoder = _DECODERS.get(name or "")
    return decoder.decode(data) if decoder is not None else None
