"""`make bench`: the speed table of spec 09, each figure beside its bar.

``python -m bench --only NAME`` runs single measures (`bars.MEASURES`). Every measure is a module of
this package with ``async def measure(run) -> Found`` and runs in a process of its own, so that no
one's heap or event loop weighs on another's. The exit code is 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.bars import BARS, MEASURES, rows, show
from bench.run import apart


def main(arguments: Sequence[str]) -> int:
    """Measures what was asked for; 1 where a bar is missed or a measure failed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=MEASURES, metavar="NAME",
                        help=f"one of {', '.join(MEASURES)}; may be repeated")  # fmt: skip
    wanted = parser.parse_args(arguments).only or MEASURES
    figures: dict[str, float] = {}
    notes: list[str] = []
    failed = False
    with tempfile.TemporaryDirectory(prefix="beheard-bench-") as folder:
        for number, name in enumerate(wanted, 1):
            began = time.monotonic()
            print(f"[{number}/{len(wanted)}] {name} ...", file=sys.stderr, flush=True)
            try:
                found = apart(name, Path(folder))
            except Exception as error:  # the other rows are worth having
                failed = True
                notes.append(f"{name} failed: {type(error).__name__}: {error}")
                continue
            figures |= found.figures
            notes += found.notes
            print(f"    took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    table = rows(BARS, figures)
    show(table, notes)
    return 0 if not failed and all(row.met for row in table) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
