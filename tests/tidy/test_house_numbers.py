"""The house numbers of the code, as a test with a ratchet: a bound here may only become smaller."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = [path for top in ("tests", "bench", "chaos") for path in sorted((ROOT / top).rglob("*.py"))]

SOURCE_LINES_MAX = 400
TEST_LINES_MAX = 800
BODY_LINES_MAX = 50
BODY_LINES_MEDIAN_MAX = 10
TYPE_IGNORES_MAX = 10
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and body length in lines (docstring excluded) of every function in a file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            yield node.name, (node.end_lineno or 0) - body[0].lineno + 1


def longer(paths: Sequence[Path], lines_max: int) -> list[str]:
    return [name(path) for path in paths if len(path.read_text().splitlines()) > lines_max]


def test_files_fit_in_one_sitting() -> None:
    assert longer(SOURCES, SOURCE_LINES_MAX) == []
    assert longer(TESTS, TEST_LINES_MAX) == []


def test_functions_are_seen_at_once() -> None:
    long = [
        (name(path), function, lines)
        for path in SOURCES
        for function, lines in functions(path)
        if lines > BODY_LINES_MAX
    ]
    assert long == [], f"longer than {BODY_LINES_MAX} lines"


def test_a_module_is_named_for_what_it_does() -> None:
    assert [name(path) for path in SOURCES if path.stem in VAGUE] == []


def test_functions_are_short_by_habit() -> None:
    lengths = [lines for path in SOURCES for _, lines in functions(path)]
    assert statistics.median(lengths) <= BODY_LINES_MEDIAN_MAX


def test_few_type_ignores() -> None:
    ignores = sum(path.read_text().count("# type: ignore") for path in SOURCES)
    assert ignores <= TYPE_IGNORES_MAX


SQL = re.compile(
    r"\b(SELECT\s+[\w*\"'(].*\bFROM\b|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\b|DELETE\s+FROM\s|"
    r"CREATE\s+(TABLE|ROLE|DATABASE)\s|ALTER\s+ROLE\s)",
    re.DOTALL,
)


def test_no_sql_in_python() -> None:
    found = [
        f"{name(path)}:{node.lineno}"
        for path in SOURCES
        for node in texts_of(tree(path))
        if SQL.search(str(node.value))
    ]
    assert found == [], "SQL belongs into a .sql file"


def texts_of(module: ast.Module) -> Iterator[ast.Constant]:
    """All strings but docstrings."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(module)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node


def test_nothing_left_open() -> None:
    for path in SOURCES:
        text = path.read_text()
        assert not re.search(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))", text), name(path)
        assert "NotImplementedError" not in text, name(path)


def test_ray_get_stays_out_of_async_code() -> None:
    """A blocking get on a loop stalls every session of a host (spec 10)."""
    for path in SOURCES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.AsyncFunctionDef):
                calls = [ast.unparse(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)]
                assert "ray.get" not in calls, f"{name(path)}: {node.name}"


def test_only_settings_reads_the_environment() -> None:
    for path in SOURCES:
        if path.name != "settings.py":
            assert not re.search(r"os\.(environ|getenv)", path.read_text()), name(path)
