"""Makes JSON that fits a schema out of what a rule knows, whatever the fields are called.

The schema of a call belongs to its prompt and may change; the rules of `answers.py` know facts.
A field gets the fact with its name (case and underscores do not count), else the emptiest value
that the schema allows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]
MISSING = object()


def filled(schema: Schema, fact: Any) -> Any:
    """A value of this schema, from `fact` as far as it fits."""
    return _filled(schema, fact, schema.get("$defs", {}))


def _filled(schema: Schema, fact: Any, defs: Mapping[str, Schema]) -> Any:
    if "$ref" in schema:
        return _filled(defs[schema["$ref"].rpartition("/")[2]], fact, defs)
    if "anyOf" in schema:
        return _filled(_variant(schema["anyOf"], fact), fact, defs)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return fact if fact in schema["enum"] else schema["enum"][0]
    match schema.get("type"):
        case "object":
            return _object(schema, fact, defs)
        case "array":
            facts = fact if isinstance(fact, Sequence) and not isinstance(fact, str) else ()
            return [_filled(schema.get("items", {}), one, defs) for one in facts]
        case "string":
            return fact if isinstance(fact, str) else ""
        case "boolean":
            return fact if isinstance(fact, bool) else False
        case "integer" | "number":
            return fact if isinstance(fact, int | float) else schema.get("minimum", 0)
    return None


def _object(schema: Schema, fact: Any, defs: Mapping[str, Schema]) -> dict[str, Any]:
    facts = {_bare(name): value for name, value in fact.items()} if _maps(fact) else {}
    return {
        name: _filled(field, facts.get(_bare(name), MISSING), defs)
        for name, field in schema.get("properties", {}).items()
    }


def _variant(variants: Sequence[Schema], fact: Any) -> Schema:
    """Null where nothing is known and null will do, else the first that is not null."""
    empty = [v for v in variants if v.get("type") == "null"]
    if empty and (fact is None or fact is MISSING):
        return empty[0]
    return next(v for v in variants if v not in empty)


def _bare(name: str) -> str:
    return name.replace("_", "").lower()


def _maps(fact: Any) -> bool:
    return isinstance(fact, Mapping)
