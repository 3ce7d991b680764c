"""Journeys: sessions of two people, written as data, played by the demo and by tests."""

from __future__ import annotations

import tomllib
from importlib import resources

import msgspec

from beheard_hub.journeys.check import problems
from beheard_hub.journeys.model import SIDES, Act, Journey, Person, Side, Step

DEFAULT = "household"

__all__ = [
    "DEFAULT",
    "SIDES",
    "Act",
    "Journey",
    "Person",
    "Side",
    "Step",
    "load",
    "names",
    "problems",
]


def names() -> list[str]:
    """Names of the journeys that come with the hub."""
    found = resources.files(__name__).iterdir()
    return sorted(file.name.removesuffix(".toml") for file in found if file.name.endswith(".toml"))


def load(name: str) -> Journey:
    """One journey by name.

    Raises:
        LookupError: there is none of that name; the sentence lists those that exist.
        ValueError: its file is not a playable journey; the sentence says why.
    """
    if name not in names():
        raise LookupError(f"no journey named {name!r}; there are: {', '.join(names())}")
    text = resources.files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    try:
        journey = msgspec.convert(tomllib.loads(text), Journey)
    except msgspec.ValidationError as wrong:
        raise ValueError(f"{name}.toml: {wrong}") from wrong
    if found := problems(journey):
        raise ValueError(f"{name}.toml: " + "; ".join(found))
    return journey
