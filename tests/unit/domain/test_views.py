"""Shapes of spec 5.4, exact to the field, from one seat's point of view."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from beheard_hub.domain.kernel import Read, Ref
from beheard_hub.domain.limits import PAGE_BYTES_MAX
from beheard_hub.domain.mediation import reads, views
from beheard_hub.domain.mediation.kind import MEDIATION
from beheard_hub.domain.mediation.views import Viewer
from tests.unit.domain.play import START, A, B, Play

SPEC_SHAPES = {
    "invitation": "id sessionId invitedBy status createdAt expiresAt",
    "message": "id sessionId senderId role content stage timestamp emotionalReading",
    "reading": "id intensity context stage timestamp",
    "draft": "id content version readyToShare updatedAt",
    "attempt": "id sourceUserId content sharedAt consentRecordId",
    "need": "id need category description evidence confirmed aiConfidence",
    "common_ground": "id need category description confirmedByMe confirmedByPartner confirmedAt",
    "strategy": "id description needsAddressed duration measureOfSuccess",
    "agreement": (
        "id description type duration measureOfSuccess status agreedByMe agreedByPartner "
        "agreedAt followUpDate staleInput"
    ),
    "consent_request": (
        "id contentType contentDescription transformedPreview originalContentId "
        "originalContentSummary"
    ),
    "consent_record": "id contentType decision decidedAt revokedAt contentDescription",
    "consented_content": "id sourceUserId transformedContent consentedAt consentActive",
    "notification": "id sessionId type createdAt readAt",
}


@pytest.mark.parametrize("kind", SPEC_SHAPES)
def test_shapes_have_exactly_their_fields(kind: str) -> None:
    row: dict[str, Any] = {"id": "x", "source": "USER", "createdByUserId": "a", "feedback": "no"}
    assert list(views.shape(kind, row, Viewer(A, "A"))) == SPEC_SHAPES[kind].split()


def test_by_me_and_by_partner_turn_with_the_seat() -> None:
    row = {"id": "x", "confirmedByA": True, "confirmedByB": False}
    mine = views.shape("common_ground", row, Viewer(A, "A"))
    theirs = views.shape("common_ground", row, Viewer(B, "B"))
    assert (mine["confirmedByMe"], mine["confirmedByPartner"]) == (True, False)
    assert (theirs["confirmedByMe"], theirs["confirmedByPartner"]) == (False, True)


def test_a_summary_has_its_fields_and_the_typed_name_until_somebody_joins() -> None:
    play = Play(inviteName="Bobby")
    shown = views.summary(play.state, A, {"": "Bobby", A: "Alice"})
    assert list(shown) == [
        "id",
        "relationshipId",
        "status",
        "createdAt",
        "updatedAt",
        "partner",
        "myProgress",
        "partnerProgress",
        "isMyTurn",
        "waitingOnPartner",
    ]
    assert shown["partner"] == {"id": None, "name": "Bobby"}
    play.accept()
    assert views.summary(play.state, A, play.tables.names)["partner"] == {"id": B, "name": "Bob"}
    assert views.summary(play.state, B, play.tables.names)["partner"]["name"] == "Alice"


def test_of_the_partner_only_stage_and_status() -> None:
    play = Play().to_stage(2)
    assert set(views.summary(play.state, A, {})["partnerProgress"]) == {"stage", "status"}


def test_private_work_of_the_partner_moves_nothing_that_i_see() -> None:
    play = Play().to_stage(1)
    before = MEDIATION.snapshot(play.state, B, play.tables.names)
    play.do(A, "message.send", content="I am furious", emotionalIntensity=9)
    play.do(A, "event.add", description="the dinner", attributedTo="OTHER")
    play.answer(A)
    assert MEDIATION.snapshot(play.state, B, play.tables.names) == before


def test_gates_of_any_stage_are_the_own_ones() -> None:
    play = Play().to_stage(1)
    reply = play.do(A, "gates.get", stage=0)
    assert reply["gates"] == {"compactSigned": True, "partnerCompactSigned": True}
    assert set(reply["satisfiedAt"]) == set(reply["gates"])
    assert play.do(A, "gates.get", stage=4)["gates"]["agreementCreated"] is False


def test_what_needs_no_text_is_rendered_from_the_state() -> None:
    play = Play().to_stage(1)
    assert MEDIATION.from_state(play.state, Ref("session", play.session_id), A, {}) is not None
    assert MEDIATION.from_state(play.state, Ref("progress", play.session_id), A, {}) is not None
    assert MEDIATION.from_state(play.state, Ref("message", "m"), A, {}) is None
    assert MEDIATION.from_state(play.state, Ref("session", "other"), A, {}) is None


def _messages(count: int, size: int = 10) -> list[dict[str, Any]]:
    return [
        {"id": f"m{n}", "content": "x" * size, "timestamp": START - timedelta(seconds=n)}
        for n in range(count)
    ]


def _page(play: Play, rows: list[dict[str, Any]], **data: Any) -> Any:
    read = play.do(A, "message.list", **data)
    assert isinstance(read, Read)
    return reads.reply(read, {"rows": rows[: read.args["limit"]]}, play.state, A, {})


def test_pages_end_at_their_limit_and_go_on_from_their_cursor() -> None:
    play = Play().to_stage(1)
    page = _page(play, _messages(4), limit=3)
    assert [m["id"] for m in page["messages"]] == ["m0", "m1", "m2"]
    assert page["hasMore"]
    following = play.do(A, "message.list", limit=3, cursor=page["cursor"])
    assert following.args["before_id"] == "m2"
    assert following.args["before_at"] == START - timedelta(seconds=2)
    last = _page(play, _messages(3), limit=3)
    assert (last["cursor"], last["hasMore"]) == (None, False)


def test_a_page_of_long_messages_ends_at_256_kilobytes() -> None:
    play = Play().to_stage(1)
    page = _page(play, _messages(60, size=10_000))
    assert len(msgspec.json.encode(page)) < PAGE_BYTES_MAX
    assert page["hasMore"]
    assert 20 < len(page["messages"]) < 30


def test_a_session_in_full_adds_gates_and_relationship() -> None:
    play = Play().to_stage(1)
    read = play.do(A, "session.get")
    row = {"relationship.id": "r", "relationship.createdAt": START, "relationship.sessionCount": 1}
    parts: dict[str, list[dict[str, Any]]] = {
        "rows": [row],
        "people": [{"userId": B, "name": "Robin, renamed"}],
    }
    shown = reads.reply(read, parts, play.state, A, play.tables.names)["session"]
    assert shown["partner"]["name"] == "Robin, renamed", "names are read afresh"
    assert shown["relationship"] == {"id": "r", "createdAt": START, "sessionCount": 1}
    assert shown["currentGates"] == [
        {
            "id": "feelHeardConfirmed",
            "description": "You feel heard",
            "satisfied": False,
            "requiredForAdvance": True,
        }
    ]
    assert {"resolvedAt", "outcome"} <= set(shown)


def test_what_crossed_is_sorted_into_mine_and_the_partners() -> None:
    play = Play().to_stage(2)
    read = play.do(A, "shared.list")
    rows = [{"id": "1", "sourceUserId": A}, {"id": "2", "sourceUserId": B}]
    shown = reads.reply(read, {"rows": rows}, play.state, A, {})
    assert [c["id"] for c in shown["mine"]] == ["1"]
    assert [c["id"] for c in shown["partner"]] == ["2"]


def test_own_readings_come_with_their_trend() -> None:
    play = Play().to_stage(1)
    read = play.do(A, "emotions.list")
    summary = {"first": 8, "newest": 5, "average": 6.5}
    shown = reads.reply(read, {"rows": [], "summary": [summary]}, play.state, A, {})
    assert shown["trend"] == {"direction": "DECREASING", "changeFromStart": -3}
    assert shown["averageIntensity"] == 6.5


@pytest.mark.parametrize(
    ("readings", "context", "offered"),
    [
        ([9, 9], None, "PAUSE_SESSION"),
        ([9], None, "BREATHING_EXERCISE"),
        ([4, 7], "so scared", "GROUNDING"),
        ([7], "so scared", "BODY_SCAN"),
        ([7], "fine", None),
        ([9, 4], None, None),
    ],
)
def test_support_is_offered_in_its_order(
    readings: list[int], context: str | None, offered: str | None
) -> None:
    play = Play().to_stage(1)
    for intensity in readings:
        reply = play.do(A, "emotions.record", intensity=intensity, context=context)
    assert (reply["offerSupport"], reply["supportType"]) == (offered is not None, offered)
