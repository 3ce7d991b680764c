"""Plain data as YAML that is pleasant to read: blocks, and quotes only where they are needed.

JSON is YAML, so any value may be written as JSON; this writer does that for leaves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PLAIN = re.compile(r"[A-Za-z/$_][A-Za-z0-9 /$_.{}()-]*[A-Za-z0-9/_.})]|[A-Za-z]")
"""Text that needs no quotes, whatever reads it."""
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
"""Text that some reader takes for something else."""


def dump(data: Any) -> str:
    """The text, with a line break at its end."""
    return "\n".join(_lines(data, "")) + "\n"


def _lines(data: Any, indent: str) -> Iterator[str]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _entry(f"{indent}{_leaf(key)}:", value, indent + "  ")
    else:
        for item in data:
            yield from _item(item, indent)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if _is_block(value):
        yield head
        yield from _lines(value, indent)
    elif isinstance(value, str) and _is_prose(value):
        yield head + " |"
        yield from (indent + line if line else "" for line in value[:-1].split("\n"))
    else:
        yield f"{head} {_leaf(value)}"


def _item(value: Any, indent: str) -> Iterator[str]:
    if not _is_block(value):
        yield f"{indent}- {_leaf(value)}"
        return
    lines = _lines(value, indent + "  ")
    yield f"{indent}- {next(lines).lstrip()}"
    yield from lines


def _is_prose(text: str) -> bool:
    """Lines that can stand as they are."""
    if not text.strip() or text != text.strip() + "\n":
        return False
    return all(line.isprintable() for line in text.removesuffix("\n").split("\n"))


def _is_block(value: Any) -> bool:
    """Objects and lists that hold something."""
    return bool(value) and isinstance(value, Mapping | Sequence) and not isinstance(value, str)


def _leaf(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=isinstance(value, str) and not value.isprintable())
