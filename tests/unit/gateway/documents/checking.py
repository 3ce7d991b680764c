"""Holds data against a schema of one of the documents."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs
import msgspec

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def problems(document: Mapping[str, Any], schema: Mapping[str, Any], data: Any) -> list[str]:
    """Where the data is not as the schema says; empty when it is. Names no value."""
    whole = {"$schema": DRAFT, "components": document["components"], **schema}
    validator = _validator(msgspec.json.encode(whole))
    return [
        "/".join(str(step) for step in error.instance_path)
        + " against "
        + "/".join(str(step) for step in error.schema_path)
        for error in validator.iter_errors(msgspec.to_builtins(data))
    ]


@cache
def _validator(schema: bytes) -> Any:
    """Made once for each schema: reading a whole document takes longer than what it is for."""
    return jsonschema_rs.validator_for(msgspec.json.decode(schema), validate_formats=True)
