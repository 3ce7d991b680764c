"""Schemas of what may be asked, from the structs of the commands and the checks in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from beheard_hub.domain.validation import (
    ID_CHARS_MAX,
    Data,
    Flag,
    Flat,
    Id,
    Items,
    Link,
    Number,
    OneOf,
    Slug,
    Text,
    When,
    checks_of,
)
from beheard_hub.gateway.documents.asked import asked
from beheard_hub.gateway.documents.offered import COMMANDS
from beheard_hub.gateway.documents.schema import TIME, Schema, closed, described, maybe

NOT_BLANK = r"\S"
"""Text is trimmed before it is counted, so it needs something that is not a space."""


class FieldSchema(msgspec.Struct, frozen=True):
    """One field of a command's data."""

    name: str
    required: bool
    schema: Schema


def data_of(command: str) -> type[Data]:
    """The struct of a command's data; what is no command asks nothing."""
    row = COMMANDS.get(command)
    return Data if row is None else row.data


def fields_of(command: str, kind: type[Data] | None = None) -> dict[str, FieldSchema]:
    """Every field of a command's data (or of a struct inside it) by its name on the wire."""
    kind = kind or data_of(command)
    defaults = {field.encode_name: field.default for field in msgspec.structs.fields(kind)}
    found = {}
    for name, required, check in checks_of(kind):
        schema = dict(schema_of(check, command))
        if not required and defaults[name] not in (None, msgspec.UNSET):
            schema["default"] = msgspec.to_builtins(defaults[name])
        said = asked(command, name)
        found[name] = FieldSchema(name, required, described(schema, said.means, said.example))
    return found


def _text(check: Text, command: str) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": check.most, "pattern": NOT_BLANK}


def _flag(check: Flag, command: str) -> Schema:
    return {"type": "boolean"} if check.only is None else {"type": "boolean", "const": check.only}


def _items(check: Items, command: str) -> Schema:
    nested = isinstance(check.each, type)
    each = object_of(command, check.each) if nested else schema_of(check.each, command)
    size = {"minItems": check.least, "maxItems": check.most}
    return {
        "type": "array",
        "items": each,
        **size,
        **({"uniqueItems": True} if check.unique else {}),
    }


_SCHEMAS: Mapping[type, Any] = {
    Text: _text,
    Number: lambda check, _: {
        "type": "integer", "minimum": check.least, "maximum": check.most,
    },
    Flag: _flag,
    Id: lambda check, _: {"type": "string", "minLength": 1, "maxLength": ID_CHARS_MAX},
    Link: lambda check, _: {
        "type": "string", "format": "uri", "pattern": "^https://[!-~]+$", "maxLength": check.most,
    },
    When: lambda check, _: TIME,
    Flat: lambda check, _: {
        "type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
    },
    Slug: lambda check, _: {
        "type": "string", "minLength": 1, "maxLength": check.most,
        "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$",
    },
    OneOf: lambda check, _: {"type": "string", "enum": list(check.names)},
    Items: _items,
}  # fmt: skip
"""A check → what it lets pass."""


def schema_of(check: Any, command: str) -> Schema:
    """What a check lets pass. Raises KeyError for a check that has no row."""
    found: Schema = _SCHEMAS[type(check)](check, command)
    return found


def object_of(command: str, kind: type[Data], without: frozenset[str] = frozenset()) -> Schema:
    """The schema of a struct, less the fields that come otherwise. Null is the same as nothing."""
    fields = [f for f in fields_of(command, kind).values() if f.name not in without]
    found = closed(
        {field.name: field.schema if field.required else maybe(field.schema) for field in fields},
        [field.name for field in fields if field.required],
    )
    if kind.one_of:
        found = {**found, "oneOf": [_given(name) for name in kind.one_of]}
    return found


def _given(name: str) -> Schema:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def example_of(command: str, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Data that this command accepts: what it needs, and what else is worth showing."""
    kind = data_of(command)
    left_out = {*without, *kind.one_of[:-1]}
    return {
        name: asked(command, name).example for name in fields_of(command) if name not in left_out
    }
