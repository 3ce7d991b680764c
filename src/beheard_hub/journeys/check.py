"""Whether a journey is playable: limits of spec 2.3, references, and the episodes it must show."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from beheard_hub.journeys.model import SIDES, Act, Journey, Side, Step

MESSAGES_MIN = 40

CHARS_MAX: Mapping[str, int] = {
    "message.send.content": 10_000,
    "message.send.emotionalContext": 500,
    "session.create.context": 2_000,
    "session.pause.reason": 500,
    "emotions.record.context": 500,
    "event.add.description": 2_000,
    "boundary.add.description": 1_000,
    "document.add.title": 200,
    "document.add.content": 20_000,
    "empathy.save_draft.content": 1_200,
    "empathy.consent.finalContent": 1_200,
    "empathy.validate.feedback": 1_000,
    "confirm_needs.need": 200,
    "confirm_needs.description": 300,
    "confirm_needs.adjust": 300,
    "settle_common_ground.need": 200,
    "settle_common_ground.description": 200,
    "strategies.propose.description": 800,
    "strategies.propose.duration": 100,
    "strategies.propose.measureOfSuccess": 300,
    "agreement.create.description": 800,
    "agreement.create.duration": 100,
    "agreement.create.measureOfSuccess": 300,
    "agreement.confirm.modification": 800,
    "consent.decide.editedContent": 1_200,
}
"""Code points after trimming."""

NOT_TEXT = frozenset(
    {
        *("type", "category", "attributedTo", "emotions", "contentType", "decision"),
        *("exerciseType", "followUpDate", "needsAddressed", "focusNeeds"),
    }
)
"""Fields that hold words of the protocol or names of needs, not what a person writes."""

Episode = Callable[[Journey], bool]


def _does(name: str, **expected: Any) -> Episode:
    def check(journey: Journey) -> bool:
        return any(
            step.do == name and all(step.data.get(key) == value for key, value in expected.items())
            for step in journey.steps
        )

    return check


def _edited(journey: Journey) -> bool:
    return any(s.do == "consent.decide" and "editedContent" in s.data for s in journey.steps)


def _revised(journey: Journey) -> bool:
    """A rejection with shared feedback, later another consent by the author, then validation."""
    names = [(s.who, s.do, s.data.get("validated")) for s in journey.steps]
    for at, (who, do, validated) in enumerate(names):
        if do == "empathy.validate" and validated is False:
            author = "b" if who == "a" else "a"
            later = names[at:]
            return (author, "empathy.consent", None) in later and (
                (who, "empathy.validate", True) in later
            )
    return False


def _strong(journey: Journey) -> bool:
    readings = [s.data.get("intensity", 0) for s in journey.steps if s.do == "emotions.record"]
    return max(readings, default=0) >= 8


EPISODES: Mapping[str, Episode] = {
    "a consent is denied": _does("consent.decide", decision="DENIED"),
    "a consent is edited": _edited,
    "a consent is revoked": _does("consent.revoke"),
    "an empathy attempt is rejected with shared feedback": _does(
        "empathy.validate", validated=False, consentToShareFeedback=True
    ),
    "it is revised and validated": _revised,
    "a pause": _does("session.pause"),
    "a resume": _does("session.resume"),
    "a strong emotion": _strong,
    "needs are confirmed, adjusted and rejected": _does(Act.CONFIRM_NEEDS),
    "needs are shared": _does(Act.SHARE_NEEDS),
    "common ground is confirmed": _does(Act.SETTLE_COMMON_GROUND),
}
AGREEMENT_EPISODES: Mapping[str, Episode] = {
    "strategies are proposed": _does("strategies.propose"),
    "strategies are suggested": _does("strategies.suggest"),
    "the pool is ranked": _does(Act.RANK),
    "the overlap is read": _does("strategies.overlap"),
    "an agreement is proposed": _does("agreement.create"),
    "it is modified": lambda j: any("modification" in step.data for step in j.steps),
    "it is agreed": _does("agreement.confirm", confirmed=True),
    "it is resolved": _does("session.resolve"),
}
WITHOUT_AGREEMENT_EPISODES: Mapping[str, Episode] = {
    "both end without an agreement": lambda j: (
        {
            side
            for step in j.steps
            if step.do == "session.resolve" and step.data.get("withoutAgreement") is True
            for side in step.sides
        }
        == set(SIDES)
    ),
}


def problems(journey: Journey) -> list[str]:
    """Everything that is wrong with a journey, one sentence each; empty when it may be played."""
    found = list(_shape(journey))
    if journey.messages < MESSAGES_MIN:
        found.append(f"{journey.messages} messages, at least {MESSAGES_MIN} are wanted")
    ending = AGREEMENT_EPISODES if journey.outcome == "AGREEMENT" else WITHOUT_AGREEMENT_EPISODES
    found += [
        f"missing: {sentence}"
        for sentence, holds in {**EPISODES, **ending}.items()
        if not holds(journey)
    ]
    return found


def _shape(journey: Journey) -> Iterator[str]:
    saved: dict[Side, set[str]] = {"a": {"time"}, "b": {"time"}}
    for number, step in enumerate(journey.steps, 1):
        where = f"step {number} ({step.who}, {step.do or 'say'})"
        if (step.say is None) == (step.do is None):
            yield f"{where}: exactly one of say and do"
        for field, text in texts(step):
            limit = CHARS_MAX.get(field)
            if limit is None:
                yield f"{where}: {field} has no known limit"
            elif not 0 < len(text.strip()) <= limit:
                yield f"{where}: {field} has {len(text.strip())} characters, limit {limit}"
        for side in step.sides:
            yield from (
                f"{where}: nothing was saved as {name}"
                for name in _references(step.data)
                if not _known(name, side, saved)
            )
            if step.save is not None:
                saved[side].add(step.save)


def _known(reference: str, side: Side, saved: Mapping[Side, set[str]]) -> bool:
    head, _, rest = reference.partition(".")
    for other in SIDES:
        if head == other:
            return rest.partition(".")[0] in saved[other]
    return head in saved[side]


def _references(data: Any) -> Iterator[str]:
    if isinstance(data, str) and re.match(r"\$\w", data):
        yield data[1:]
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from _references(value)
    elif isinstance(data, Sequence) and not isinstance(data, str):
        for value in data:
            yield from _references(value)


def texts(step: Step) -> Iterator[tuple[str, str]]:
    """What the person writes in this step: ``command.field`` and the text."""
    if step.say is not None:
        yield "message.send.content", step.say
    if step.feeling is not None:
        yield "message.send.emotionalContext", step.feeling
    if step.adjust is not None:
        yield f"{step.do}.adjust", step.adjust
    for field, value in step.data.items():
        if isinstance(value, str) and not value.startswith("$") and field not in NOT_TEXT:
            yield f"{step.do}.{field}", value
