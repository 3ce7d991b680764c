"""What a played journey leaves behind, who may watch it, and which of its words cross."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from beheard_hub.client import Streamed
from beheard_hub.journeys import Side, Step


class Watcher(Protocol):
    """Looks on while a journey is played; see `screen.py`. Nothing here may raise."""

    def began(self, names: Mapping[Side, str], title: str) -> None:
        """Both are about to connect."""

    def step(self, number: int, side: Side, step: Step) -> None:
        """A person takes a step."""

    def wrote(self, side: Side, command: str, data: Mapping[str, Any]) -> None:
        """A command with text left this side."""

    def answered(self, side: Side, command: str, reply: Mapping[str, Any]) -> None:
        """The hub committed it and answered."""

    def heard(self, side: Side, frame: Streamed) -> None:
        """A frame of the session came in."""

    def ended(self, result: PlayResult) -> None:
        """All steps were taken."""


class Unwatched:
    """Nobody looks."""

    def began(self, names: Mapping[Side, str], title: str) -> None:
        """Says nothing."""

    def step(self, number: int, side: Side, step: Step) -> None:
        """Says nothing."""

    def wrote(self, side: Side, command: str, data: Mapping[str, Any]) -> None:
        """Says nothing."""

    def answered(self, side: Side, command: str, reply: Mapping[str, Any]) -> None:
        """Says nothing."""

    def heard(self, side: Side, frame: Streamed) -> None:
        """Says nothing."""

    def ended(self, result: PlayResult) -> None:
        """Says nothing."""


@dataclass
class PlayResult:
    """Everything that a test of privacy or of a history needs to know."""

    session_id: str = ""
    status: str = ""
    outcome: str | None = None
    written: dict[Side, list[tuple[str, str]]] = field(
        default_factory=lambda: {"a": [], "b": []}, repr=False
    )
    """``command.field`` and text, of all that each side sent."""
    received: dict[Side, list[str | bytes]] = field(
        default_factory=lambda: {"a": [], "b": []}, repr=False
    )
    """Raw frames, of all that each side got."""
    consented: dict[Side, list[str]] = field(default_factory=lambda: {"a": [], "b": []}, repr=False)
    """Texts that each side let cross, or wrote where both read."""
    events: dict[Side, list[int]] = field(default_factory=lambda: {"a": [], "b": []})
    """The seqs in the order in which they were handed out."""
    ack_ms: list[float] = field(default_factory=list, repr=False)
    messages: int = 0
    crossed: int = 0


CROSSING_FIELDS: Mapping[str, Sequence[str]] = {
    "consent.decide": ("editedContent",),
    "empathy.consent": ("finalContent",),
    "common_ground.propose": ("need", "description"),
    "strategies.propose": ("description", "duration", "measureOfSuccess"),
    "agreement.create": ("description", "duration", "measureOfSuccess"),
    "agreement.confirm": ("modification",),
}
"""What of a command's text the partner may read afterwards. Needs and drafts are added where their
text is known (`acts.py`)."""


def crossing(command: str, data: Mapping[str, Any]) -> list[str]:
    """The texts of a command that its writer lets cross."""
    fields: Sequence[str] = CROSSING_FIELDS.get(command, ())
    if command == "empathy.validate" and data.get("consentToShareFeedback"):
        fields = ("feedback",)
    return [data[name] for name in fields if isinstance(data.get(name), str)]


def find_texts(data: Any, path: str) -> list[tuple[str, str]]:
    """All texts in a command's data with the path of their field."""
    if isinstance(data, str):
        return [(path, data)]
    found: list[tuple[str, str]] = []
    if isinstance(data, Mapping):
        for key, value in data.items():
            found += find_texts(value, f"{path}.{key}")
    elif isinstance(data, Sequence):
        for value in data:
            found += find_texts(value, path)
    return found
