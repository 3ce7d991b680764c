"""What is shown: the listed fields and nothing else, the same from the state and from a row."""

from __future__ import annotations

from beheard_hub.domain.kernel import Read, Ref
from beheard_hub.domain.practice import reads
from beheard_hub.domain.practice.views import (
    INVITATION_LISTED,
    INVITATION_REF,
    MESSAGE_REF,
    NOTE_REF,
    PRESET_REF,
    SCENARIO,
    SCENARIO_REF,
    SESSION_REF,
    SHAPES,
    TELEMETRY,
    shape,
)
from beheard_hub.domain.practice.vocabulary import COACH
from tests.unit.domain.practice.rehearsal import ANNA, START, Rehearsal

SECRET = "nobody may see this"


def test_the_first_frame_holds_quota_session_and_exchange() -> None:
    play = Rehearsal(tokens=500)
    ref = play.send()["userMessage"]
    shown = play.kind.snapshot(play.state, ANNA, {})
    assert shown["quota"] == {"remaining": 500, "total": 500, "state": "ok"}
    assert shown["session"]["id"] == play.state.id
    assert shown["exchange"] == {"messageId": ref.id, "lane": "partner", "failed": False}
    play.reply()
    play.fail()
    exchange = play.kind.snapshot(play.state, ANNA, {})["exchange"]
    assert exchange == {"messageId": ref.id, "lane": COACH, "failed": True}


def test_practice_get_says_the_same() -> None:
    play = Rehearsal()
    play.exchange()
    reply = play.do("practice.get")
    frame = play.kind.snapshot(play.state, ANNA, {})
    assert play.kind.from_state(play.state, reply["session"], ANNA, {}) == frame["session"]
    assert reply["quota"] == frame["quota"]


def test_a_listed_session_looks_like_the_live_one() -> None:
    play = Rehearsal()
    play.exchange()
    play.do("practice.complete")
    live = play.kind.from_state(play.state, Ref(SESSION_REF, play.state.id), ANNA, {})
    assert shape(SESSION_REF, {**play.stored(), "observed": True}) == live


def test_only_this_session_is_shown_from_the_state() -> None:
    play = Rehearsal()
    assert play.kind.from_state(play.state, Ref(SESSION_REF, "999"), ANNA, {}) is None
    assert play.kind.from_state(play.state, Ref(MESSAGE_REF, play.state.id), ANNA, {}) is None


def test_fields_that_are_not_listed_do_not_leave() -> None:
    invitation = {
        *("id", "label", "status", "scenarioId", "observed", "quota", "usage", "expiresAt"),
        *("revokedAt", "claimedAt", "createdById", "createdAt"),
    }
    fields = {
        SESSION_REF: {
            *("id", "scenarioId", "invitationId", "status", "startedAt", "endedAt"),
            *("durationSeconds", "totalMessages", "observed"),
        },
        MESSAGE_REF: {
            *("id", "sessionId", "role", "content", "timestamp", "audioUrl", "clientId"),
        },
        NOTE_REF: {"id", "invitationId", "sessionId", "researcherId", "content", "timestamp"},
        INVITATION_REF: {*invitation, "link", "qrCode"},
        INVITATION_LISTED: {*invitation, "sessionId"},
        PRESET_REF: {"id", "name", "label", "description", "tokens", "isDefault", "sortOrder"},
        SCENARIO_REF: {
            *("id", "name", "description", "slug", "partnerPersona", "version", "isActive"),
        },
        TELEMETRY: {"id", "name", "properties", "userId", "sessionId", "createdAt"},
        SCENARIO: {"id", "name", "description", "slug", "partnerPersona"},
    }
    assert set(fields) == set(SHAPES)
    hidden = {"userId": SECRET, "token": SECRET, "partnerSystemPrompt": SECRET, "email": SECRET}
    metadata = {"clientId": "c1", "model": SECRET, "answers": SECRET}
    for kind, expected in fields.items():
        secret = {name: text for name, text in hidden.items() if name not in expected}
        shown = shape(kind, {"id": 1, "sessionId": 2, "metadata": metadata, **secret})
        assert set(shown) == expected
        assert SECRET not in str(shown)


def test_a_page_of_messages() -> None:
    rows = [
        {"id": n, "sessionId": 1, "role": "user", "content": "hm", "timestamp": START}
        for n in (3, 2, 1)
    ]
    page = reads.reply(Read("practice.messages", {"page": 2}), {reads.ROWS: rows})
    assert [one["id"] for one in page["messages"]] == ["3", "2"]
    assert page["hasMore"]
    assert page["cursor"]
