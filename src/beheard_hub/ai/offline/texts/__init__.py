"""Texts and patterns of the offline facilitator, as data."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def table(name: str) -> Mapping[str, Any]:
    """The table ``<name>.toml`` of this folder, read once."""
    return tomllib.loads((files(__package__) / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def pattern(name: str, *keys: str) -> re.Pattern[str]:
    """The list of alternatives at ``keys`` of a table as one pattern, case ignored."""
    lines: Any = table(name)
    for key in keys:
        lines = lines[key]
    return re.compile("|".join(f"(?:{line})" for line in lines), re.IGNORECASE)
