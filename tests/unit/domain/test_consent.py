"""Consent from request to revocation, for every type of content: one table, every path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

import msgspec
import pytest

from beheard_hub.domain.kernel import Ref
from beheard_hub.domain.mediation.protocol import CROSSINGS
from beheard_hub.domain.mediation.state import Consent, Seat
from beheard_hub.domain.mediation.vocabulary import ContentType
from beheard_hub.domain.refusals import Code, Refusal
from tests.unit.domain.play import A, B, Play

CANARY = "canary"


def seat(play: Play, user: str) -> Seat:
    found = play.state.seat(user)
    assert found is not None
    return found


def consent_of(play: Play, user: str, content_type: str) -> tuple[str, Consent]:
    """The user's newest consent of that type."""
    found = [(k, c) for k, c in seat(play, user).consents.items() if c.content_type == content_type]
    return found[-1]


# ---- how a content of each type comes to be, and how it crosses


def event(play: Play) -> str:
    play.do(A, "event.add", description=CANARY, attributedTo="OTHER")
    return seat(play, A).events[-1]


def pattern(play: Play) -> str:
    play.do(A, "emotions.record", intensity=6, context=CANARY)
    return seat(play, A).readings[0].id


def boundary(play: Play) -> str:
    play.do(A, "boundary.add", description=CANARY, nonNegotiable=True)
    return seat(play, A).boundaries[-1]


def need(play: Play) -> str:
    return play.add_need(A)


def attempted(play: Play) -> None:
    play.attempt(B)
    play.attempt(A)


def proposed(play: Play) -> None:
    play.do(A, "strategies.propose", description=CANARY)
    for user in (A, B):
        play.do(user, "strategies.ready")


class Path(msgspec.Struct, frozen=True):
    """One type of content: where it may cross first, and by what."""

    stage: int
    original: Callable[[Play], str] | None = None
    """Makes what consent.request can ask for; None where that does not let it cross."""
    own_command: Callable[[Play], None] | None = None
    told: str = "partner.content_shared"


PATHS: Mapping[str, Path] = {
    "EVENT_SUMMARY": Path(2, event),
    "EMOTIONAL_PATTERN": Path(2, pattern),
    "BOUNDARY": Path(3, boundary),
    "IDENTIFIED_NEED": Path(3, need, told="partner.needs_shared"),
    "EMPATHY_ATTEMPT": Path(2, own_command=attempted),
    "EMPATHY_DRAFT": Path(2),
    "STRATEGY_PROPOSAL": Path(4, own_command=proposed),
}
REQUESTED = sorted(name for name, path in PATHS.items() if path.original)
OWN = sorted(name for name, path in PATHS.items() if path.own_command)


def requested(play: Play, content_type: str) -> str:
    """Id of a request that waits."""
    make = PATHS[content_type].original
    assert make is not None
    asked = {"contentType": content_type, "originalContentId": make(play)}
    key: str = play.do(A, "consent.request", **asked)["consentRequest"].id
    return key


def decide(play: Play, key: str, decision: str, **more: Any) -> Any:
    return play.try_(A, "consent.decide", consentRequestId=key, decision=decision, **more)


def audited(play: Play) -> list[tuple[str, str]]:
    """Entries on consents, after it is sure that they hold ids only."""
    rows = [r for r in play.tables.rows("hub.AuditLog") if r["action"].startswith("consent.")]
    for row in rows:
        assert set(row["target"]) == {"consentRecordId"}
        assert CANARY not in repr(row)
    return [(row["action"], row["outcome"]) for row in rows]


def test_the_paths_name_every_type_and_agree_with_the_table() -> None:
    assert set(PATHS) == {t.value if hasattr(t, "value") else t for t in get_args(ContentType)}
    for name, path in PATHS.items():
        crossing = CROSSINGS.get(name)
        assert (crossing is not None and crossing.on_request) == (path.original is not None)
        if crossing is not None:
            assert crossing.from_stage == path.stage


# ---- asked for


