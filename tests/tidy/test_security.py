"""SECURITY.md names tests that there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)
ROWS = [line for line in TEXT.partition("## Threats and tests")[2].splitlines() if "| " in line]


def test_every_threat_names_a_test() -> None:
    threats = ROWS[1:]
    assert len(threats) > 20
    assert [row for row in threats if "`tests/" not in row.rpartition(" | ")[2]] == []


def test_every_test_that_is_named_exists() -> None:
    missing = []
    for path, name in NAMED:
        file = ROOT / path
        tree = ast.parse(file.read_text()) if file.exists() else ast.Module([], [])
        functions = {
            node.name for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }  # fmt: skip
        tests = {function for function in functions if function.startswith("test_")}
        if not tests or (name and name not in tests):
            missing.append(f"{path}::{name}")
    assert missing == []


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert (ROOT / target).exists(), target
