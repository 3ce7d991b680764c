"""Memory extraction and costs in the domain: asked once, taken once, nothing after the end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from beheard_hub.domain.limits import EXTRACTED_EVENTS_MAX
from beheard_hub.domain.mediation.internal import (
    AiReplied,
    Audited,
    BudgetReached,
    EraseSeat,
    Extracted,
    ExtractedEvent,
    ExtractedWords,
    ModelCall,
)
from beheard_hub.domain.mediation.state import Seat
from tests.unit.domain.play import A, B, Play
from tests.unit.domain.test_consent import seat

CALL = ModelCall(call="stage1", model="large-1", input=10, output=5, cached=80)


def answered(play: Play, **more: Any) -> str:
    """A's message and its answer; the id of the message."""
    if seat(play, A).ai_turn is not None:
        play.answer(A)
    reply = play.do(A, "message.send", content="He left without a word.")
    play.answer(A, **more)
    return str(reply["userMessage"].id)


def found(play: Play, reminder: str, message: str, count: int = 1) -> None:
    event = ExtractedEvent(
        description="He left", attributed_to="OTHER", emotions=["sadness"], at=play.now
    )
    words = ExtractedWords(id=message, needs=["CONNECTION"], emotions=["sadness"])
    data = Extracted(reminder_id=reminder, events=(event,) * count, messages=(words,), used=(CALL,))
    play.internal("internal.extracted", A, data)


def asked(play: Play) -> list[str]:
    """Open ``ai_extract`` reminders as they are stored."""
    rows = play.tables.rows("hub.Reminder", kind="ai_extract", firedAt=None)
    return [row["id"] for row in rows]


def events(play: Play, user: Seat) -> list[dict[str, Any]]:
    return play.tables.rows("UserEvent", vesselId=user.vessel_id)


@pytest.mark.parametrize(("stage", "expected"), [(1, 1), (2, 1), (3, 0), (4, 0)])
def test_an_answer_asks_for_it_in_the_stages_of_witnessing(stage: int, expected: int) -> None:
    play = Play().to_stage(stage)
    before = len(asked(play))
    message = answered(play)
    rows = play.tables.rows("hub.Reminder", kind="ai_extract", firedAt=None)[before:]
    assert [row["payload"] for row in rows] == [{"messageIds": [message]}] * expected
    assert seat(play, A).extracting == asked(play)
    assert play.loaded() == play.state, "it is found again after a crash"


def test_an_opening_asks_for_nothing() -> None:
    play = Play().to_stage(1)
    turn = seat(play, A).ai_turn
    assert turn is not None
    said = {"id": "m", "content": "Welcome", "promptVersion": "1", "bundle": {"items": []}}
    opening = AiReplied(reminder_id=turn, opening=True, stage=1, message=said, answered=("x",))
    play.internal("internal.ai_replied", A, opening)
    assert asked(play) == []


def test_what_is_found_is_the_users_own() -> None:
    play = Play().to_stage(2)
    message = answered(play)
    [reminder] = asked(play)
    found(play, reminder, message)
    [event] = events(play, seat(play, A))
    assert (event["description"], event["attributedTo"]) == ("He left", "OTHER")
    assert seat(play, A).events == [event["id"]]
    [row] = play.tables.rows("Message", id=message)
    assert (row["extractedNeeds"], row["extractedEmotions"]) == (["CONNECTION"], ["sadness"])
    assert seat(play, A).dirty
    assert (play.last.notices, events(play, seat(play, B))) == ([], []), "nobody is told"
    assert play.loaded() == play.state


def test_a_synthesis_that_was_done_before_is_stale_after_it() -> None:
    play = Play().to_stage(2)
    message = answered(play)
    [reminder] = asked(play)
    play.to_stage(3)
    play.do(A, "needs.list")
    assert not seat(play, A).dirty
    found(play, reminder, message)
    assert seat(play, A).dirty


def test_it_is_taken_once() -> None:
    play = Play().to_stage(1)
    message = answered(play)
    [reminder] = asked(play)
    found(play, reminder, message)
    found(play, reminder, message)
    assert len(events(play, seat(play, A))) == 1
    assert asked(play) == []
    assert play.last.done == []


