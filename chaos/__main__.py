"""`make chaos` and ``python -m chaos --plan NAME --seed N --kills K --seconds S``.

Without a plan, all of them, each on a hub of its own. The exit code is 1 where a promise was broken
or a hub did not get back on its feet.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvloop

from chaos.plans import PLANS, Plan
from chaos.report import Report, show
from chaos.run import struck_and_judged, under_fire


def main(arguments: Sequence[str]) -> int:
    """Carries out what was asked for; 1 where something was not as promised."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--plan", action="append", choices=PLANS, metavar="NAME",
                        help=f"one of {', '.join(PLANS)}; may be repeated")  # fmt: skip
    parser.add_argument("--seed", type=int, help="the same faults in the same order again")
    parser.add_argument("--kills", type=int, help="how many faults; without it, as the plan says")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end after so long")
    given = parser.parse_args(arguments)
    logging.getLogger("uvicorn.error").disabled = True  # stand-ins cut their answers by script
    seed = random.randrange(2**32) if given.seed is None else given.seed
    failed = False
    for name in given.plan or PLANS:
        plan = PLANS[name]
        say(f"{name}: {plan.tells} (seed {seed})")
        made: Report | None = None
        try:
            made = uvloop.run(_run(plan, seed, given.kills or plan.strikes, given.seconds))
        except* TimeoutError as late:
            say(f"{name} failed: {'; '.join(str(error) for error in late.exceptions)}")
        if made is not None:
            show(name, made)
        failed = failed or made is None or not made.kept
    return 1 if failed else 0


async def _run(plan: Plan, seed: int, strikes: int, seconds: float) -> Report:
    with tempfile.TemporaryDirectory(prefix="beheard-chaos-") as folder:
        async with under_fire(plan, Path(folder)) as ground:
            return await struck_and_judged(
                plan, ground, seed=seed, strikes=strikes, seconds_max=seconds, say=say
            )


def say(text: str) -> None:
    """Shows progress."""
    print(f"  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
