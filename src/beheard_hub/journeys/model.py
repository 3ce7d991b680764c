"""What a journey is: two people, and steps in the order in which they are taken.

A journey is a TOML file that reads from top to bottom. A step is one of

* ``say``: a message to the facilitator; the player waits for the answer before going on;
* ``do``: the name of a command of spec 2.3 with its data in ``with``, or of an act (`ACTS`) whose
  details are only known while it is played, such as which needs were found.

``save`` keeps a reply under a name; a text ``$name.path.0.id`` in a later ``with`` stands for that
part of it. Names are kept per person; ``$a.name`` and ``$b.name`` reach across.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal, TypeAlias

import msgspec

Side: TypeAlias = Literal["a", "b"]
SIDES: tuple[Side, Side] = ("a", "b")


class Act(StrEnum):
    """Steps that are more than one command, or whose data comes from earlier replies."""

    ADVANCE = "advance"
    """One stage on; the facilitator's opening message there is awaited."""
    CONFIRM_NEEDS = "confirm_needs"
    """Adds the need in `with`, then answers all: the first found one is confirmed with `adjust`,
    the last one rejected, the others confirmed."""
    SHARE_NEEDS = "share_needs"
    """Lets all confirmed needs cross."""
    SETTLE_COMMON_GROUND = "settle_common_ground"
    """Awaits the analysis, names the one in `with` where none was found, confirms all."""
    RANK = "rank"
    """Ranks the pool: what holds one of the texts in `prefer` first, in that order."""
    AWAIT = "await"
    """Waits for the event that `event` names."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"data": "with"}):
    """One step. Exactly one of `say` and `do`."""

    who: Literal["a", "b", "both"]
    say: str | None = None
    intensity: int | None = None
    feeling: str | None = None
    """Context of the reading that goes with a message."""
    do: str | None = None
    data: Mapping[str, Any] = {}
    save: str | None = None
    adjust: str | None = None
    prefer: Sequence[str] = ()
    event: str | None = None

    @property
    def sides(self) -> Sequence[Side]:
        """Who takes the step, in order."""
        return SIDES if self.who == "both" else (self.who,)

    @property
    def act(self) -> Act | None:
        """The act, or None for a message or a plain command."""
        return Act(self.do) if self.do in set(Act) else None


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the two. `context` is what A writes for herself when she opens the session."""

    name: str
    context: str | None = None


class Journey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A session from invitation to its end."""

    name: str
    title: str
    outcome: Literal["AGREEMENT", "NO_SHARED_AGREEMENT"]
    a: Person
    b: Person
    steps: Sequence[Step]

    @property
    def messages(self) -> int:
        """How many messages the two send."""
        return sum(len(step.sides) for step in self.steps if step.say is not None)
