"""What was asked: every request with its raw body, and how its answer ended."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

_CALL = re.compile(r"Call: (\S+) v(\S+)")
_DATUM = re.compile(r'<data kind="(\w+)">(.*?)</data>', re.DOTALL)


class Ending(StrEnum):
    """How an answer ended."""

    ANSWERED = "answered"
    """Its last byte was sent."""
    BROKEN = "broken"
    """By script: an error, or a connection that was cut."""
    LEFT = "left"
    """The asker closed the connection before the end."""


class Datum(msgspec.Struct, frozen=True):
    """One ``<data kind="...">`` block of a turn."""

    kind: str
    value: Any


class Request:
    """One request for a message, and the answer to it so far."""

    def __init__(self, number: int, raw: bytes, body: Mapping[str, Any]) -> None:
        self.number = number
        """Counts from 1 over all requests of the stand-in."""
        self.raw = raw
        """The body as it came: what a search for canaries looks through."""
        self.body = body
        self.pieces = 0
        """Text deltas that were sent."""
        self.ending: Ending | None = None
        """None while it is being answered."""
        self.ended = asyncio.Event()

    def end(self, ending: Ending) -> None:
        """Notes how it ended; the first word counts."""
        if self.ending is None:
            self.ending = ending
            self.ended.set()

    @property
    def call(self) -> str:
        """Name of the prompt, as the first line of the system text says it; else empty."""
        match = _CALL.match(self.system)
        return match[1] if match else ""

    @property
    def system(self) -> str:
        """The instructions as one text."""
        return text_of(self.body.get("system") or "")

    @property
    def turns(self) -> Sequence[tuple[str, str]]:
        """Role and text of each turn."""
        return [(turn["role"], text_of(turn["content"])) for turn in self.body["messages"]]

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """What the answer must look like; None for plain text."""
        wanted = (self.body.get("output_config") or {}).get("format")
        return None if wanted is None else wanted["schema"]

    def data(self, kind: str) -> list[Any]:
        """The values of all blocks of a kind, in their order."""
        return [d.value for _, text in self.turns for d in data_in(text) if d.kind == kind]

    def newest(self) -> list[str]:
        """The user's words after the last answer."""
        last = next((text for role, text in reversed(self.turns) if role == "user"), "")
        return [d.value["text"] for d in data_in(last) if d.kind == "words"]


def text_of(content: str | Sequence[Mapping[str, Any]]) -> str:
    """The text of a turn or of the instructions, in either form that the API takes."""
    if isinstance(content, str):
        return content
    return "\n".join(block["text"] for block in content if block.get("type") == "text")


def data_in(text: str) -> list[Datum]:
    """The blocks of data in a text. Raises msgspec.DecodeError for one that is no JSON."""
    return [Datum(kind, msgspec.json.decode(inner)) for kind, inner in _DATUM.findall(text)]
