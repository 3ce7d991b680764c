"""Who is told of what, in which order (spec 2.4): content, then progress, then the partner."""

from __future__ import annotations

from datetime import timedelta

from beheard_hub.domain.mediation.commands import AiFailed, AiReplied, Safety, Timer
from beheard_hub.domain.mediation.internal import Audited
from tests.unit.domain.play import A, B, Play


def test_signing_moves_both_and_tells_the_partner_last() -> None:
    play = Play()
    play.accept()
    play.do(A, "compact.sign", agreed=True)
    assert play.names(A) == ["progress.changed"]
    assert play.names(B) == ["progress.changed", "partner.signed_compact"]


def test_joining_is_told_to_the_inviter() -> None:
    play = Play()
    play.accept()
    assert play.names(A) == ["partner.joined"]
    assert play.names(B) == ["progress.changed"]


def test_a_step_tells_completion_before_advancing() -> None:
    play = Play()
    play.accept()
    play.sign()
    play.advance(A)
    assert play.names(A) == ["progress.changed"]
    assert play.names(B) == ["partner.stage_completed", "partner.advanced"]
    assert play.told[B][-1][1] == {"toStage": 1}


def test_a_message_is_private_with_its_reading_and_offer() -> None:
    play = Play().to_stage(1)
    play.do(A, "message.send", content="it hurts", emotionalIntensity=8)
    assert play.names(A) == ["message.created", "emotion.recorded", "support.offered"]
    assert play.names(B) == []


def test_an_attempt_comes_with_progress_before_the_partners_event() -> None:
    play = Play().to_stage(2)
    play.attempt(A)
    assert play.names(A) == ["progress.changed"]
    assert play.names(B) == ["progress.changed", "partner.empathy_shared"]


def test_a_no_without_consent_tells_the_partner_nothing_at_all() -> None:
    play = Play().to_stage(2)
    play.attempt(A)
    play.attempt(B)
    play.do(B, "empathy.validate", validated=False, feedback="you were angry, not sad")
    assert play.names(A) == []


def test_shared_feedback_is_told_but_not_its_words() -> None:
    play = Play().to_stage(2)
    play.attempt(A)
    play.attempt(B)
    told = {"validated": False, "feedback": "not quite", "consentToShareFeedback": True}
    play.do(B, "empathy.validate", **told)
    assert play.told[A][-1] == ("partner.empathy_feedback", {})


def test_pausing_says_by_whom_from_each_side() -> None:
    play = Play().to_stage(1)
    play.do(A, "session.pause")
    assert ("session.paused", {"by": "me"}) in play.told[A]
    assert ("session.paused", {"by": "partner"}) in play.told[B]
    play.do(B, "session.resume")
    assert play.names(A)[0] == "session.resumed"


def test_needs_shared_by_both_bring_common_ground() -> None:
    play = Play().to_stage(3)
    play.share_needs()
    assert play.names(A) == ["common_ground.ready", "progress.changed", "partner.needs_shared"]
    assert play.names(B) == ["common_ground.ready"]


def test_the_second_confirmation_is_told_to_both() -> None:
    play = Play().to_stage(3)
    play.agree_on_ground()
    for user in (A, B):
        assert play.names(user) == ["common_ground.confirmed", "progress.changed"]


def test_ready_rank_and_overlap() -> None:
    play = Play().to_stage(4)
    play.do(A, "strategies.ready")
    assert play.names(B) == ["partner.strategies_ready"]
    play.do(B, "strategies.ready")
    assert play.names(A) == ["strategies.ranking_open", "partner.strategies_ready"]
    assert play.names(B) == ["strategies.ranking_open", "progress.changed"]
    play.rank()
    assert play.names(A) == [
        "strategies.overlap_ready",
        "progress.changed",
        "partner.ranking_submitted",
    ]


def test_an_agreement_is_proposed_confirmed_and_resolved() -> None:
    play = Play().to_stage(4)
    play.open_pool()
    play.rank()
    play.agreement()
    assert play.names(A) == ["agreement.confirmed", "progress.changed"]
    assert "agreement.proposed" in [name for name, _ in play.told[B]]
    play.do(B, "session.resolve")
    assert play.names(A)[0] == "session.resolved"


