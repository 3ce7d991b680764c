"""The own vessel: what of it makes a synthesis stale, its limits, and one synthesis for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from beheard_hub.domain.kernel import Read, Work
from beheard_hub.domain.limits import VESSEL_ITEMS_MAX
from beheard_hub.domain.mediation.protocol import COMMANDS
from beheard_hub.domain.refusals import Code
from tests.unit.domain.play import A, B, Play
from tests.unit.domain.test_consent import seat

Make = Callable[[Play], Mapping[str, Any]]
EVENT: Mapping[str, Any] = {"description": "the dinner", "attributedTo": "OTHER"}
LETTER: Mapping[str, Any] = {"title": "letter", "content": "dear", "type": "note"}
LIMIT: Mapping[str, Any] = {"description": "no shouting", "nonNegotiable": True}

ALWAYS: Mapping[str, Make] = {
    "event.add": lambda play: EVENT,
    "event.edit": lambda play: {"eventId": seat(play, A).events[0], "description": "after it"},
    "event.delete": lambda play: {"eventId": seat(play, A).events[0]},
    "boundary.add": lambda play: LIMIT,
    "boundary.edit": lambda play: {
        "boundaryId": seat(play, A).boundaries[0], "nonNegotiable": False,
    },
    "boundary.delete": lambda play: {"boundaryId": seat(play, A).boundaries[0]},
    "document.add": lambda play: LETTER,
    "document.edit": lambda play: {"documentId": seat(play, A).documents[0], "title": "a poem"},
    "document.delete": lambda play: {"documentId": seat(play, A).documents[0]},
}  # fmt: skip
"""Change what a synthesis is made from, in any stage."""

WITNESSING: Mapping[str, Make] = {
    "message.send": lambda play: {"content": "I am tired"},
    "emotions.record": lambda play: {"intensity": 5},
}
"""The same, in stages 1 and 2 only: what is said later is not its material."""

ELSEWHERE = frozenset(
    {
        *("invitation.accept", "invitation.decline", "invitation.resend", "session.pause"),
        *("session.resume", "session.withdraw", "session.resolve", "partner.nudge"),
        *("stage.advance", "compact.sign", "message.retry", "feel_heard.confirm"),
        *("exercises.complete", "empathy.save_draft", "empathy.consent", "empathy.validate"),
        *("empathy.accept_feedback", "needs.add", "needs.confirm", "needs.consent"),
        *("common_ground.propose", "common_ground.confirm", "strategies.propose"),
        *("strategies.suggest", "strategies.ready", "strategies.rank", "agreement.create"),
        *("agreement.confirm", "consent.request", "consent.decide", "consent.revoke"),
    }
)
"""Not of the vessel's content that needs are found in."""


def test_every_command_that_changes_something_is_known_here() -> None:
    changing = {name for name, row in COMMANDS.items() if not row.reads}
    assert changing == {*ALWAYS, *WITNESSING, *ELSEWHERE}


def clean(stage: int) -> Play:
    """A has one of everything and a synthesis that saw it all, and is in that stage."""
    play = Play().to_stage(min(stage, 3))
    for name, data in (("event", EVENT), ("boundary", LIMIT), ("document", LETTER)):
        play.do(A, f"{name}.add", **data)
    if stage >= 3:
        play.do(A, "needs.list")
        assert not seat(play, A).dirty
    return play


@pytest.mark.parametrize("name", sorted(ALWAYS))
def test_a_change_of_the_vessel_makes_the_synthesis_stale(name: str) -> None:
    play = clean(3)
    play.do(A, name, **ALWAYS[name](play))
    [row] = play.tables.rows("StageProgress", userId=A, stage=3)
    assert row["isSynthesisDirty"]
    assert seat(play, A).dirty
    assert not seat(play, B).dirty or seat(play, B).synthesised_at is None
    work = play.ask(A, "needs.list")
    assert isinstance(work, Work)
    assert not play.finish(work).data["isDirty"]
    assert isinstance(play.ask(A, "needs.list"), Read), "once"


@pytest.mark.parametrize("name", sorted({*ALWAYS, *WITNESSING}))
@pytest.mark.parametrize("stage", [1, 2])
def test_what_comes_while_witnessing_counts_as_a_change(name: str, stage: int) -> None:
    play = clean(stage)
    before = seat(play, A).changes.count
    play.do(A, name, **{**ALWAYS, **WITNESSING}[name](play))
    assert seat(play, A).changes.count == before + 1
    assert seat(play, A).dirty


@pytest.mark.parametrize("name", sorted(WITNESSING))
def test_what_is_said_later_is_no_material(name: str) -> None:
    play = clean(3)
    play.do(A, name, **WITNESSING[name](play))
    assert not seat(play, A).dirty


@pytest.mark.parametrize("name", sorted(ALWAYS))
def test_a_refused_change_marks_nothing(name: str) -> None:
    play = clean(3)
    play.do(A, "session.pause")
    data = ALWAYS[name](play)
    assert play.refused(A, name, **data) == Code.SESSION_NOT_ACTIVE
    assert not seat(play, A).dirty


