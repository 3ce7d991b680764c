"""What the hub is built from: every package pinned, each under a licence that lets us.

This much is known without a network; whether a pinned version has a known hole is not. That says
`make audit`, which asks the advisory database (decision 40).
"""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line]
PINS: dict[str, str] = {}
for line in LINES:
    PINS[canonicalize_name(line.partition("==")[0])] = line.partition("==")[2]
LICENCES = re.compile(
    r"\b(0BSD|Apache|BSD|CNRI|ISC|MIT|MPL|Mozilla Public|PSF|Python Software Foundation|"
    r"PostgreSQL|Public Domain|Unlicense|Zlib)\b",
    re.IGNORECASE,
)
"""Licences that ask no more than to be named, or (MPL) that changes to their own files be shown."""
COPYLEFT = re.compile(r"\b(A?GPL|GNU|LGPL|SSPL|BUSL|Commons Clause)\b", re.IGNORECASE)
SAID_ELSEWHERE: dict[str, str] = {}
"""Package → its licence, where its metadata does not say."""


def closure() -> dict[str, Distribution]:
    """Every package that the project needs here, tests and tools included."""
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
    todo = [Requirement(text) for text in wanted]
    found: dict[str, Distribution] = {}
    seen: set[str] = set()
    while todo:
        requirement = todo.pop()
        key = f"{canonicalize_name(requirement.name)}{sorted(requirement.extras)}"
        if key in seen:
            continue
        seen.add(key)
        try:
            package = distribution(requirement.name)
        except PackageNotFoundError:
            continue
        found[canonicalize_name(requirement.name)] = package
        extras = ["", *requirement.extras]
        for text in package.requires or ():
            needed = Requirement(text)
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
                todo.append(needed)
    return found


NEEDED = closure()


def licence(package: Distribution) -> str:
    """What its metadata says of it, short."""
    data: Any = package.metadata
    classifiers = [c for c in data.get_all("Classifier") or () if c.startswith("License ::")]
    said = [data.get("License-Expression") or "", (data.get("License") or "")[:200], *classifiers]
    return " ".join(text for text in said if text)


def test_every_line_is_a_pin() -> None:
    assert [line for line in LINES if not re.fullmatch(r"[\w.-]+==[\w.!+]+", line)] == []
    assert len(PINS) == len(LINES)


def test_every_package_that_is_needed_is_pinned_and_installed_as_pinned() -> None:
    assert len(NEEDED) > 50
    installed = {name: package.version for name, package in NEEDED.items()}
    assert {name: version for name, version in installed.items() if PINS.get(name) != version} == {}


def test_every_licence_is_one_that_lets_us() -> None:
    found = {name: SAID_ELSEWHERE.get(name) or licence(one) for name, one in NEEDED.items()}
    unknown = {name: text for name, text in found.items() if not LICENCES.search(text)}
    assert unknown == {}
    assert {name: text for name, text in found.items() if COPYLEFT.search(text)} == {}