@pytest.mark.parametrize("content_type", REQUESTED)
def test_granted_with_an_edit_the_edit_crosses_and_is_warned_about(content_type: str) -> None:
    play = Play().to_stage(PATHS[content_type].stage)
    key = requested(play, content_type)
    assert seat(play, A).consents[key].decision is None
    assert not play.tables.rows("ConsentedContent", consentRecordId=key)
    reply = decide(play, key, "GRANTED", editedContent="in my own words")
    [content] = play.tables.rows("ConsentedContent", consentRecordId=key)
    assert content["transformedContent"] == "in my own words"
    assert reply["sharedContent"] == Ref("consented_content", content["id"])
    assert play.last.fresh["warnings", key] == ["hot"]
    assert PATHS[content_type].told in play.names(B)
    assert audited(play)[-1:] == [("consent.decide", "GRANTED")]
    assert CANARY not in repr(play.told[B])


@pytest.mark.parametrize("content_type", REQUESTED)
def test_granted_as_it_is_the_preview_crosses_never_the_original(content_type: str) -> None:
    play = Play().to_stage(PATHS[content_type].stage)
    key = requested(play, content_type)
    decide(play, key, "GRANTED")
    [content] = play.tables.rows("ConsentedContent", consentRecordId=key)
    [record] = play.tables.rows("ConsentRecord", id=key)
    assert content["transformedContent"] == record["transformedPreview"]
    assert CANARY not in content["transformedContent"]


@pytest.mark.parametrize("content_type", REQUESTED)
def test_denied_nothing_crosses_and_nobody_is_told(content_type: str) -> None:
    play = Play().to_stage(PATHS[content_type].stage)
    key = requested(play, content_type)
    told = len(play.told[B])
    reply = decide(play, key, "DENIED")
    assert (reply["recorded"], reply["sharedContent"]) == (True, None)
    assert not play.tables.rows("ConsentedContent", consentRecordId=key)
    assert len(play.told[B]) == told
    assert audited(play)[-1:] == [("consent.decide", "DENIED")]
    assert play.refused(A, "consent.revoke", consentRecordId=key) == Code.CONFLICT


@pytest.mark.parametrize("content_type", REQUESTED)
@pytest.mark.parametrize("first", ["GRANTED", "DENIED"])
def test_a_decision_is_made_once(content_type: str, first: str) -> None:
    play = Play().to_stage(PATHS[content_type].stage)
    key = requested(play, content_type)
    decide(play, key, first)
    for second in ("GRANTED", "DENIED"):
        assert decide(play, key, second).code == Code.CONFLICT


@pytest.mark.parametrize("content_type", REQUESTED)
def test_a_request_is_its_owners_alone(content_type: str) -> None:
    play = Play().to_stage(PATHS[content_type].stage)
    key = requested(play, content_type)
    theirs = {"consentRequestId": key, "decision": "GRANTED"}
    assert play.refused(B, "consent.decide", **theirs) == Code.NOT_FOUND
    assert play.refused(B, "consent.revoke", consentRecordId=key) == Code.NOT_FOUND
    assert play.refused(A, "consent.revoke", consentRecordId=key) == Code.CONFLICT, "pending"


@pytest.mark.parametrize("content_type", REQUESTED)
def test_before_its_stage_nothing_can_be_asked_for(content_type: str) -> None:
    path = PATHS[content_type]
    assert path.original is not None
    play = Play().to_stage(path.stage - 1)
    target = "none" if content_type == "IDENTIFIED_NEED" else path.original(play)
    asked = {"contentType": content_type, "originalContentId": target}
    assert play.refused(A, "consent.request", **asked) == Code.INVALID_STAGE


@pytest.mark.parametrize("content_type", REQUESTED)
def test_in_a_pause_a_no_and_a_revocation_work_and_a_yes_does_not(content_type: str) -> None:
    play = Play().to_stage(PATHS[content_type].stage)
    granted, other = requested(play, content_type), requested(play, content_type)
    decide(play, granted, "GRANTED")
    play.do(B, "session.pause")
    assert decide(play, other, "GRANTED").code == Code.SESSION_NOT_ACTIVE
    assert not isinstance(decide(play, other, "DENIED"), Refusal)
    assert play.do(A, "consent.revoke", consentRecordId=granted)["revoked"]
    asked = {"contentType": content_type, "originalContentId": "x"}
    assert play.refused(A, "consent.request", **asked) == Code.SESSION_NOT_ACTIVE


@pytest.mark.parametrize("content_type", REQUESTED)
def test_after_the_end_only_taking_back_is_left(content_type: str) -> None:
    play = Play().to_stage(PATHS[content_type].stage)
    granted, other = requested(play, content_type), requested(play, content_type)
    decide(play, granted, "GRANTED")
    play.do(B, "session.withdraw")
    for decision in ("GRANTED", "DENIED"):
        assert decide(play, other, decision).code == Code.SESSION_NOT_ACTIVE
    assert play.do(A, "consent.revoke", consentRecordId=granted)["revoked"]


