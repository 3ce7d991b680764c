"""Pieces of JSON Schema (2020-12, as OpenAPI 3.1 and AsyncAPI 3.0 use it)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]

COMPONENT = "#/components/schemas/"

TEXT: Schema = {"type": "string"}
BOOL: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
TIME: Schema = {"type": "string", "format": "date-time"}
STAGE: Schema = {"type": "integer", "minimum": 0, "maximum": 4}
INTENSITY: Schema = {"type": "integer", "minimum": 1, "maximum": 10}


def words_of(*names: str) -> Schema:
    """One of these words."""
    return {"type": "string", "enum": list(names)}


def ref(name: str) -> Schema:
    """A component."""
    return {"$ref": COMPONENT + name}


def many(schema: Schema, most: int | None = None) -> Schema:
    """A list of it."""
    found: Schema = {"type": "array", "items": schema}
    return found if most is None else {**found, "maxItems": most}


def maybe(schema: Schema) -> Schema:
    """It, or null."""
    if "$ref" in schema or "anyOf" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    found = {**schema, "type": [schema["type"], "null"]}
    return {**found, "enum": [*schema["enum"], None]} if "enum" in schema else found


def by_key(schema: Schema) -> Schema:
    """An object with keys of its own choice."""
    return {"type": "object", "additionalProperties": schema}


def closed(
    properties: Mapping[str, Schema], required: Sequence[str], means: str | None = None
) -> Schema:
    """An object with exactly these properties."""
    said = {} if means is None else {"description": means}
    needed = {"required": list(required)} if required else {}
    return {
        "type": "object",
        **said,
        "properties": dict(properties),
        **needed,
        "additionalProperties": False,
    }


def described(schema: Schema, means: str, *examples: Any) -> Schema:
    """With words for people; what refers to a shape has the shape's examples."""
    return {**schema, "description": means, **({"examples": list(examples)} if examples else {})}
