"""What the hub brings along for practices (spec 08): scenarios written for it, and quota presets.

A scenario is a file of `scenarios/`: who the partner is, what that person hides and what softens
them, and what the coach has an eye on. How every partner is played and how every coach speaks
stands once, in `partner.md` and `coach.md`, and ends each prompt. They are data of version 1; a
corrected text comes as a migration that makes a new version (a session keeps the words with which
it began).
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from importlib import resources
from importlib.resources.abc import Traversable

import msgspec


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file: `partner` and `coach` are the beginnings of the two system prompts."""

    slug: str
    name: str
    description: str
    partner_persona: str
    partner: str
    coach: str

    def __repr__(self) -> str:
        return f"Scenario({self.slug})"


class Preset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One quota that an invitation, or a session without one, may be given."""

    name: str
    label: str
    description: str
    tokens: int
    default: bool = False


class _Presets(msgspec.Struct, forbid_unknown_fields=True):
    preset: list[Preset]


def scenarios() -> Sequence[Scenario]:
    """All that come with the hub, with whole prompts, by slug. Raises msgspec.ValidationError for a
    file that is not one."""
    files = [file for file in _folder().joinpath("scenarios").iterdir() if _is_toml(file)]
    found = [msgspec.convert(tomllib.loads(_text(file)), Scenario) for file in files]
    return sorted(map(_whole, found), key=lambda scenario: scenario.slug)


def presets() -> Sequence[Preset]:
    """All that come with the hub, in the order in which they are shown."""
    text = _text(_folder().joinpath("presets.toml"))
    return msgspec.convert(tomllib.loads(text), _Presets).preset


def _whole(scenario: Scenario) -> Scenario:
    return msgspec.structs.replace(
        scenario,
        partner_persona=scenario.partner_persona.strip(),
        partner=_prompt(scenario.partner, "partner.md"),
        coach=_prompt(scenario.coach, "coach.md"),
    )


def _prompt(beginning: str, ground: str) -> str:
    return f"{beginning.strip()}\n\n{_text(_folder().joinpath(ground)).strip()}"


def _folder() -> Traversable:
    return resources.files(__name__)


def _is_toml(file: Traversable) -> bool:
    return file.name.endswith(".toml")


def _text(file: Traversable) -> str:
    return file.read_text(encoding="utf-8")
