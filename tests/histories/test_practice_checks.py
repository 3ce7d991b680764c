"""The checker of practices is silent about a good run, and names the promise that a spoiled one
breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.histories.practice_checks import PRACTICE_CHECKS, practice_violations
from tests.histories.practice_log import (
    Asked,
    Charge,
    Entry,
    Event,
    Greeted,
    Heard,
    Message,
    Pictured,
    Piece,
    PracticeHistory,
    Receipt,
    Rehearsal,
    Replied,
    Stored,
)

MARK, OTHERS = "0" * 32, "1" * 32
COACHED = "Say what you felt before you say what you ask for."


def shown(number: int, role: str, content: str) -> dict[str, Any]:
    return {"id": str(number), "role": role, "content": content}


def told(device: str) -> tuple[Entry, ...]:
    """What everybody hears of one exchange."""
    return (
        Heard(device, "7", 1, "practice.message", {"message": shown(1, "user", f"{MARK} No.")}),
        Piece(device, "7", "2", "But ", False),
        Piece(device, "7", "2", "why?", False),
        Heard(device, "7", 2, "practice.message", {"message": shown(2, "partner", "But why?")}),
        Heard(device, "7", 3, "practice.message", {"message": shown(3, "coach", COACHED)}),
        Heard(device, "7", 4, "practice.exchange_complete", {}),
    )


ENTRIES: tuple[Entry, ...] = (
    Greeted("phone"),
    Pictured("phone", "7", 0, {}),
    Pictured("staff", "7", 0, {}),
    Asked("phone", "7", MARK, "practice.send"),
    Replied("phone", "7", MARK, "practice.send", "", {}),
    *told("phone"),
    *told("staff"),
)
NAMES = ("practice.message",) * 3 + ("practice.exchange_complete",)
GOOD = PracticeHistory(
    entries=ENTRIES,
    stored=Stored(
        rehearsals=[
            Rehearsal(session_id="7", user_id="ann", status="ACTIVE", invited="ann", used=5)
        ],
        messages=[
            Message("1", "7", "user", f"{MARK} No.", MARK, None),
            Message("2", "7", "partner", "But why?", None, "1"),
            Message("3", "7", "coach", COACHED, None, "1"),
        ],
        charges=[Charge("7", "ann", "partner", 2), Charge("7", "ann", "coach", 3)],
        events=[Event("7", "ann", seq, name) for seq, name in enumerate(NAMES, 1)],
        receipts=[Receipt("ann", MARK)],
        gone=["guest"],
    ),
    owners={"7": "ann"},
    merged={"guest": "ann"},
    marks={MARK: "7", OTHERS: "8"},
    allowed={"7": ["phone", "staff"]},
    listening=[("phone", "7"), ("staff", "7")],
    partner_was_given=[f"{MARK} No."],
)


def run(**changes: Any) -> PracticeHistory:
    return msgspec.structs.replace(GOOD, **changes)


def added(*entries: Entry) -> PracticeHistory:
    return run(entries=(*ENTRIES, *entries))


def stored(**changes: Any) -> PracticeHistory:
    return run(stored=msgspec.structs.replace(GOOD.stored, **changes))


def said(number: int, role: str, content: str = "Once more.") -> list[Message]:
    return [*GOOD.stored.messages, Message(str(number), "7", role, content, None, "1")]


SPOILED: dict[str, Callable[[], PracticeHistory]] = {
    "practice: acked once, stored once": lambda: stored(receipts=[]),
    "practice: no conflict of ours": lambda: added(
        Replied("phone", "7", OTHERS, "practice.retry", "CONFLICT", None)
    ),
    "practice: exchanges end": lambda: stored(events=GOOD.stored.events[:3]),
    "practice: no message twice or empty": lambda: stored(messages=said(4, "coach")),
    "practice: charged once": lambda: stored(
        charges=[*GOOD.stored.charges, Charge("7", "ann", "coach", 3)]
    ),
    "practice: heard without a gap": lambda: run(entries=ENTRIES[:-1]),
    "practice: stored seqs are whole": lambda: stored(
        events=[*GOOD.stored.events, Event("7", "guest", 4, "practice.exchange_complete")]
    ),
    "practice: all hear the same": lambda: added(Heard("staff", "7", 4, "practice.ended", {})),
    "practice: shown is stored": lambda: run(
        entries=[one for one in ENTRIES if one != Piece("staff", "7", "2", "But ", False)]
    ),
    "practice: one's own only": lambda: added(Piece("stranger", "7", "2", "But ", False)),
    "practice: the coach stays apart": lambda: run(partner_was_given=[f"No. {COACHED}"]),
    "practice: merged as a whole": lambda: stored(receipts=[Receipt("guest", MARK)]),
}


def test_a_good_run_breaks_no_promise() -> None:
    assert practice_violations(GOOD) == []
    assert SPOILED.keys() == PRACTICE_CHECKS.keys()


@pytest.mark.parametrize("promise", SPOILED)
def test_a_broken_promise_is_named(promise: str) -> None:
    found = practice_violations(SPOILED[promise]())
    assert promise in {violation.promise for violation in found}


@pytest.mark.parametrize(
    ("names", "good"),
    [
        ((*NAMES, "practice.ended"), True),
        (("practice.message", "practice.failed", *NAMES[1:]), True),
        ((*NAMES, "practice.failed"), False),
        ((*NAMES, "practice.ended", "practice.failed"), False),
    ],
)
def test_events_make_exchanges(names: tuple[str, ...], good: bool) -> None:
    history = stored(events=[Event("7", "ann", seq, name) for seq, name in enumerate(names, 1)])
    found = {violation.promise for violation in practice_violations(history)}
    assert ("practice: exchanges end" not in found) is good


def test_words_of_another_practice_are_noticed() -> None:
    strange = shown(2, "partner", f"You said {OTHERS}.")
    found = practice_violations(added(Replied("phone", "7", MARK, "practice.get", "", strange)))
    assert "practice: one's own only" in {violation.promise for violation in found}
