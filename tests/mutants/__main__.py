"""Tears down one wall after the other in a copy of the hub, and asks the tests whether they saw it.

    python -m tests.mutants            all weakenings, and the same tests on the hub as it is
    python -m tests.mutants role       only those with this word in their name

Exit code 0: each was caught. 1: one survived. 2: one cannot be applied, or a test fails already.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from tests.mutants.weakenings import WEAKENINGS, Sql, Text, Weakening

ROOT = Path(__file__).parents[2]
COPIED = ("src", "tests", "chaos", "docs", "pyproject.toml")
IGNORED = shutil.ignore_patterns("__pycache__", ".pytest_cache")
PACKAGE = Path("src/beheard_hub")
MIGRATION = PACKAGE / "persistence/migrations/9999_weakening.sql"
AT_ONCE = 2
SECONDS_MAX = 600
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
TESTS_FAILED = 1
"""Exit code of pytest when it ran and a test failed; others mean that it did not run."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of one weakening."""

    weakening: Weakening
    caught_by: str
    """The first test that failed; empty where none did."""
    seconds: float
    wrong: str = ""
    """Why nothing can be said: the passage is gone, or the tests did not run."""


class NotThere(Exception):
    """The passage that a weakening replaces is not in its file exactly once."""


def apply(weakening: Weakening, tree: Path) -> None:
    """Makes the wall lower in this copy. Raises NotThere."""
    match weakening:
        case Sql(statements=statements):
            text = f"-- {weakening.name}\n{statements};\n"
            (tree / MIGRATION).write_text(text)
        case Text(file=file, old=old, new=new):
            path = tree / PACKAGE / file
            text = path.read_text() if path.exists() else ""
            if text.count(old) != 1:
                raise NotThere(f"{file} has the passage {text.count(old)} times")
            path.write_text(text.replace(old, new))


def copied(into: Path) -> Path:
    """A tree of its own, as it is now."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, into / name, ignore=IGNORED)
        else:
            shutil.copy(source, into / name)
    return into


def run(tests: Sequence[str], tree: Path) -> tuple[int, str]:
    """Exit code and output of these tests there, up to the first failure."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "--tb=no",
        "-rfE",
        "-p",
        "no:cacheprovider",
    ]
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryDirectory(prefix="beheard-tests-", ignore_cleanup_errors=True) as folder:
        # pytest keeps its own where a test fails, and here one always should
        try:
            ended = subprocess.run(
                [*command, "--basetemp", folder, *tests], cwd=tree, env=environment,
                capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return -1, ""
    return ended.returncode, ended.stdout


def tried(weakening: Weakening, tree: Path) -> Outcome:
    """One weakening in a copy of the copy."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="beheard-mutant-") as folder:
        own = Path(folder) / "tree"
        shutil.copytree(tree, own)
        Path(folder).chmod(0o755)
        try:
            apply(weakening, own)
        except NotThere as gone:
            return Outcome(weakening, "", time.monotonic() - began, str(gone))
        code, output = run(weakening.tests, own)
    seconds = time.monotonic() - began
    found = FAILED.search(output)
    if code == TESTS_FAILED and found is not None:
        return Outcome(weakening, found[1], seconds)
    wrong = "" if code == 0 else f"the tests did not run (exit code {code})"
    return Outcome(weakening, "", seconds, wrong)


def show(outcome: Outcome) -> None:
    """One line of the table."""
    verdict = outcome.caught_by or outcome.wrong or "SURVIVED"
    print(f"{outcome.weakening.name:56} {outcome.seconds:4.0f} s  {verdict}", flush=True)


def fails_already(chosen: Sequence[Weakening], tree: Path) -> bool:
    """Whether one of the tests fails on the hub as it is; says which."""
    tests = sorted({test for weakening in chosen for test in weakening.tests})
    code, output = run(tests, tree)
    if code != 0:
        found = FAILED.search(output)
        print(f"fails without any weakening: {found[1] if found else f'exit code {code}'}")
    return code != 0


def main(words: Sequence[str]) -> int:
    """Runs them all, or those with one of the words in their name."""
    chosen = [w for w in WEAKENINGS if not words or any(word in w.name for word in words)]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="beheard-mutants-") as folder:
        tree = copied(Path(folder))
        outcomes = []
        with ThreadPoolExecutor(AT_ONCE) as pool:
            baseline = pool.submit(fails_already, chosen, tree)
            for outcome in pool.map(lambda weakening: tried(weakening, tree), chosen):
                show(outcome)
                outcomes.append(outcome)
    caught = sum(bool(outcome.caught_by) for outcome in outcomes)
    print(f"\n{caught} of {len(outcomes)} caught in {time.monotonic() - began:.0f} s")
    if baseline.result() or any(outcome.wrong for outcome in outcomes):
        return 2
    return 0 if caught == len(outcomes) > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
