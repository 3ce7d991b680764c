"""The tables of practice as a page for people.

Made by ``python -m beheard_hub.domain.practice.render > docs/practice-protocol.md``; a test
compares the page with the tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from beheard_hub.domain.practice.events import EVENTS
from beheard_hub.domain.practice.protocol import (
    ANY,
    COMMANDS,
    DIRECTORY,
    ENDS,
    FIRST_LANE,
    INTERNAL,
    LANES,
    Row,
)

HEAD = """# The protocol of practice

Generated from `domain/practice/protocol.py` and `events.py`; do not edit. To make it anew:
`python -m beheard_hub.domain.practice.render > docs/practice-protocol.md`.
What is decided: [decision 46](decisions/0046-practice.md).
"""
IDLE = "no_exchange"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _diagram() -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {IDLE}"]
    lines.append(f"    {IDLE} --> {FIRST_LANE}: practice.send")
    for lane in LANES.values():
        failed = f"{lane.name}_failed"
        lines += [
            f"    {lane.name} --> {lane.then or IDLE}: its words are stored and charged",
            f"    {lane.name} --> {failed}: practice.failed",
            f"    {failed} --> {lane.name}: practice.retry",
            f"    {failed} --> {FIRST_LANE}: practice.send",
        ]
    return "\n".join([*lines, "```"])


def _lanes() -> str:
    rows = [
        (
            f"`{lane.name}`",
            ", ".join(sorted(lane.sees)),
            f"`{lane.prompt}`, `{lane.model}`",
            "yes" if lane.quotes else "no",
            f"`{lane.then}`" if lane.then is not None else "-",
            f"{lane.history_tokens_max:,} and {lane.answer_tokens_max:,}",
        )
        for lane in LANES.values()
    ]
    head = (
        "lane",
        "sees messages of",
        "prompt and model",
        "ends with a quote",
        "then",
        "tokens of history, answer",
    )
    return _table(head, rows)


def _commands() -> str:
    rows = [
        (f"`{name}`", _data(row), row.role, row.others or "-", _statuses(row))
        for name, row in {**DIRECTORY, **COMMANDS}.items()
    ]
    return _table(("command", "data", "least role", "of others, for", "statuses"), rows)


def _data(row: Row) -> str:
    return "`subscribe` as observer" if row.observes else f"`{row.data.__name__}`"


def _statuses(row: Row) -> str:
    return "any" if row.statuses == ANY else ", ".join(sorted(row.statuses))


def _events() -> str:
    rows = [(f"`{name}`", row.means, ", ".join(row.fields) or "-") for name, row in EVENTS.items()]
    return _table(("event", "means", "fields"), rows)


def _ends() -> str:
    rows = [(f"`{reason}`", end.status, end.means) for reason, end in ENDS.items()]
    return _table(("reason", "status", "when"), rows)


def page() -> str:
    """The whole page."""
    sections = (
        ("An exchange", _lanes() + "\n\n" + _diagram()),
        ("Commands", _commands()),
        ("Internal commands", "\n".join(f"* `{name}`" for name in INTERNAL)),
        ("Events", _events()),
        ("Ends", _ends()),
    )
    return HEAD + "".join(f"\n## {title}\n\n{text}\n" for title, text in sections)


if __name__ == "__main__":
    print(page(), end="")
