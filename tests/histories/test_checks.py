"""The checker is silent about a good run, and names the promise that a spoiled one breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.histories.checks import CHECKS, violations
from tests.histories.log import (
    Answered,
    Effect,
    Entry,
    History,
    Listened,
    Receipt,
    SeatAtEnd,
    Sent,
    Shown,
    Stored,
    StoredEvent,
    Told,
    Word,
    Write,
)


def state(stage: int = 0, partner: int = 0) -> dict[str, Any]:
    progress = {"stage": stage, "status": "IN_PROGRESS", "gates": {}, "canAdvance": False}
    return {
        "session": {"status": "ACTIVE"},
        "progress": progress,
        "partner": {"stage": partner, "status": "IN_PROGRESS"},
    }


def shown(at: float, seq: int, client: str = "a1", **stages: int) -> Shown:
    return Shown(at, client, "ann", "s", seq, state(**stages))


def told(at: float, seq: int, name: str = "partner.advanced", **data: Any) -> Told:
    return Told(at, "a1", "ann", "s", seq, name, data or {"toStage": 1})


ENTRIES: tuple[Entry, ...] = (
    Listened(0, "a1", "ann", "s", None),
    shown(1, 0),
    Sent(2, "a1", "ann", "s", "c1", "message.send"),
    Sent(2, "a1", "ann", "s", "c2", "message.send"),
    Answered(3, "a1", "ann", "s", "c1", seq=0, data={"message": {"id": "m1"}}),
    Answered(3, "a1", "ann", "s", "c2", seq=1, data={"message": {"id": "m2"}}),
    told(4, 1),
    Sent(5, "a1", "ann", "s", "c3", "session.get"),
    Answered(6, "a1", "ann", "s", "c3", seq=1),
)
GOOD = History(
    entries=ENTRIES,
    stored=Stored(
        receipts=[Receipt("s", "ann", "c1"), Receipt("s", "ann", "c2")],
        events=[StoredEvent("s", "ann", 1, "partner.advanced", 3.5)],
        effects=[Effect("c1", 1), Effect("c2", 2)],
        seats=[
            SeatAtEnd("s", "ann", 0, {"compactSigned": True, "partnerCompactSigned": False}),
            SeatAtEnd("s", "bob", 0, {"compactSigned": False, "partnerCompactSigned": True}),
        ],
        private={"secret": "bob"},
    ),
    final=[shown(9, 1, "fresh", partner=1)],
    listening=["a1"],
    writes=[Write(2.5, 7, "h1", "h1")],
    words=[Word(3, "h1", False)],
)


def added(*entries: Entry) -> History:
    return msgspec.structs.replace(GOOD, entries=(*ENTRIES, *entries))


def stored(**changes: Any) -> History:
    return msgspec.structs.replace(GOOD, stored=msgspec.structs.replace(GOOD.stored, **changes))


def answered(command_id: str, **what: Any) -> Answered:
    return Answered(7, "a1", "ann", "s", command_id, **({"seq": 1} | what))


SPOILED: dict[str, Callable[[], History]] = {
    "acked is stored": lambda: stored(receipts=[Receipt("s", "ann", "c1")]),
    "nothing twice": lambda: stored(effects=[*GOOD.stored.effects, Effect("c1", 3)]),
    "one answer for all": lambda: added(answered("c1", data={"message": {"id": "m9"}})),
    "a user's order is kept": lambda: stored(effects=[Effect("c1", 2), Effect("c2", 1)]),
    "no stale answers": lambda: added(
        Sent(7, "a1", "ann", "s", "c4", "session.get"), answered("c4", seq=0)
    ),
    "no faults of ours": lambda: added(answered("c3", code="INTERNAL_ERROR")),
    "no conflict with oneself": lambda: added(answered("c1", code="CONFLICT")),
    "stored seqs are whole": lambda: stored(
        events=[*GOOD.stored.events, StoredEvent("s", "ann", 3, "partner.nudged")]
    ),
    "heard in order": lambda: added(told(7, 1)),
    "durable before visible": lambda: stored(
        events=[StoredEvent("s", "ann", 1, "partner.advanced", 4.5)]
    ),
    "own things only": lambda: added(answered("c3", data={"note": "a secret word"})),
    "read as told": lambda: msgspec.structs.replace(
        stored(threads=[["m1", "m2"]]),
        entries=[
            told(seq, seq, "message.created", message={"id": message})
            for seq, message in ((1, "m2"), (2, "m1"))
        ],
    ),
    "stages only rise": lambda: added(shown(7, 1, stage=1), shown(8, 1)),
    "gates are symmetric": lambda: stored(
        seats=[GOOD.stored.seats[0], SeatAtEnd("s", "bob", 0, {"compactSigned": True})]
    ),
    "snapshot and events agree": lambda: msgspec.structs.replace(GOOD, final=[shown(9, 2)]),
    "one snapshot per seq": lambda: added(shown(7, 1), shown(8, 1, partner=2)),
    "one writer": lambda: msgspec.structs.replace(GOOD, words=[Word(3, "h1", True)]),
}


def test_a_good_run_breaks_no_promise() -> None:
    assert violations(GOOD) == []


def test_every_promise_has_a_run_that_breaks_it() -> None:
    assert SPOILED.keys() == CHECKS.keys()


@pytest.mark.parametrize("promise", SPOILED)
def test_a_broken_promise_is_named(promise: str) -> None:
    found = violations(SPOILED[promise]())
    assert promise in {violation.promise for violation in found}


def test_an_answer_that_never_came_may_stand_for_either_outcome() -> None:
    lost = Sent(7, "a1", "ann", "s", "c9", "message.send")
    assert violations(added(lost)) == []
    happened = stored(
        receipts=[*GOOD.stored.receipts, Receipt("s", "ann", "c9")],
        effects=[*GOOD.stored.effects, Effect("c9", 3)],
    )
    assert violations(msgspec.structs.replace(happened, entries=(*ENTRIES, lost))) == []


def test_who_repeats_a_command_gives_up_its_place() -> None:
    again = Sent(2.5, "a1", "ann", "s", "c1", "message.send")
    swapped = stored(effects=[Effect("c1", 2), Effect("c2", 1)])
    entries = (*ENTRIES[:4], again, *ENTRIES[4:])
    assert violations(msgspec.structs.replace(swapped, entries=entries)) == []


def test_a_message_that_is_gone_stands_before_nothing() -> None:
    entries = [
        told(seq, seq, "message.created", message={"id": message})
        for seq, message in ((1, "m2"), (2, "erased"))
    ]
    history = msgspec.structs.replace(stored(threads=[["m1", "m2"]]), entries=entries)
    assert "read as told" not in {violation.promise for violation in violations(history)}
