"""A thousand runs keep every promise; a run is the same whenever and wherever it is played."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from functools import cache
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from tests.histories.log import Answered, Shown, Told
from tests.simulation.run import Run, run

SEEDS = int(os.environ.get("BEHEARD_SEEDS", "1000"))
SEEDS_AT_ONCE = 50
ROOT = Path(__file__).parents[2]
REPLAYED = range(10)
JUDGED = range(40)
MENDED = {
    895: "a host whose clock was ahead died, and nobody was answered until the others caught up",
    1456: "a command overtook another one while their shard came back to the host",
    1347: "a message stood before the one that it followed, told at the same instant",
    1908: "a read that had waited for its cell was answered after the lease was given back",
    2115: "a host whose clock was behind put a message before the one that it followed",
    2691: "a frozen host repeated an answer after its lease was taken",
}
"""Seeds that found something once, and what it was."""


class Played(msgspec.Struct, frozen=True):
    """What is remembered of a run."""

    violations: list[str]
    digest: str
    """Of everything that happened in it, where the seed is replayed."""
    seen: Counter[str]


@cache
def play(seed: int) -> Played:
    """A run, played once for all tests."""
    played = run(seed)
    known = digest(played) if seed in REPLAYED else ""
    return Played([str(found) for found in played.violations], known, seen(played))


def digest(played: Run) -> str:
    """Everything that happened in a run."""
    return sha256(msgspec.json.encode(played.history)).hexdigest()


def seen(played: Run) -> Counter[str]:
    """How often there was in a run what runs are about."""
    seen: Counter[str] = Counter()
    seen["writers"] += len({write.host_id for write in played.history.writes}) > 1
    for entry in played.history.entries:
        seen["told"] += isinstance(entry, Told)
        seen["shown"] += isinstance(entry, Shown)
        if isinstance(entry, Answered):
            seen["duplicate"] += entry.duplicate
            seen["acked"] += not entry.code
            seen["unavailable"] += entry.code == "SERVICE_UNAVAILABLE"
    return seen


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_AT_ONCE))
def test_every_promise_is_kept(first: int) -> None:
    for seed in range(first, min(first + SEEDS_AT_ONCE, SEEDS)):
        assert not play(seed).violations, f"python -m tests.simulation --seed {seed}"


@pytest.mark.parametrize("seed", MENDED)
def test_what_was_found_stays_mended(seed: int) -> None:
    assert not play(seed).violations, MENDED[seed]


def test_a_seed_is_replayed_to_the_letter() -> None:
    for seed in REPLAYED:
        assert digest(run(seed)) == play(seed).digest


def test_a_seed_is_the_same_run_in_another_process() -> None:
    ask = "from tests.simulation.test_seeds import *; print([play(s).digest for s in REPLAYED])"
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    answered = subprocess.run(
        [sys.executable, "-c", ask], cwd=ROOT, env=environment, capture_output=True, check=True,
        text=True,
    )  # fmt: skip
    assert answered.stdout.strip() == str([play(seed).digest for seed in REPLAYED])


def test_the_runs_are_worth_judging() -> None:
    """They get somewhere, and what they are about does happen in them."""
    found = sum((play(seed).seen for seed in JUDGED), Counter[str]())
    least = {
        "acked": 500, "told": 300, "shown": 100, "duplicate": 1, "unavailable": 50, "writers": 20,
    }  # fmt: skip
    assert {what: found[what] for what in least if found[what] < least[what]} == {}, found
