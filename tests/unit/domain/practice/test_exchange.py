"""An exchange: one message of the participant, then each lane in its turn."""

from __future__ import annotations

import pytest

from beheard_hub.domain.kernel import Ref
from beheard_hub.domain.practice.vocabulary import COACH, PARTNER
from beheard_hub.domain.refusals import Code
from tests.unit.domain.practice.rehearsal import ANNA, INVITATION, SECOND, Rehearsal


def test_partner_then_coach_then_complete() -> None:
    play = Rehearsal()
    play.send("You never listen")
    play.reply("What do you mean?")
    play.reply("You began with a reproach.")
    assert play.messages() == [
        ("user", "You never listen"),
        ("partner", "What do you mean?"),
        ("coach", "You began with a reproach."),
    ]
    assert play.names() == ["practice.message"] * 3 + ["practice.exchange_complete"]
    assert play.state.exchange is None
    assert play.state.total_messages == play.stored()["totalMessages"] == 3
    assert play.asking() == []


def test_the_authors_message_is_echoed_with_the_clients_id() -> None:
    play = Rehearsal()
    ref = play.send("Hello")["userMessage"]
    assert isinstance(ref, Ref)
    assert play.told == [("practice.message", {"message": ref})]
    shown = play.last.fresh[ref.kind, ref.id]
    assert shown["clientId"] == "c1"
    assert shown["content"] == "Hello"
    assert (shown["id"], shown["sessionId"]) == (ref.id, play.state.id)


def test_a_lane_is_asked_by_a_reminder_of_the_participant() -> None:
    play = Rehearsal()
    ref = play.send()["userMessage"]
    [due] = play.last.dues
    assert (due.id, due.kind, due.user_id) == (play.reminder, "practice_exchange", ANNA)
    assert due.payload == {"messageId": ref.id, "lane": PARTNER}
    play.reply()
    [following] = play.last.dues
    assert following.payload == {"messageId": ref.id, "lane": COACH}
    assert play.last.done == [due.id]


@pytest.mark.parametrize("answered", [0, 1])
def test_one_exchange_at_a_time(answered: int) -> None:
    play = Rehearsal()
    play.send()
    for _ in range(answered):
        play.reply()
    stored = play.messages()
    assert play.refused("practice.send", content="and another thing") is Code.CONFLICT
    assert play.refused("practice.retry") is Code.CONFLICT
    assert play.messages() == stored
    assert len(play.asking()) == 1


def test_words_and_cost_are_stored_together() -> None:
    play = Rehearsal()
    play.send()
    play.reply(cost=(70, 30))
    tables = [row.table for row in play.last.rows]
    assert tables == [
        "practice.Message",
        "practice.UsageLog",
        "practice.TelemetryEvent",
        "practice.Invitation",
        "practice.ConversationSession",
    ]
    [log] = play.tables.rows("practice.UsageLog")
    assert (log["streamType"], log["inputTokens"], log["outputTokens"]) == (PARTNER, 70, 30)
    assert (log["userId"], log["invitationId"]) == (ANNA, INVITATION)
    [invitation] = play.tables.rows("practice.Invitation")
    assert invitation["usage"] == {"inputTokens": 70, "outputTokens": 30, "totalTokens": 100}


def test_a_session_without_an_invitation_is_charged_itself() -> None:
    play = Rehearsal(invited=False)
    play.exchange(cost=(60, 40))
    assert play.stored()["usage"] == {"inputTokens": 120, "outputTokens": 80, "totalTokens": 200}
    assert play.tables.rows("practice.Invitation") == []


# ---- failures


def test_the_partner_fails_and_is_asked_again() -> None:
    play = Rehearsal()
    play.send("Hello")
    first = play.reminder
    play.fail(retryable=False)
    assert play.events("practice.failed") == [{"lane": PARTNER, "retryable": False}]
    assert play.under_way().failed
    assert play.do("practice.retry") == {"accepted": True}
    assert play.reminder != first
    play.reply()
    play.reply()
    assert [role for role, _ in play.messages()] == ["user", "partner", "coach"]
    assert len(play.tables.rows("practice.UsageLog")) == 2


def test_what_was_charged_before_a_failure_stays_charged_once() -> None:
    play = Rehearsal()
    play.send()
    play.reply(cost=(60, 40))
    play.fail()
    assert play.events("practice.failed") == [{"lane": COACH, "retryable": True}]
    assert play.state.quota.used == 100
    play.do("practice.retry")
    assert play.asked_lane(play.reminder) == COACH
    play.reply(cost=(5, 5))
    assert play.state.quota.used == 110
    assert [role for role, _ in play.messages()] == ["user", "partner", "coach"]
    assert play.names()[-1] == "practice.exchange_complete"


def test_a_failed_exchange_may_be_left_by_the_next_message() -> None:
    play = Rehearsal()
    play.send("one")
    play.fail()
    play.send("two")
    play.reply()
    play.reply()
    assert [role for role, _ in play.messages()] == ["user", "user", "partner", "coach"]
    assert play.names().count("practice.exchange_complete") == 1


def test_nothing_to_retry() -> None:
    play = Rehearsal()
    assert play.refused("practice.retry") is Code.CONFLICT
    play.exchange()
    assert play.refused("practice.retry") is Code.CONFLICT


def test_the_same_reply_twice_counts_once() -> None:
    play = Rehearsal()
    play.send()
    reminder = play.reminder
    play.reply()
    play.reply(to=reminder)
    assert [role for role, _ in play.messages()] == ["user", "partner"]
    assert play.state.quota.used == 100
    assert play.last.done == [reminder]


def test_a_failure_of_an_earlier_try_changes_nothing() -> None:
    play = Rehearsal()
    play.send()
    first = play.reminder
    play.fail()
    play.do("practice.retry")
    play.fail(to=first)
    assert not play.under_way().failed
    assert play.names().count("practice.failed") == 1


@pytest.mark.parametrize("content", ["", "   ", "x" * 10_001, "a\x00b"])
def test_what_is_no_message(content: str) -> None:
    play = Rehearsal()
    assert play.refused("practice.send", content=content) is Code.VALIDATION_ERROR
    assert play.messages() == []


def test_the_longest_message() -> None:
    play = Rehearsal()
    play.send("x" * 10_000)
    assert play.state.last_at == play.now
    play.now += SECOND
    play.reply("y" * 50_000)
    assert len(play.messages()[1][1]) == 50_000
