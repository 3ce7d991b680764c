"""Attempts to get at the other side or to steer the program: named for the audit log (spec 06).

They are answered like any other text; only their kind is noted, never their words. What keeps them
harmless is elsewhere: a model gets one user's bundle, and words only as data. The patterns are in
`probing.toml`.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


def probes(text: str) -> tuple[str, ...]:
    """Kinds of probing in a message, in the order of the table; mostly none."""
    shown = _shown(text)
    return tuple(kind for kind, pattern in _patterns().items() if pattern.search(shown))


def _shown(text: str) -> str:
    """The text as a reader sees it: one width of letters, no marks that print nothing."""
    found = unicodedata.normalize("NFKC", text)
    return "".join(char for char in found if unicodedata.category(char) != "Cf")


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    table = tomllib.loads((files(__package__) / "probing.toml").read_text(encoding="utf-8"))
    return {
        kind: re.compile("|".join(f"(?:{p})" for p in rows), re.IGNORECASE | re.MULTILINE)
        for kind, rows in table.items()
    }
