"""What the server counts: once for everything that happened, and nothing that was said."""

from __future__ import annotations

from beheard_hub.domain.practice.telemetry import PROPERTIES, RESERVED
from beheard_hub.domain.practice.vocabulary import COACH, PARTNER
from tests.unit.domain.practice.rehearsal import Rehearsal


def test_a_whole_conversation() -> None:
    play = Rehearsal(tokens=100)
    play.send("a secret")
    play.reply("another", cost=(60, 25))
    play.fail(retryable=False)
    play.do("practice.retry")
    play.reply("a third", cost=(10, 10))
    seconds = (play.now - play.state.started_at).total_seconds() if play.state.started_at else 0
    assert play.counted() == [
        ("conversation_started", {"scenarioId": 3, "invited": True}),
        ("message_sent", {}),
        ("stream_completed", {"lane": PARTNER, "inputTokens": 60, "outputTokens": 25}),
        ("quota_warning", {"remaining": 15, "total": 100}),
        ("stream_error", {"lane": COACH, "retryable": False}),
        ("stream_completed", {"lane": COACH, "inputTokens": 10, "outputTokens": 10}),
        ("quota_exhausted", {"remaining": 0, "total": 100}),
        (
            "conversation_ended",
            {"reason": "quota", "durationMs": seconds * 1_000, "messageCount": 3},
        ),
    ]


def test_a_refusal_is_not_counted() -> None:
    play = Rehearsal()
    play.send()
    before = play.counted()
    play.refused("practice.send", content="more")
    assert play.counted() == before


def test_the_catalogue_of_the_spec() -> None:
    assert {
        *("conversation_started", "message_sent", "conversation_ended", "stream_completed"),
        *("stream_error", "reconnection", "quota_warning", "quota_exhausted"),
        *("invitation_created", "invitation_claimed", "qr_scanned", "observation_note_added"),
        *("user_authenticated", "user_merged", "user_role_changed"),
    } == RESERVED
    assert set(PROPERTIES) < RESERVED