def test_a_pattern_is_of_ones_own_readings() -> None:
    play = Play().to_stage(2)
    asked = {"contentType": "EMOTIONAL_PATTERN", "originalContentId": pattern(play)}
    work = play.ask(B, "consent.request", **asked)
    assert work.kind == "consent.preview", "the work reads as B, who has no such reading"


# ---- by commands of their own


@pytest.mark.parametrize("content_type", OWN)
def test_what_crosses_by_its_own_command_is_a_consent_too(content_type: str) -> None:
    path = PATHS[content_type]
    assert path.own_command is not None
    play = Play().to_stage(path.stage)
    path.own_command(play)
    key, consent = consent_of(play, A, content_type)
    assert consent.decision == "GRANTED"
    [record] = play.tables.rows("ConsentRecord", id=key)
    assert record["decidedAt"] is not None
    assert ("consent.decide", "GRANTED") in audited(play)


@pytest.mark.parametrize("content_type", sorted(set(PATHS) - set(REQUESTED)))
def test_and_cannot_be_asked_for(content_type: str) -> None:
    play = Play().to_stage(PATHS[content_type].stage)
    asked = {"contentType": content_type, "originalContentId": "x"}
    assert play.refused(A, "consent.request", **asked) == Code.VALIDATION_ERROR


# ---- taken back


@pytest.mark.parametrize("content_type", sorted({*REQUESTED, *OWN}))
def test_taken_back_it_is_revoked_hidden_told_and_audited(content_type: str) -> None:
    path = PATHS[content_type]
    play = Play().to_stage(path.stage)
    if path.own_command is not None:
        path.own_command(play)
        key, consent = consent_of(play, A, content_type)
    else:
        key = requested(play, content_type)
        decide(play, key, "GRANTED")
        consent = seat(play, A).consents[key]
    contents = play.tables.rows("ConsentedContent", consentRecordId=key)
    shown_as = contents[0]["id"] if contents else consent.target_id
    reply = play.do(A, "consent.revoke", consentRecordId=key)
    assert reply == {"revoked": True, "revokedAt": play.now}
    [record] = play.tables.rows("ConsentRecord", id=key)
    assert (record["decision"], record["revokedAt"]) == ("REVOKED", play.now)
    for content in play.tables.rows("ConsentedContent", consentRecordId=key):
        assert (content["consentActive"], content["revokedAt"]) == (False, play.now)
    assert play.told[B][-1] == ("consent.revoked", {"contentId": shown_as})
    assert audited(play)[-1] == ("consent.revoke", "REVOKED")
    assert f"revoked:{shown_as}" in play.last.effects
    assert play.refused(A, "consent.revoke", consentRecordId=key) == Code.CONFLICT


# ---- needs cross literally


def test_a_need_that_was_answered_with_a_no_meanwhile_is_not_shared_by_its_request() -> None:
    play = Play().to_stage(3)
    key = requested(play, "IDENTIFIED_NEED")
    target = seat(play, A).consents[key].target_id
    play.do(A, "needs.confirm", confirmations=[{"needId": target, "confirmed": False}])
    assert decide(play, key, "GRANTED").code == Code.GATE_NOT_SATISFIED
    assert not play.tables.rows("ConsentedContent", originalNeedId=target)
    assert not isinstance(decide(play, key, "DENIED"), Refusal)


def test_a_need_shared_meanwhile_is_not_shared_twice() -> None:
    play = Play().to_stage(3)
    key = requested(play, "IDENTIFIED_NEED")
    play.do(A, "needs.consent", needIds=[seat(play, A).consents[key].target_id])
    assert decide(play, key, "GRANTED").code == Code.CONFLICT


def test_an_answer_that_comes_late_finds_the_decision_made() -> None:
    play = Play().to_stage(2)
    key = requested(play, "EVENT_SUMMARY")
    yes = {"consentRequestId": key, "decision": "GRANTED"}
    work = play.ask(A, "consent.decide", **yes)
    command = play.command
    decide(play, key, "DENIED")
    refusal = play.finish(work, command)
    assert refusal.code == Code.CONFLICT
    assert not play.tables.rows("ConsentedContent", consentRecordId=key)