def test_extraction_leaves_room_for_what_the_user_adds() -> None:
    play = Play().to_stage(1)
    message = answered(play)
    found(play, asked(play)[0], message, count=EXTRACTED_EVENTS_MAX + 5)
    assert len(seat(play, A).events) == EXTRACTED_EVENTS_MAX
    play.do(A, "event.add", description="the dinner", attributedTo="OTHER")
    message = answered(play)
    found(play, asked(play)[0], message)
    assert len(seat(play, A).events) == EXTRACTED_EVENTS_MAX + 1


def test_a_pause_stops_no_extraction() -> None:
    play = Play().to_stage(1)
    message = answered(play)
    [reminder] = asked(play)
    play.do(A, "session.pause")
    assert f"drop:{reminder}" not in play.last.effects
    found(play, reminder, message)
    assert events(play, seat(play, A))


@pytest.mark.parametrize("way", ["session.withdraw", "erase", "time"])
def test_after_the_end_nothing_is_taken(way: str) -> None:
    play = Play().to_stage(1)
    message = answered(play)
    [reminder] = asked(play)
    if way == "erase":
        play.internal("internal.erase_seat", A, EraseSeat(reminder_id="e"))
    elif way == "time":
        play.now += timedelta(days=31)
        play.try_(B, "message.send", content="too late")
    else:
        play.do(A, way)
    assert f"drop:{reminder}" in play.last.effects
    assert asked(play) == []
    found(play, reminder, message)
    assert events(play, seat(play, A)) == []
    assert "extractedNeeds" not in play.tables.rows("Message", id=message)[0]


# ---- what it cost


def test_each_call_is_a_row_of_the_one_who_is_charged() -> None:
    play = Play().to_stage(1)
    answered(play, used=(CALL, CALL))
    play.internal("internal.audited", B, Audited(entries=(), used=(CALL,)))
    rows = play.tables.rows("hub.AiUsage")
    assert [row["userId"] for row in rows] == [A, A, B]
    columns = ("call", "model", "input", "output", "cached")
    assert [rows[0][name] for name in columns] == ["stage1", "large-1", 10, 5, 80]


def test_a_hushed_answer_cost_as_much() -> None:
    play = Play().to_stage(1)
    turn = seat(play, A).ai_turn
    assert turn is not None
    play.do(A, "session.pause")
    play.internal("internal.ai_replied", A, AiReplied(reminder_id=turn, used=(CALL,)))
    assert len(play.tables.rows("hub.AiUsage", userId=A)) == 1


def test_who_has_left_is_charged_nothing() -> None:
    play = Play().to_stage(1)
    play.internal("internal.erase_seat", A, EraseSeat(reminder_id="e"))
    play.internal("internal.audited", A, Audited(entries=(), used=(CALL,)))
    play.internal("internal.ai_budget", A, BudgetReached(reminder_id=None, resets_at=play.now))
    assert play.tables.rows("hub.AiUsage") == []
    assert play.names(A) == []


def test_a_spent_budget_leaves_the_message_waiting() -> None:
    play = Play().to_stage(1)
    play.answer(A)
    play.do(A, "message.send", content="Hello?")
    turn = seat(play, A).ai_turn
    assert turn is not None
    reached = BudgetReached(reminder_id=turn, resets_at=play.now + timedelta(hours=3))
    play.internal("internal.ai_budget", A, reached)
    assert play.names(A) == ["ai.budget_reached"]
    assert (play.names(B), len(seat(play, A).unanswered)) == ([], 1)
    assert play.do(A, "message.retry") == {"accepted": True}
    assert seat(play, A).ai_turn not in (None, turn)


def test_a_refused_command_tells_it_too() -> None:
    play = Play().to_stage(3)
    turn = seat(play, A).ai_turn
    reached = BudgetReached(reminder_id=None, resets_at=play.now)
    play.internal("internal.ai_budget", A, reached)
    assert play.names(A) == ["ai.budget_reached"]
    assert seat(play, A).ai_turn == turn
