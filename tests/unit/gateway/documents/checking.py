"""Holds data against a schema of one of the documents."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs
import msgspec

DRAFT = "https://json-schema.org/draft/2020-12/schema"
WHOLE = "urn:document"
"""Where a schema finds what its document says once for all."""


def problems(document: Mapping[str, Any], schema: Mapping[str, Any], data: Any) -> list[str]:
    """Where the data is not as the schema says; empty when it is. Names no value."""
    components = msgspec.json.encode(document["components"])
    validator = _validator(components, msgspec.json.encode(schema))
    return [
        "/".join(str(step) for step in error.instance_path)
        + " against "
        + "/".join(str(step) for step in error.schema_path)
        for error in validator.iter_errors(msgspec.to_builtins(data))
    ]


@cache
def _validator(components: bytes, schema: bytes) -> Any:
    """Made once for each schema, beside its document: one that held it would be megabytes each."""
    linked = msgspec.json.decode(
        schema.replace(b'"#/components/', f'"{WHOLE}#/components/'.encode())
    )
    return jsonschema_rs.validator_for(
        {"$schema": DRAFT, **linked}, registry=_registry(components), validate_formats=True
    )


@cache
def _registry(components: bytes) -> jsonschema_rs.Registry:
    found = {"$schema": DRAFT, "components": msgspec.json.decode(components)}
    return jsonschema_rs.Registry([(WHOLE, found)])
