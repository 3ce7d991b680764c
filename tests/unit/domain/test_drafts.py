"""A look at a draft: asked for by each version, said to its author alone, and dropped in time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from beheard_hub.domain.limits import DRAFT_REST
from beheard_hub.domain.mediation.internal import DraftChecked, ModelCall
from tests.unit.domain.play import A, B, Play
from tests.unit.domain.test_consent import seat

CALL = ModelCall(call="draft_check", model="small-1", input=10, output=5, cached=0)
HINT = "It sounds certain. You could put it as a guess."


def greeted() -> Play:
    """Both in stage 2, where the facilitator has spoken."""
    play = Play().to_stage(2)
    if seat(play, A).ai_turn is not None:
        play.answer(A)
    assert seat(play, A).opened == 2
    return play


def save(play: Play, *, ready: bool = True) -> str:
    """A new version of A's draft; the draft's id."""
    saved = play.do(A, "empathy.save_draft", content="You felt alone.", readyToShare=ready)
    return str(saved["draft"].id)


def asked(play: Play) -> list[dict[str, Any]]:
    return play.tables.rows("hub.Reminder", kind="draft_check", firedAt=None)


def looked(play: Play, reminder: str, version: int, hint: str | None = HINT) -> None:
    item = {"source": "user", "type": "draft", "id": "d"}
    data = DraftChecked(
        reminder_id=reminder, version=version, hint=hint, prompt_version="p/1", items=(item,),
        used=(CALL,),
    )  # fmt: skip
    play.internal("internal.draft_checked", A, data)


def hints(play: Play) -> list[dict[str, Any]]:
    return play.tables.rows("Message", content=HINT)


def test_each_version_asks_for_a_look_in_place_of_the_one_before() -> None:
    play = greeted()
    draft = save(play)
    [first] = asked(play)
    assert first["payload"] == {"draftId": draft, "version": 1}
    assert (first["userId"], first["dueAt"]) == (A, play.now + DRAFT_REST)
    save(play)
    assert f"drop:{first['id']}" in play.last.effects
    [second] = asked(play)
    assert second["payload"] == {"draftId": draft, "version": 2}
    assert seat(play, A).draft_check == second["id"]
    assert play.loaded() == play.state, "it is found again after a crash"


def test_the_hint_is_said_in_the_own_thread_and_to_nobody_else() -> None:
    play = greeted()
    save(play)
    [reminder] = asked(play)
    gates = dict(seat(play, A).row.gates)
    looked(play, reminder["id"], 1)
    [row] = hints(play)
    assert (row["forUserId"], row["role"], row["stage"]) == (A, "AI", 2)
    assert row["promptVersion"] == "p/1"
    assert row["bundle"] == {
        "items": [{"source": "user", "type": "draft", "id": "d"}],
        "answers": [],
    }
    assert [(n.user_id, n.name) for n in play.last.notices] == [(A, "message.created")]
    assert seat(play, A).row.gates == gates
    assert asked(play) == []
    assert len(play.tables.rows("hub.AiUsage", call="draft_check")) == 1
    assert play.loaded() == play.state


def test_a_draft_that_wonders_gets_no_word() -> None:
    play = greeted()
    save(play)
    looked(play, asked(play)[0]["id"], 1, hint=None)
    assert (asked(play), hints(play), play.last.notices) == ([], [], [])


def test_it_is_said_once() -> None:
    play = greeted()
    save(play)
    [reminder] = asked(play)
    looked(play, reminder["id"], 1)
    looked(play, reminder["id"], 1)
    assert len(hints(play)) == 1


def test_nothing_is_said_of_an_older_version() -> None:
    play = greeted()
    save(play)
    [older] = asked(play)
    save(play)
    looked(play, older["id"], 1)
    assert hints(play) == []
    assert len(play.tables.rows("hub.AiUsage", call="draft_check")) == 1, "it cost all the same"
    looked(play, asked(play)[0]["id"], 1)
    assert hints(play) == []


def test_nothing_is_said_before_the_stage_was_opened() -> None:
    play = Play().to_stage(2)
    assert seat(play, A).opened < 2
    save(play)
    looked(play, asked(play)[0]["id"], 1)
    assert (asked(play), hints(play)) == ([], [])


@pytest.mark.parametrize("way", ["empathy.consent", "session.pause", "session.withdraw", "time"])
def test_what_comes_too_late_is_not_said(way: str) -> None:
    play = greeted()
    draft = save(play)
    [reminder] = asked(play)
    if way == "empathy.consent":
        play.do(A, way, draftId=draft, finalContent="You felt alone.")
    elif way == "time":
        play.now += timedelta(days=31)
        play.try_(B, "message.send", content="too late")
    else:
        play.do(A, way)
    assert f"drop:{reminder['id']}" in play.last.effects
    assert asked(play) == []
    looked(play, reminder["id"], 1)
    assert hints(play) == []
    assert play.loaded() == play.state


def test_a_draft_that_was_begun_anew_is_left_with_the_stage() -> None:
    play = greeted()
    play.attempt(A)
    play.attempt(B)
    play.do(A, "empathy.validate", validated=True)
    play.do(
        B, "empathy.validate", validated=False, feedback="Not quite.", consentToShareFeedback=True
    )
    save(play)
    play.do(A, "empathy.accept_feedback")
    [reminder] = asked(play)
    play.advance(A)
    assert f"drop:{reminder['id']}" in play.last.effects
    looked(play, reminder["id"], 2)
    assert (asked(play), hints(play)) == ([], [])
    assert play.loaded() == play.state
