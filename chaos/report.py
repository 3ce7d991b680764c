"""The figures of a run, as a table and as JSON."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from tests.histories.checks import CHECKS, Violation
from tests.histories.log import Answered, Sent
from tests.histories.practice_checks import PRACTICE_CHECKS

from chaos.hub import Struck
from chaos.people import Load
from chaos.standstill import StoodStill

RESULTS = Path(__file__).parent / "results"
VIOLATIONS_SHOWN = 20


class Waits(msgspec.Struct, frozen=True):
    """How long people in sessions that a fault hit waited for the first ack after it, where no
    other fault came before; seconds."""

    people: int
    p50: float
    p99: float
    longest: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one run."""

    seed: int
    seconds: float
    people: int
    practices: int
    """How many were begun."""
    merged: int
    """Guests who became somebody else."""
    faults: Mapping[str, int]
    """By name, how many."""
    acked: int
    sent_again: int
    """Times that a command left once more with the same id: after a reconnect, or from another
    device."""
    duplicates: int
    """Answers that said so."""
    unknown: int
    """Commands of whose outcome nobody was told."""
    refusals: Mapping[str, int]
    events: int
    """Heard by all devices."""
    first_ack: Mapping[str, Waits]
    """By fault."""
    machine: StoodStill
    broken: Mapping[str, int]
    """Every promise, with how often it was broken."""
    violations: Sequence[str]

    @property
    def kept(self) -> bool:
        """No promise was broken."""
        return not self.violations


def report(
    seed: int, seconds: float, load: Load, done: Sequence[Struck], found: Sequence[Violation],
    machine: StoodStill,
) -> Report:  # fmt: skip
    """The figures of a run that was judged."""
    answers = [entry for entry in load.entries if isinstance(entry, Answered)]
    sent = Counter((e.user_id, e.command_id) for e in load.entries if isinstance(e, Sent))
    stage = load.seats[0].stage if load.seats else None
    checks = (*CHECKS, *(PRACTICE_CHECKS if stage else ()))
    promises = dict.fromkeys(checks, 0) | Counter(violation.promise for violation in found)
    return Report(
        seed=seed,
        seconds=seconds,
        people=len(load.people),
        practices=len(stage.owners) if stage else 0,
        merged=len(stage.merged) if stage else 0,
        faults=dict(Counter(struck.fault for struck in done)),
        acked=sum(person.sent.total() for person in load.people),
        sent_again=sum(count - 1 for count in sent.values()),
        duplicates=sum(answer.duplicate for answer in answers),
        unknown=sum(player.unknown.total() for player in load.players),
        refusals=dict(Counter(answer.code for answer in answers if answer.code)),
        events=sum(shown.seq for shown in load.final),
        first_ack=_waits(done),
        machine=machine,
        broken=promises,
        violations=[str(violation) for violation in found],
    )


def _waits(done: Sequence[Struck]) -> dict[str, Waits]:
    by_fault: dict[str, list[float]] = {}
    for struck in done:
        by_fault.setdefault(struck.fault, []).extend(struck.seconds)
    return {
        fault: Waits(len(found), _share(found, 0.5), _share(found, 0.99), max(found))
        for fault, found in by_fault.items()
        if found
    }


def _share(found: Sequence[float], share: float) -> float:
    return sorted(found)[min(len(found) - 1, int(share * len(found)))]


def show(name: str, made: Report) -> None:
    """Prints a report and writes it as JSON."""
    console = Console(highlight=False)
    table = Table("", f"plan {name}, seed {made.seed}")
    faults = ", ".join(f"{count} {fault}" for fault, count in sorted(made.faults.items()))
    refusals = ", ".join(f"{count} {code}" for code, count in sorted(made.refusals.items()))
    for label, said in (
        ("faults", f"{sum(made.faults.values())}: {faults}"),
        ("time", f"{made.seconds:.0f} s, {made.people} people"),
        ("practised", f"{made.practices} practices, {made.merged} guests merged"),
        ("acked", f"{made.acked:,} commands, {made.events:,} events"),
        ("sent again", f"{made.sent_again:,}, answered as duplicates {made.duplicates:,}"),
        ("outcome unknown", f"{made.unknown:,}"),
        ("refused on the way", refusals or "none"),
    ):
        table.add_row(label, said)
    machine = made.machine
    table.add_row(
        "the machine stood still",
        f"{machine.together:.1f} s, longest {machine.longest:.2f} s; "
        f"{machine.stolen:.1%} of its processors went to others",
    )
    for fault, waits in made.first_ack.items():
        table.add_row(
            f"first ack after {fault}",
            f"p50 {waits.p50:.2f} s, p99 {waits.p99:.2f} s, last {waits.longest:.2f} s "
            f"({waits.people} people)",
        )
    for promise, count in made.broken.items():
        table.add_row(promise, f"[red]broken {count} times[/]" if count else "kept")
    console.print(table)
    for violation in made.violations[:VIOLATIONS_SHOWN]:
        console.print(f"[red]{violation}[/]")
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y%m%dT%H%M%S')}-{name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(made)))
    console.print(f"written to chaos/results/{path.name}")