# ---- one synthesis for all who read


def test_of_two_readers_the_first_result_counts_and_the_second_reads_it() -> None:
    play = Play().to_stage(3)
    first, command = play.ask(A, "needs.list"), play.command
    second, other = play.ask(A, "needs.list"), play.command
    assert first == second, "the same work, so that it is done once"
    needs = play.finish(first, command).data["needs"]
    assert isinstance(play.finish(second, other), Read)
    assert [ref.id for ref in needs] == list(seat(play, A).needs)
    told = [name for name, _ in play.told[A] if name == "needs.synthesized"]
    assert len(told) == 1


def test_a_change_while_a_synthesis_runs_is_left_to_the_next() -> None:
    play = Play().to_stage(3)
    work, command = play.ask(A, "needs.list"), play.command
    play.do(A, "event.add", **EVENT)
    reply = play.finish(work, command)
    assert reply.data["isDirty"], "this synthesis did not see the event"
    [row] = play.tables.rows("StageProgress", userId=A, stage=3)
    assert row["isSynthesisDirty"]
    again = play.ask(A, "needs.list")
    assert isinstance(again, Work)
    assert again != work
    assert not play.finish(again).data["isDirty"]


def test_a_synthesis_that_something_was_shared_before_is_not_applied() -> None:
    play = Play().to_stage(3)
    work, command = play.ask(A, "needs.list", resynthesize=True), play.command
    own = play.add_need(A)
    play.do(A, "needs.consent", needIds=[own])
    answer = play.finish(work, command)
    assert answer.code == Code.CONFLICT
    assert list(seat(play, A).needs) == [own]


# ---- the items themselves


ADDED = {"event": EVENT, "boundary": LIMIT, "document": LETTER}
TABLES = {"event": "UserEvent", "boundary": "Boundary", "document": "UserDocument"}


@pytest.mark.parametrize("kind", sorted(ADDED))
def test_items_are_ones_own_and_bounded(kind: str) -> None:
    play = Play().to_stage(1)
    for _ in range(VESSEL_ITEMS_MAX):
        key = play.do(A, f"{kind}.add", **ADDED[kind])[kind].id
    assert play.refused(A, f"{kind}.add", **ADDED[kind]) == Code.CONFLICT
    assert play.do(B, f"{kind}.add", **ADDED[kind]), "the bound is each one's own"
    named = {f"{kind}Id": key}
    assert play.refused(B, f"{kind}.delete", **named) == Code.NOT_FOUND
    assert play.refused(A, f"{kind}.edit", **named) == Code.VALIDATION_ERROR
    play.do(A, f"{kind}.delete", **named)
    assert not play.tables.rows(TABLES[kind], id=key)
    assert play.refused(A, f"{kind}.delete", **named) == Code.NOT_FOUND
    assert play.refused(A, f"{kind}.edit", **named, **changed(kind)) == Code.NOT_FOUND
    assert play.do(A, f"{kind}.add", **ADDED[kind])


def changed(kind: str) -> dict[str, str]:
    return {"title" if kind == "document" else "description": "something else"}


@pytest.mark.parametrize("kind", sorted(ADDED))
def test_an_edit_replaces_what_is_given_and_leaves_the_rest(kind: str) -> None:
    play = Play().to_stage(1)
    key = play.do(A, f"{kind}.add", **ADDED[kind])[kind].id
    assert play.refused(B, f"{kind}.edit", **{f"{kind}Id": key}, **changed(kind)) == Code.NOT_FOUND
    play.do(A, f"{kind}.edit", **{f"{kind}Id": key}, **changed(kind))
    [row] = play.tables.rows(TABLES[kind], id=key)
    expected = {**ADDED[kind], **changed(kind)}
    assert {name: row[name] for name in expected} == expected


CHARS = (
    ("event", "description", 2000),
    ("boundary", "description", 1000),
    ("document", "title", 200),
    ("document", "content", 20_000),
)


@pytest.mark.parametrize(("kind", "field", "chars"), CHARS)
@pytest.mark.parametrize("do", ["add", "edit"])
def test_texts_are_bounded(kind: str, field: str, chars: int, do: str) -> None:
    play = Play().to_stage(1)
    key = play.do(A, f"{kind}.add", **ADDED[kind])[kind].id
    given = dict(ADDED[kind]) if do == "add" else {f"{kind}Id": key}
    play.do(A, f"{kind}.{do}", **{**given, field: "x" * chars})
    for wrong in ("x" * (chars + 1), "   ", "a\0b"):
        code = play.refused(A, f"{kind}.{do}", **{**given, field: wrong})
        assert code == Code.VALIDATION_ERROR


def test_an_event_has_eight_emotions_at_most() -> None:
    play = Play().to_stage(1)
    assert play.do(A, "event.add", **EVENT, emotions=["sad"] * 8)
    assert play.refused(A, "event.add", **EVENT, emotions=["sad"] * 9) == Code.VALIDATION_ERROR
