"""What a played journey leaves for the scores: who wrote what, what crossed, what was called."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec

from beheard_hub.client import Streamed
from beheard_hub.demo.record import PlayResult, Unwatched
from beheard_hub.evaluation.recording import Call
from beheard_hub.evaluation.texts import folded, sentences, strings
from beheard_hub.facilitation import (
    CommonItem,
    DraftCheck,
    Spoken,
    Suggestion,
    Synthesis,
    Transformation,
)
from beheard_hub.journeys import SIDES, Journey, Side

OF_BOTH = frozenset({"common_ground", "suggest"})
"""Calls, and prompts of that name, that see what belongs to both, and whose result both read."""
WORDS_MIN = 4
"""A sentence of fewer words may be anybody's."""


class Withdrawn(msgspec.Struct, frozen=True):
    """A text that had crossed and was taken back."""

    side: Side
    text: str
    at: float
    """Seconds of the recorder's clock."""


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What went to a model by the wire."""

    id: str
    """``journey/name of the prompt/number``."""
    prompt: str
    user: str | None
    """Name of the one for whom it was made, where the request says so."""
    data: Any

    def __repr__(self) -> str:
        return f"Body({self.id})"


class Crossings(Unwatched):
    """A `Watcher` that keeps what the hub itself says has crossed, and when it was taken back."""

    def __init__(self, mono: Callable[[], float] = time.monotonic) -> None:
        self._mono = mono
        self._texts: dict[str, str] = {}
        self._asked: dict[Side, str] = {}
        self.crossed: dict[Side, list[str]] = {"a": [], "b": []}
        self.withdrawn: list[Withdrawn] = []
        self.failures = 0

    def wrote(self, side: Side, command: str, data: Mapping[str, Any]) -> None:
        """Remembers which consent is about to be taken back."""
        if command == "consent.revoke":
            self._asked[side] = str(data.get("consentRecordId"))

    def answered(self, side: Side, command: str, reply: Mapping[str, Any]) -> None:
        """What crossed, in the words in which it did."""
        if command == "consent.decide" and reply.get("sharedContent"):
            text = str(reply["sharedContent"].get("transformedContent") or "")
            self._texts[str(reply["consentRecord"]["id"])] = text
            self.crossed[side].append(text)
        if command == "consent.revoke" and self._asked.get(side) in self._texts:
            text = self._texts[self._asked[side]]
            self.withdrawn.append(Withdrawn(side, text, self._mono()))

    def heard(self, side: Side, frame: Streamed) -> None:
        """Counts answers that failed."""
        self.failures += getattr(frame, "name", "") == "message.failed"


class Played(msgspec.Struct, kw_only=True, dict=True):
    """One journey, played."""

    name: str
    names: Mapping[Side, str]
    written: Mapping[Side, Sequence[str]]
    crossed: Mapping[Side, Sequence[str]]
    withdrawn: Sequence[Withdrawn] = ()
    calls: Sequence[Call] = ()
    bodies: Sequence[Body] = ()
    ended: bool = True
    wrong: str = ""
    """Why it did not come to its end; no private text."""
    seconds: float = 0.0
    messages: int = 0

    def __repr__(self) -> str:
        return f"Played({self.name})"

    def side_of(self, call: Call) -> Side | None:
        """For whom it was made, as far as that can be told."""
        if call.bundle is not None:
            return self.named(call.bundle.user_name)
        return self._sides.get(call.user_id or "")

    @cached_property
    def _sides(self) -> Mapping[str, Side | None]:
        bundles = [call.bundle for call in self.calls if call.bundle is not None]
        return {bundle.user_id: self.named(bundle.user_name) for bundle in bundles}

    def named(self, name: str | None) -> Side | None:
        """The side of that name."""
        return next((side for side in SIDES if self.names[side] == name), None)

    def partner(self, call: Call) -> str:
        """Name of the other one, or nothing."""
        side = self.side_of(call)
        return self.names["b" if side == "a" else "a"] if side else ""

    @cached_property
    def private(self) -> Mapping[Side, frozenset[str]]:
        """Folded sentences that are this side's alone: written by it and not by the other, or said
        to it and not to the other; nobody let them across, and they are not of what both got."""
        wrote = {side: needles(self.written[side]) for side in SIDES}
        heard = {side: needles(self._said_to(side)) for side in SIDES}
        both = [c.made for c in self.calls if c.name in OF_BOTH]
        let = haystack([*self.crossed.values(), both])
        return {
            side: frozenset(
                [s for s in wrote[side] if s not in _joined(wrote[other(side)], let)]
                + [
                    s
                    for s in heard[side]
                    if s not in _joined(heard[other(side)], wrote[other(side)], let)
                ]
            )
            for side in SIDES
        }

    def _said_to(self, side: Side) -> list[str]:
        calls = [call for call in self.calls if self.side_of(call) == side]
        return [text for call in calls for text in said_to_user(call.made)]


def said_to_user(made: Any) -> list[str]:
    """All texts of an answer, whoever it is that reads them."""
    match made:
        case Spoken():
            return [made.text]
        case Synthesis():
            needs = [text for need in made.needs for text in (need.need, need.description)]
            asked = [
                t for item in made.clarifications for t in (item.potential_need, item.question)
            ]
            return [*needs, *asked]
        case Transformation():
            return [made.text, *made.clarifications]
        case DraftCheck():
            return [made.hint]
        case list() | tuple():
            return [item.description for item in made if isinstance(item, CommonItem | Suggestion)]
    return []


def _joined(*texts: Sequence[str] | str) -> str:
    return " | ".join(text if isinstance(text, str) else " | ".join(text) for text in texts)


def needles(texts: Sequence[str]) -> list[str]:
    """Folded sentences that are long enough to be somebody's."""
    found = [folded(s) for text in texts for s in sentences(text)]
    return [s for s in found if len(s.split()) >= WORDS_MIN]


def other(side: Side) -> Side:
    """The partner's."""
    return "b" if side == "a" else "a"


def haystack(data: Any) -> str:
    """All texts in there, folded, apart from each other."""
    return " | ".join(folded(text) for text in strings(data))


def played(
    journey: Journey,
    result: PlayResult,
    crossings: Crossings,
    calls: Sequence[Call],
    bodies: Sequence[Body] = (),
) -> Played:
    """A journey that came to an end, of whichever kind."""
    return Played(
        name=journey.name,
        names={"a": journey.a.name, "b": journey.b.name},
        written={side: [text for _, text in result.written[side]] for side in SIDES},
        crossed={side: [*result.consented[side], *crossings.crossed[side]] for side in SIDES},
        withdrawn=crossings.withdrawn,
        calls=calls,
        bodies=bodies,
        ended=result.status == "RESOLVED",
        wrong="" if result.status == "RESOLVED" else f"the session ended as {result.status}",
        messages=result.messages,
    )
