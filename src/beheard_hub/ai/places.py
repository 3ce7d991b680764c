"""Places to turn to in danger, by locale: the hub's own list, or an operator's over it (spec 06).

A list is TOML, ``[[de-AT]]`` with name, contact and description for each place. A locale is looked
up from the narrow to the wide: ``de-AT``, ``de``, ``international``; at each step an operator's
file goes before the hub's own. The numbers are public and may be logged; who saw them may not.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec

from beheard_hub.settings import Ai, SetupError

INTERNATIONAL = "international"
PLACES_PER_LOCALE_MAX = 8
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")

_Words = Annotated[str, msgspec.Meta(min_length=1, max_length=300, pattern=r"\S")]


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place to turn to."""

    name: _Words
    contact: _Words
    description: _Words


Places = Mapping[str, Sequence[Place]]
"""Locale, language or `INTERNATIONAL` → where to turn, the most urgent first."""


class PlacesError(Exception):
    """A list of places cannot be used. The text says why, in one sentence without the path."""


@cache
def own_places() -> Places:
    """The list that comes with the hub."""
    return _read((files(__package__) / "places.toml").read_text(encoding="utf-8"))


def operators_places(path: Path) -> Places:
    """The list in an operator's file. Raises PlacesError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise PlacesError(f"it cannot be read ({type(failure).__name__})") from None
    return _read(text)


def operators_list(settings: Ai) -> Places | None:
    """The operator's places to turn to, if any were given. Raises SetupError."""
    path = settings.safety_resources
    if path is None:
        return None
    try:
        return operators_places(path)
    except PlacesError as wrong:
        raise SetupError(
            f"BEHEARD_SAFETY_RESOURCES names a file that cannot be used: {wrong}.",
            "docs/safety.md shows the shape; without the variable the hub's own list is used.",
        ) from None


def places_for(locale: str, operators: Places | None = None) -> Sequence[Place]:
    """Where to turn in a locale like ``en-GB``, ``de_AT`` or ``fr``; never empty."""
    language, _, region = locale.replace("_", "-").partition("-")
    narrow = f"{language.lower()}-{region.upper()}"
    steps = [
        listed[key]
        for key in (narrow, language.lower(), INTERNATIONAL)
        for listed in (operators or {}, own_places())
        if key in listed
    ]
    return steps[0]


def _read(text: str) -> Places:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise PlacesError(f"it is no TOML: {wrong}") from None
    for locale, rows in table.items():
        if locale != INTERNATIONAL and not _LOCALE.fullmatch(locale):
            raise PlacesError(f"[[{locale}]] is neither a locale such as de-AT nor {INTERNATIONAL}")
        if not isinstance(rows, list) or not 1 <= len(rows) <= PLACES_PER_LOCALE_MAX:
            raise PlacesError(f"[[{locale}]] needs 1 to {PLACES_PER_LOCALE_MAX} places")
    try:
        return msgspec.convert(table, dict[str, list[Place]])
    except msgspec.ValidationError as wrong:
        raise PlacesError(
            f"each place has name, contact and description, all text: {wrong}"
        ) from None
