"""`make audit`, and the last step of `make check`: known holes in what `constraints.txt` pins.

    python -m tests.tidy.audit                  fails where the advisories cannot be asked
    python -m tests.tidy.audit --if-reachable   says so and goes on (decision 45)

Exit code 1 where a hole is known.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
PINNED = ROOT / "constraints.txt"
AUDITOR = "pip-audit==2.10.1"
SECONDS_MAX = 5
"""For one answer of an index or of the database of advisories."""
ASKED = [
    *("--requirement", str(PINNED), "--no-deps", "--disable-pip", "--vulnerability-service", "osv"),
    *("--format", "json", "--progress-spinner", "off", "--timeout", str(SECONDS_MAX)),
]


class Hole(msgspec.Struct, frozen=True):
    """One advisory."""

    id: str
    fix_versions: list[str] = []


class Package(msgspec.Struct, frozen=True):
    """What is known of one pinned package."""

    name: str
    version: str = ""
    vulns: list[Hole] = []
    skip_reason: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What pip-audit writes."""

    dependencies: list[Package]


class NotAsked(Exception):
    """Nothing can be said: the advisories were not reached, or not for every package."""


def holes(answer: bytes) -> list[str]:
    """A line for each known hole. Raises NotAsked: no answer, or not about all packages."""
    try:
        packages = msgspec.json.decode(answer, type=Answer).dependencies
    except msgspec.DecodeError:
        raise NotAsked("the advisories cannot be reached") from None
    skipped = sum(bool(package.skip_reason) for package in packages)
    if skipped or not packages:
        raise NotAsked(f"nothing is known of {skipped} of {len(packages)} packages")
    return [
        f"{package.name} {package.version}: {hole.id}, mended in {', '.join(hole.fix_versions)}"
        for package in packages
        for hole in package.vulns
    ]


def asked(folder: Path) -> bytes:
    """The auditor's answer; it is installed into `folder`, apart from what the hub needs. Raises
    NotAsked."""
    if not (folder / "pip_audit").is_dir():
        quick = ["--retries", "0", "--timeout", str(SECONDS_MAX), "--disable-pip-version-check"]
        install = [
            "-m",
            "pip",
            "install",
            "-q",
            *quick,
            "--no-compile",
            "--target",
            str(folder),
            AUDITOR,
        ]
        if subprocess.run([sys.executable, *install], capture_output=True, check=False).returncode:
            raise NotAsked(f"{AUDITOR} cannot be installed")
    alone = {**os.environ, "PYTHONPATH": str(folder)}
    audit = [sys.executable, "-m", "pip_audit", *ASKED]
    return subprocess.run(audit, env=alone, capture_output=True, check=False).stdout


def main(arguments: Sequence[str]) -> int:
    """Prints what is known."""
    parser = argparse.ArgumentParser(prog="python -m tests.tidy.audit", description=__doc__)
    parser.add_argument("--if-reachable", action="store_true")
    lenient = parser.parse_args(arguments).if_reachable
    try:
        found = holes(asked(ROOT / ".venv" / "audit"))
    except NotAsked as why:
        print(f"dependencies were not audited: {why}", file=sys.stderr)
        return 0 if lenient else 1
    print("\n".join(found) or "dependencies: no known hole")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
