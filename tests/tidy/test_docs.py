"""The tables in the docs say what the tables in the code say; a difference names its rows."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from typer.core import TyperGroup as Group
from typer.main import get_command

from beheard_hub.cli import app
from beheard_hub.domain.refusals import CODES
from beheard_hub.gateway.close_codes import CLOSE_CODES
from beheard_hub.settings import VARIABLES, Variable

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SOURCE = sorted((ROOT / "src").rglob("*.py"))
DEFAULTS = {
    "BEHEARD_HOSTS": "cores, at least 2",
    "BEHEARD_FACILITATOR": "`anthropic` if its key is set, else `offline`",
    "BEHEARD_PRACTICE_LINK": "`/practice` on the hub's own host and port",
}
"""Where the default is computed, what the docs say of it."""
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def rows(page: str, head: str) -> list[tuple[str, ...]]:
    """Cells of the one table of a page that begins with the line `head`."""
    lines = (DOCS / page).read_text().splitlines()
    starts = [number for number, line in enumerate(lines) if line == head]
    assert len(starts) == 1, f"{page} has {len(starts)} tables {head}"
    found = []
    for line in lines[starts[0] + 2 :]:
        if not line.startswith("|"):
            break
        found.append(tuple(cell.strip() for cell in line.strip("|").split("|")))
    return found


def test_settings() -> None:
    assert rows("operations.md", "| variable | default | meaning |") == [
        (f"`{one.name}`", default(one), one.meaning + (" (secret)" if one.secret else ""))
        for one in VARIABLES
    ]


def default(one: Variable) -> str:
    """As the docs write it: a dash for none."""
    if callable(one.default):
        return DEFAULTS[one.name]
    if one.default is None or one.default == ():
        return "-"
    if isinstance(one.default, bool):
        return "`on`" if one.default else "`off`"
    return f"`{one.default}`"


def test_close_codes() -> None:
    assert rows("websocket.md", "| code | slug | means | connect again unchanged |") == [
        (
            str(int(code)),
            f"`{row.slug}`",
            row.meaning,
            f"yes, after {row.after_ms:,} ms" if row.reconnect else "no",
        )
        for code, row in CLOSE_CODES.items()
    ]


def test_error_codes() -> None:
    assert rows("websocket.md", "| code | retryable | sentence |") == [
        (str(code), "yes" if row.retryable else "no", row.sentence) for code, row in CODES.items()
    ]


def test_log_events() -> None:
    documented = [
        name.strip("` ")
        for cells in rows("operations.md", "| event | means |")
        for name in cells[0].split(",")
    ]
    assert sorted(documented) == sorted(set(documented)), "named twice"
    said = {name for path in SOURCE for name in said_in(path)}
    assert len(said) > 20
    assert sorted(said) == sorted(documented)


def said_in(path: Path) -> Iterator[str]:
    """Names of the lines that a module logs."""
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LEVELS
            and is_logger(node.func.value)
        ):
            name = node.args[0]
            assert isinstance(name, ast.Constant), f"{path.name}: a name that cannot be searched"
            yield str(name.value)


def is_logger(node: ast.expr) -> bool:
    """`_log.info(...)`, `self._log.info(...)` or `logger("part").info(...)`."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "logger"
    return getattr(node, "id", getattr(node, "attr", "")) in {"_log", "log"}


def test_every_command_stands_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text().partition("## Commands")[2].partition("\n## ")[0]
    made = get_command(app)
    assert isinstance(made, Group)
    known = [name for name, one in made.commands.items() if not one.hidden]
    assert len(known) > 15
    assert [name for name in known if f"`beheard {name}" not in text] == []


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in links(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []


def links(text: str) -> Iterable[str]:
    """Relative links of a page, without their anchors."""
    targets: Sequence[str] = [part.partition(")")[0] for part in text.split("](")[1:]]
    return [
        target.partition("#")[0] for target in targets if "://" not in target and target[0] != "#"
    ]
