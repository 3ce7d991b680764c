"""Plays seeds from the command line; see the package."""

from __future__ import annotations

import argparse
import sys
import time

import msgspec

from tests.simulation.broken import BUILDS, broken_as
from tests.simulation.run import Run, run


def main() -> int:
    """Returns 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, help="play this one and print its history")
    parser.add_argument("--seeds", type=int, default=1000, help="how many to play")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--build", choices=BUILDS, metavar="NAME", help="a hub broken on purpose")
    given = parser.parse_args()
    with broken_as(given.build):
        return played(given)


def played(given: argparse.Namespace) -> int:
    """Plays what was asked for; the exit code."""
    if given.seed is not None:
        one = run(given.seed)
        tell(one)
        return 1 if one.violations else 0
    began = time.monotonic()
    broken = [s for s in range(given.first, given.first + given.seeds) if told_of(run(s))]
    print(f"{given.seeds} seeds in {time.monotonic() - began:.1f} s, {len(broken)} broken")
    return 1 if broken else 0


def told_of(played: Run) -> bool:
    """Prints what is wrong with a run; whether anything is."""
    for violation in played.violations:
        print(f"seed {played.seed}: {violation}", flush=True)
    return bool(played.violations)


def tell(played: Run) -> None:
    """The whole history, for people."""
    print(f"seed {played.seed}: {msgspec.to_builtins(played.plan)}")
    for entry in played.history.entries:
        fields = msgspec.structs.asdict(entry)
        at = fields.pop("at")
        said = " ".join(
            f"{key}={value}" for key, value in fields.items() if value not in ("", None)
        )
        print(f"{at:9.4f} {type(entry).__name__:9} {said}")
    for violation in played.violations:
        print(f"broken: {violation}")
    if not played.violations:
        print("every promise was kept")


if __name__ == "__main__":
    sys.exit(main())
