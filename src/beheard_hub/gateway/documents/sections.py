"""What the documents say of one part of the hub, as one piece: a new part is a section of its own.

Mediation's words stand in tables by sort (`words`, `shapes`, `asked`, `operations`, `refusing`);
each of these tables takes in those of all sections.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from beheard_hub.domain.refusals import Code
from beheard_hub.gateway.documents.schema import Schema


class Word(msgspec.Struct, frozen=True):
    """One field. Of a reference the example is that of its shape."""

    schema: Schema
    means: str
    example: Any = None


class Shape(msgspec.Struct, frozen=True):
    """An object that comes in replies and events."""

    means: str
    fields: tuple[str, ...]


class Asked(msgspec.Struct, frozen=True):
    """One field of a request."""

    means: str
    example: Any


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the hub, in words."""

    tags: Mapping[str, tuple[str, str]] = {}
    """First part of a command's name → heading, and what it is about."""
    summaries: Mapping[str, str] = {}
    """Command → what it does, in the imperative."""
    asked: Mapping[str, Asked] = {}
    """Field or ``command.name.field`` → what it means."""
    replies: Mapping[str, tuple[str, ...]] = {}
    """Command → the fields of its reply."""
    shapes: Mapping[str, Shape] = {}
    """Component → its fields."""
    words: Mapping[str, Word] = {}
    """``Shape.field``, ``command.name.field`` or a field that means the same everywhere."""
    event_words: Mapping[str, Word] = {}
    """Field or ``event.name.field`` → what it is, where `words` does not say it."""
    also: Mapping[str, tuple[Code, ...]] = {}
    """Command → what its handler refuses with, beside what follows from its row."""


def merged(parts: Iterable[Section]) -> Section:
    """All of them as one. No two may say something of the same."""
    tables: dict[str, dict[str, Any]] = {name: {} for name in Section.__struct_fields__}
    for part in parts:
        for name, table in tables.items():
            new = getattr(part, name)
            assert table.keys().isdisjoint(new), f"{name} said twice"
            table.update(new)
    return Section(**tables)
