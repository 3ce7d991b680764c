"""What happens in a run, drawn from its seed: who is there, what they send, and what goes wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import msgspec

from tests.simulation.people import Step

FAULTS_FROM_SECONDS, FAULTS_UNTIL_SECONDS = 0.5, 5.0

FAULTS: Mapping[str, int] = {
    "kill host": 4,
    "freeze host": 4,
    "drain host": 3,
    "add host": 3,
    "kill gateway": 2,
    "cut lines": 3,
    "noisy lines": 3,
    "cut flushes": 4,
    "stall database": 2,
    "database away": 2,
    "hang up": 2,
    "clock jumps": 2,
}
"""Fault → how often it is drawn."""

PAUSES_SECONDS = (0.0, 0.0, 0.0, 0.05, 0.3, 0.5, 1.0)
"""Between two commands: long enough that people are busy as long as things go wrong, and no longer,
for every second costs what the hosts do in it."""

COMMANDS: Sequence[tuple[int, str, Mapping[str, Any]]] = (
    (9, "message.send", {"content": "{id}"}),
    (14, "emotions.record", {"intensity": 3, "context": "{id}"}),
    (1, "session.pause", {}),
    (3, "session.resume", {}),
    (3, "compact.sign", {"agreed": True}),
    (2, "feel_heard.confirm", {"confirmed": True}),
    (2, "stage.advance", {"fromStage": 0, "toStage": 1}),
    (2, "stage.advance", {"fromStage": 1, "toStage": 2}),
    (1, "empathy.save_draft", {"content": "{id}", "readyToShare": True}),
    (8, "progress.get", {}),
)
"""Weight, command, data. Much is refused at the stage where it comes: that is part of it."""


class Fault(msgspec.Struct, frozen=True):
    """One thing that goes wrong. `seconds` is how long it lasts, `luck` in 0-1 chooses the victim
    and all else that is left open."""

    at: float
    kind: str
    seconds: float
    luck: float


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    hosts: int
    gateways: int
    pace: float
    """Seconds that a message takes on average, on every way."""
    stages: Sequence[int]
    """Of each session, the stage at which it begins; -1: it is created in the run."""
    faults: Sequence[Fault]


def plan(seed: int) -> Plan:
    """The plan of a seed."""
    dice = Random(f"plan:{seed}")
    faults = [
        Fault(
            dice.uniform(FAULTS_FROM_SECONDS, FAULTS_UNTIL_SECONDS),
            dice.choices(list(FAULTS), list(FAULTS.values()))[0],
            dice.choice((0.3, 1.0, 2.0, 3.5, 5.0)),
            dice.random(),
        )
        for _ in range(dice.randint(1, 4))
    ]
    return Plan(
        hosts=dice.randint(2, 3),
        gateways=dice.randint(1, 2),
        pace=dice.choice((0.001, 0.005, 0.03)),
        stages=[dice.choice((-1, 0, 0, 1, 1, 2)) for _ in range(dice.randint(1, 2))],
        faults=sorted(faults, key=lambda fault: fault.at),
    )


def steps(dice: Random) -> list[Step]:
    """What one person sends: bursts and pauses."""
    weights = [weight for weight, _, _ in COMMANDS]
    chosen = dice.choices(COMMANDS, weights, k=dice.randint(12, 24))
    return [(dice.choice(PAUSES_SECONDS), name, data) for _, name, data in chosen]
