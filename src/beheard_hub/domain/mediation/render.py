"""The tables as a page for people.

Made by ``python -m beheard_hub.domain.mediation.render > docs/protocol.md``; a test compares the
page with the tables, so that a change of a rule shows in a review as a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from beheard_hub.domain.mediation.events import EVENTS, To
from beheard_hub.domain.mediation.protocol import (
    COMMANDS,
    CROSSINGS,
    DIRECTORY,
    GATES_OF,
    INTERNAL,
    STAGES,
    Gate,
    Pace,
    Row,
)
from beheard_hub.domain.mediation.vocabulary import FINAL, OPEN

HEAD = """# The protocol of mediation

Generated from `domain/mediation/protocol.py` and `events.py`; do not edit. To make it anew:
`python -m beheard_hub.domain.mediation.render > docs/protocol.md`.
"""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _diagram() -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    direction LR"]
    for stage, following in pairwise(STAGES):
        lines.append(f"    {_node(stage.number)} --> {_node(following.number)}: {stage.pace.name}")
    lines.append(f"    {_node(STAGES[-1].number)} --> [*]: {STAGES[-1].pace.name}")
    return "\n".join([*lines, "```"])


def _node(number: int) -> str:
    return STAGES[number].name.replace(" ", "_")


def _cause(gate: Gate) -> str:
    if gate.mirrors is not None:
        return f"the partner's `{gate.mirrors}`"
    if gate.cause is None:
        return "said by its command"
    return (gate.cause.__doc__ or "").strip()


def _stages() -> str:
    rows = [
        (str(stage.number), stage.name, stage.pace.name.lower(), stage.pace.value)
        for stage in STAGES
    ]
    return _table(("stage", "name", "pace", "is left when"), rows)


def _gates() -> str:
    rows = [
        (
            str(gate.stage),
            f"`{gate.key}`",
            gate.means,
            _cause(gate),
            "own" if gate.own else "partner",
            _latch(gate),
        )
        for stage in STAGES
        for gate in GATES_OF[stage.number]
    ]
    return _table(("stage", "gate", "means", "true while", "in whose hands", "latches"), rows)


def _latch(gate: Gate) -> str:
    if gate.latches:
        return "at once"
    joint = STAGES[gate.stage].pace is Pace.TOGETHER
    return "at the first step out" if joint else "-"


def _commands() -> str:
    rows = [
        (f"`{name}`", f"`{row.data.__name__}`", _statuses(row), _stages_of(row), _flags(row))
        for name, row in {**DIRECTORY, **COMMANDS}.items()
    ]
    return _table(("command", "data", "statuses", "stages", "notes"), rows)


def _statuses(row: Row) -> str:
    if row.statuses == OPEN | FINAL:
        return "any"
    if row.statuses == OPEN:
        return "any but final"
    return ", ".join(sorted(row.statuses))


def _stages_of(row: Row) -> str:
    stages = "any" if row.stages is None else ", ".join(str(n) for n in sorted(row.stages))
    return stages if row.phases is None else f"{stages} in {' or '.join(sorted(row.phases))}"


def _flags(row: Row) -> str:
    flags = {
        "reads": row.reads,
        "without a session": row.sessionless and not row.by_invitation,
        "by its invitation": row.by_invitation,
        "not only members": row.anyone,
        "commits alone": row.alone,
    }
    return ", ".join(name for name, true in flags.items() if true) or "-"


def _events() -> str:
    rows = [
        (f"`{name}`", row.to.value, ", ".join(row.fields) or "-")
        for to in To
        for name, row in EVENTS.items()
        if row.to is to
    ]
    return _table(("event", "told to", "fields"), rows)


def _crossings() -> str:
    rows = [
        (
            f"`{row.content_type}`",
            str(row.from_stage),
            f"`{row.by}`",
            "yes" if row.on_request else "no",
            row.shown,
            row.revoked,
        )
        for row in CROSSINGS.values()
    ]
    head = ("content", "from stage", "let out by", "on request", "shown as", "called back")
    return _table(head, rows)


def page() -> str:
    """The whole page."""
    sections = (
        ("Stages", _stages() + "\n\n" + _diagram()),
        ("Gates", _gates()),
        ("Commands", _commands()),
        ("Internal commands", "\n".join(f"* `{name}`" for name in INTERNAL)),
        ("Events", _events()),
        ("What can cross", _crossings()),
    )
    return HEAD + "".join(f"\n## {title}\n\n{text}\n" for title, text in sections)


if __name__ == "__main__":
    print(page(), end="")