def test_withdrawing_tells_both_without_a_reason() -> None:
    play = Play().to_stage(1)
    play.do(B, "session.withdraw")
    assert ("session.abandoned", {}) in play.told[A]
    assert ("session.abandoned", {}) in play.told[B]


def test_declining_tells_the_inviter_only() -> None:
    play = Play()
    play.do(B, "invitation.decline", invitationId=play.invitation_id, reason="not now")
    assert play.names(A) == ["partner.declined"]
    assert play.told[A][-1][1] == {}


def test_an_expired_invitation_is_told_to_the_inviter() -> None:
    play = Play()
    play.now += timedelta(days=7)
    data = Timer(reminder_id="r", kind="invitation_expiry")
    play.internal("internal.timer", "", data)
    assert play.names(A) == ["invitation.expired"]
    assert play.state.status == "CREATED"


def test_an_answer_comes_before_its_offers() -> None:
    play = Play().to_stage(1)
    play.do(A, "message.send", content="hello")
    play.answer(A, support_type="GROUNDING", offer_feel_heard=True)
    assert play.names(A) == ["message.created", "support.offered", "feel_heard.offered"]


def test_safety_stays_with_the_user() -> None:
    play = Play().to_stage(1)
    play.internal("internal.safety", A, Safety(severity="urgent", resources=[{"name": "line"}]))
    assert play.names(A) == ["safety.resources"]
    assert play.names(B) == []


def test_a_failure_is_told_and_an_answer_that_was_hushed_is_not() -> None:
    play = Play().to_stage(1)
    assert play.state.a is not None
    outstanding = play.state.a.ai_turn
    assert outstanding is not None
    play.internal("internal.ai_failed", A, AiFailed(reminder_id=outstanding))
    assert play.told[A][-1] == ("message.failed", {"retryable": True})
    late = AiReplied(reminder_id=outstanding, message={"id": "m", "content": "late"})
    play.internal("internal.ai_replied", A, late)
    assert play.names(A) == []
    assert play.last.done == [outstanding]


def test_what_a_model_was_given_is_in_the_audit_log() -> None:
    play = Play().to_stage(1)
    assert play.state.a is not None
    assert play.state.a.ai_turn is not None
    item = {"source": "user", "type": "message", "id": "m1", "consent": "not_applicable"}
    kept = {"type": "need", "id": "n1", "reason": "stage"}
    said = {"id": "m2", "content": "I hear you", "bundle": {"items": [item]}}
    sent = {"messageId": "m2", "items": [item], "refused": [kept], "probes": ["other_side"]}
    data = AiReplied(
        reminder_id=play.state.a.ai_turn,
        stage=1,
        message=said,
        audit=(("ai.bundle", "SENT", sent),),
    )
    play.internal("internal.ai_replied", A, data)
    [entry] = [row for row in play.tables.rows("hub.AuditLog") if row["action"] == "ai.bundle"]
    assert (entry["actorId"], entry["actorRole"], entry["sessionId"]) == (A, "ai", play.session_id)
    assert entry["target"] == sent


def test_what_no_reply_carries_is_audited_too() -> None:
    play = Play().to_stage(1)
    rejected = {"query": "strategy", "source": "structured", "reason": "contract"}
    entries = (("retrieval.rejected", "CONTRACT", rejected),)
    play.internal("internal.audited", A, Audited(entries=entries))
    [entry] = [row for row in play.tables.rows("hub.AuditLog") if row["action"] == entries[0][0]]
    assert (entry["actorId"], entry["actorRole"], entry["outcome"]) == (A, "ai", "CONTRACT")
    assert entry["target"] == rejected


def test_a_revocation_is_told_only_if_it_could_be_read() -> None:
    play = Play().to_stage(2)
    play.attempt(A)
    assert play.state.a is not None
    assert play.state.a.newest_attempt is not None
    play.do(A, "consent.revoke", consentRecordId=play.state.a.newest_attempt.consent_id)
    assert "consent.revoked" not in play.names(B), "B has shown nothing and so could see nothing"
    play.attempt(A)
    play.attempt(B)
    newest = play.state.a.newest_attempt
    assert newest is not None
    play.do(A, "consent.revoke", consentRecordId=newest.consent_id)
    assert play.told[B][-1] == ("consent.revoked", {"contentId": newest.content_id})
    assert f"revoked:{newest.content_id}" in play.last.effects
