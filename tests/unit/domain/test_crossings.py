"""Rules of what crosses: attempts and feedback, needs and common ground, ideas, consents."""

from __future__ import annotations

from typing import Any

import pytest

from beheard_hub.domain.kernel import Read, Ref, Work
from beheard_hub.domain.mediation.internal import AiReplied
from beheard_hub.domain.mediation.kind import HANDLERS, MEDIATION
from beheard_hub.domain.mediation.state import Seat
from beheard_hub.domain.refusals import Code
from tests.unit.domain.play import A, B, Play


def seat(play: Play, user: str) -> Seat:
    found = play.state.seat(user)
    assert found is not None
    return found


def revoke_attempt(play: Play, user: str) -> None:
    newest = seat(play, user).newest_attempt
    assert newest is not None
    play.do(user, "consent.revoke", consentRecordId=newest.consent_id)


def reject(play: Play, user: str, *, share: bool) -> None:
    told = {"validated": False, "feedback": "not quite", "consentToShareFeedback": share}
    play.do(user, "empathy.validate", **told)


# ---- stage 2


def test_nobody_sees_before_showing() -> None:
    play = Play().to_stage(2)
    assert play.refused(A, "empathy.partner") == Code.CONSENT_REQUIRED
    play.attempt(A)
    assert play.refused(A, "empathy.partner") == Code.PARTNER_NOT_READY
    play.attempt(B)
    assert isinstance(play.do(A, "empathy.partner"), Read)
    revoke_attempt(play, B)
    assert play.refused(A, "empathy.partner") == Code.CONSENT_REVOKED
    assert play.refused(B, "empathy.partner") == Code.CONSENT_REQUIRED


def test_a_draft_must_be_ready_and_is_closed_by_consent() -> None:
    play = Play().to_stage(2)
    key = play.do(A, "empathy.save_draft", content="you")["draft"].id
    assert play.refused(A, "empathy.consent", draftId=key) == Code.GATE_NOT_SATISFIED
    assert play.refused(A, "empathy.consent", draftId="x") == Code.NOT_FOUND
    play.do(A, "empathy.save_draft", content="you felt", readyToShare=True)
    play.do(A, "empathy.consent", draftId=key)
    assert play.refused(A, "empathy.save_draft", content="more") == Code.CONFLICT
    assert play.refused(A, "empathy.consent", draftId=key) == Code.CONFLICT
    assert play.tables.rows("EmpathyAttempt")[0]["content"] == "I think you felt alone"


def test_a_draft_rewritten_meanwhile_is_fetched_again() -> None:
    play = Play().to_stage(2)
    key = play.do(A, "empathy.save_draft", content="you", readyToShare=True)["draft"].id
    work = play.ask(A, "empathy.consent", draftId=key)
    command = play.command
    play.do(A, "empathy.save_draft", content="you felt", readyToShare=True)
    again = play.finish(work, command)
    assert isinstance(again, Work), "the fetched words are not those of the draft any more"
    assert not play.tables.rows("EmpathyAttempt")


def test_shared_feedback_reopens_and_a_revision_clears_validation() -> None:
    play = Play().to_stage(2)
    play.attempt(A)
    play.attempt(B)
    reject(play, B, share=True)
    first = seat(play, A).newest_attempt
    play.attempt(A)
    assert first is not None
    old = play.state.contents[first.content_id]
    assert not old.active, "superseded content is inactive"
    assert play.refused(B, "empathy.validate", attemptId=first.id, validated=True) == (
        Code.CONFLICT
    )
    play.do(B, "empathy.validate", validated=True)
    assert play.gates(A)["partnerValidated"]
    assert play.refused(B, "empathy.validate", validated=False) == Code.CONFLICT


def test_unshared_rejection_does_not_reopen() -> None:
    play = Play().to_stage(2)
    play.attempt(A)
    play.attempt(B)
    reject(play, B, share=False)
    assert play.refused(A, "empathy.save_draft", content="again") == Code.CONFLICT
    assert play.refused(A, "empathy.accept_feedback") == Code.GATE_NOT_SATISFIED


def test_accepting_the_difference_satisfies_and_closes_the_draft() -> None:
    play = Play().to_stage(2)
    play.attempt(A)
    play.attempt(B)
    reject(play, B, share=True)
    play.do(A, "empathy.accept_feedback")
    assert play.gates(A)["partnerValidated"]
    assert play.refused(A, "empathy.save_draft", content="again") == Code.CONFLICT
    assert play.refused(A, "empathy.accept_feedback") == Code.CONFLICT


def test_feedback_can_be_taken_back_and_stays_reopened() -> None:
    play = Play().to_stage(2)
    play.attempt(A)
    play.attempt(B)
    reject(play, B, share=True)
    consent = next(k for k, c in seat(play, B).consents.items() if c.kind == "feedback")
    play.do(B, "consent.revoke", consentRecordId=consent)
    assert "consent.revoked" in play.names(A)
    assert not play.tables.rows("EmpathyValidation")[0]["feedbackShared"]
    play.do(A, "empathy.save_draft", content="again", readyToShare=True)


def test_taking_an_attempt_back_reopens_the_draft_and_drops_gates() -> None:
    play = Play().to_stage(2)
    play.attempt(A)
    revoke_attempt(play, A)
    assert not play.gates(A)["empathyConsented"]
    assert not play.gates(B)["partnerConsented"]
    assert seat(play, A).row.status == "IN_PROGRESS"
    play.attempt(A)


# ---- stage 3


def test_needs_are_synthesised_once_until_dirty_or_asked() -> None:
    play = Play().to_stage(3)
    reply = play.do(A, "needs.list")
    assert len(reply["needs"]) == 1
    assert [ref.kind for ref in reply["clarifications"]] == ["clarification"]
    assert isinstance(play.ask(A, "needs.list"), Read)
    play.do(A, "event.add", description="again", attributedTo="SELF")
    assert isinstance(play.ask(A, "needs.list"), Work)
    own = play.add_need(A)
    play.do(A, "needs.list", resynthesize=True)
    assert own in seat(play, A).needs, "written and confirmed needs are kept"


def test_every_presented_need_is_answered_and_only_own_confirmed_ones_cross() -> None:
    play = Play().to_stage(3)
    play.do(A, "needs.list")
    words = {"need": "rest", "category": "SAFETY", "description": "quiet"}
    key = play.do(A, "needs.add", **words)["need"].id
    one = [{"needId": key, "confirmed": True}]
    assert play.refused(A, "needs.confirm", confirmations=one) == Code.VALIDATION_ERROR
    assert play.refused(A, "needs.consent", needIds=[key]) == Code.GATE_NOT_SATISFIED
    other = next(k for k in seat(play, A).needs if k != key)
    play.do(A, "needs.confirm", confirmations=[*one, {"needId": other, "confirmed": False}])
    assert play.refused(B, "needs.consent", needIds=[key]) == Code.NOT_FOUND
    play.do(A, "needs.consent", needIds=[key])
    assert play.tables.rows("ConsentedContent", originalNeedId=key)[0]["transformedContent"] == (
        "rest: quiet"
    )
    adjusted = [{"needId": key, "confirmed": True, "adjustment": "loud"}]
    assert play.refused(A, "needs.confirm", confirmations=adjusted) == Code.CONFLICT
    assert play.refused(A, "needs.list", resynthesize=True) == Code.CONFLICT


def test_a_need_shared_again_gets_its_row_back_under_a_new_consent() -> None:
    play = Play().to_stage(3)
    key = play.add_need(A)
    play.do(A, "needs.consent", needIds=[key])
    first = next(k for k, c in seat(play, A).consents.items() if c.target_id == key)
    play.do(A, "consent.revoke", consentRecordId=first)
    assert not play.gates(B)["partnerNeedsConfirmed"]
    play.do(A, "needs.consent", needIds=[key])
    assert len(play.tables.rows("ConsentedContent", originalNeedId=key)) == 1
    records = play.tables.rows("ConsentRecord", targetId=key)
    assert sorted(record["decision"] for record in records) == ["GRANTED", "REVOKED"]


def test_a_revocation_while_common_ground_is_sought_is_noticed() -> None:
    play = Play().to_stage(3)
    theirs = play.add_need(B)
    play.do(B, "needs.consent", needIds=[theirs])
    mine = play.add_need(A)
    work = play.ask(A, "needs.consent", needIds=[mine])
    command = play.command
    consent = next(k for k, c in seat(play, B).consents.items() if c.target_id == theirs)
    play.do(B, "consent.revoke", consentRecordId=consent)
    reply = play.finish(work, command)
    assert not reply.data["commonGroundReady"]
    assert not play.state.common_ground, "nothing stands on what was taken back"


def test_a_later_need_brings_a_new_analysis_and_what_both_confirmed_stays() -> None:
    play = Play().to_stage(3)
    play.agree_on_ground()
    final = play.common_ground()
    asked = {"contentType": "IDENTIFIED_NEED", "originalContentId": play.add_need(A)}
    request = play.do(A, "consent.request", **asked)["consentRequest"].id
    reply = play.do(A, "consent.decide", consentRequestId=request, decision="GRANTED")
    assert isinstance(reply["warnings"], Ref)
    assert play.state.analysis is not None
    play.analyse()
    assert play.state.analysis is None
    assert play.state.common_ground[final].final
    no = [{"commonGroundId": final, "confirmed": False}]
    assert play.refused(A, "common_ground.confirm", confirmations=no) == Code.CONFLICT


def test_common_ground_falls_with_its_source() -> None:
    play = Play().to_stage(3)
    play.agree_on_ground()
    key = play.common_ground()
    consent = next(k for k, c in seat(play, B).consents.items() if c.content_type[:2] == "ID")
    play.do(B, "consent.revoke", consentRecordId=consent)
    assert play.state.common_ground[key].stale
    assert not play.gates(A)["commonGroundConfirmed"]


# ---- stage 4


def test_ideas_have_random_ids_and_are_counted_as_far_as_visible() -> None:
    play = Play().to_stage(4)
    play.do(B, "strategies.propose", description="dance")
    reply = play.do(A, "strategies.propose", description="walk")
    assert reply["totalStrategies"] == 1, "the partner's idea does not even count"
    assert reply["strategy"].id.startswith("r")
    play.do(A, "strategies.suggest", count=2)
    assert play.do(A, "strategies.propose", description="run")["totalStrategies"] == 4


def test_without_overlap_another_round_is_collected_in_secret() -> None:
    play = Play().to_stage(4)
    play.open_pool()
    assert play.refused(A, "strategies.overlap") == Code.PARTNER_NOT_READY
    play.rank(same=False)
    assert play.state.phase == "NEGOTIATING"
    assert play.do(A, "strategies.overlap") == {"overlap": [], "phase": "NEGOTIATING"}
    secret = play.do(B, "strategies.propose", description="dance")["strategy"].id
    assert secret not in play.state.opened_pool
    words = {"description": "dance", "type": "COMMITMENT", "strategyId": secret}
    assert play.refused(B, "agreement.create", **words) == Code.NOT_FOUND
    play.agreement()
    assert play.state.phase == "AGREED"
    assert secret not in play.state.opened_pool, "a round that never opened stays its authors'"


def test_an_idea_taken_back_leaves_the_pool_and_the_overlap() -> None:
    play = Play().to_stage(4)
    play.open_pool()
    mine = next(iter(seat(play, A).ideas))
    for user in (A, B):
        if user == B:
            consent = next(k for k, c in seat(play, A).consents.items() if c.target_id == mine)
            play.do(A, "consent.revoke", consentRecordId=consent)
            assert play.told[B][-1] == ("consent.revoked", {"contentId": mine})
            assert play.refused(B, "strategies.rank", rankedIds=[mine]) == Code.NOT_FOUND
            play.do(B, "strategies.rank", rankedIds=[sorted(play.state.pool)[0]])
        else:
            play.do(user, "strategies.rank", rankedIds=[mine])
    assert play.state.phase == "NEGOTIATING"


def test_a_ranking_names_the_pool_only_and_may_be_rewritten() -> None:
    play = Play().to_stage(4)
    assert play.refused(A, "strategies.rank", rankedIds=["x"]) == Code.CONFLICT
    play.open_pool()
    pool = sorted(play.state.pool)
    assert play.refused(A, "strategies.rank", rankedIds=["x"]) == Code.NOT_FOUND
    assert play.refused(A, "strategies.rank", rankedIds=pool[:1] * 2) == Code.VALIDATION_ERROR
    for _ in range(2):
        assert play.do(A, "strategies.rank", rankedIds=pool[:2])["awaitingReveal"]
    assert len(play.tables.rows("StrategyRanking")) == 1


def test_a_modification_replaces_the_proposal() -> None:
    play = Play().to_stage(4)
    words = {"description": "walk", "type": "COMMITMENT"}
    assert play.refused(A, "agreement.create", **words) == Code.GATE_NOT_SATISFIED
    play.open_pool()
    play.rank()
    first = play.do(A, "agreement.create", **words)["agreement"].id
    assert play.refused(A, "agreement.confirm", agreementId=first, confirmed=True) == (
        Code.CONFLICT
    )
    other = {"agreementId": first, "confirmed": False, "modification": "run"}
    second = play.do(B, "agreement.confirm", **other)["agreement"].id
    assert play.state.agreements[first].status == "ABANDONED"
    assert play.state.agreements[second].type == "COMMITMENT"
    assert play.do(A, "agreement.confirm", agreementId=second, confirmed=True)["sessionCanResolve"]


def test_five_open_agreements_at_most() -> None:
    play = Play().to_stage(4)
    play.open_pool()
    play.rank()
    for _ in range(5):
        play.do(A, "agreement.create", description="walk", type="COMMITMENT")
    words = {"description": "walk", "type": "COMMITMENT"}
    assert play.refused(A, "agreement.create", **words) == Code.CONFLICT


# ---- consents


@pytest.mark.parametrize("content_type", ["EMPATHY_ATTEMPT", "STRATEGY_PROPOSAL", "EMPATHY_DRAFT"])
def test_some_content_crosses_by_its_own_command_only(content_type: str) -> None:
    play = Play().to_stage(2)
    asked = {"contentType": content_type, "originalContentId": "x"}
    assert play.refused(A, "consent.request", **asked) == Code.VALIDATION_ERROR


def test_requests_are_for_own_content_from_its_stage_on() -> None:
    play = Play().to_stage(1)
    play.do(A, "event.add", description="the dinner", attributedTo="OTHER")
    key = seat(play, A).events[0]
    asked = {"contentType": "EVENT_SUMMARY", "originalContentId": key}
    assert play.refused(A, "consent.request", **asked) == Code.INVALID_STAGE
    play.to_stage(2)
    assert play.refused(B, "consent.request", **asked) == Code.NOT_FOUND
    play.do(A, "consent.request", **asked)
    assert play.refused(A, "consent.request", **asked) == Code.CONFLICT


def test_a_decision_is_made_once_and_audited() -> None:
    play = Play().to_stage(2)
    play.do(A, "event.add", description="the dinner", attributedTo="OTHER")
    asked = {"contentType": "EVENT_SUMMARY", "originalContentId": seat(play, A).events[0]}
    key = play.do(A, "consent.request", **asked)["consentRequest"].id
    answer = {"consentRequestId": key, "decision": "GRANTED", "editedContent": "softer"}
    reply = play.do(A, "consent.decide", **answer)
    assert play.tables.rows("ConsentedContent")[0]["transformedContent"] == "softer"
    assert play.last.fresh["warnings", key] == ["hot"]
    assert MEDIATION.from_state(play.state, reply["warnings"], A, {}) == []
    assert play.told[B][-1][0] == "partner.content_shared"
    assert play.refused(A, "consent.decide", **answer) == Code.CONFLICT
    assert play.refused(B, "consent.revoke", consentRecordId=key) == Code.NOT_FOUND
    play.do(A, "consent.revoke", consentRecordId=key)
    assert play.refused(A, "consent.revoke", consentRecordId=key) == Code.CONFLICT
    audit = play.tables.rows("hub.AuditLog")
    assert [row["outcome"] for row in audit] == ["GRANTED", "REVOKED"]


def asked_about_an_event(play: Play, **result: Any) -> Any:
    """A request whose preview came back as `result`."""
    play.do(A, "event.add", description="that thing", attributedTo="OTHER")
    asked = {"contentType": "EVENT_SUMMARY", "originalContentId": seat(play, A).events[0]}
    return play.finish(play.ask(A, "consent.request", **asked), description="An event", **result)


def test_what_cannot_be_softened_without_inventing_becomes_a_question_in_the_own_thread() -> None:
    play = Play().to_stage(2)
    told = len(play.told[B])
    asked_about_an_event(play, preview=None, clarifications=["What happened?", "And you?"])
    [message] = [m for m in play.tables.rows("Message") if m["role"] == "AI"][-1:]
    assert (message["content"], message["forUserId"]) == ("What happened? And you?", A)
    assert [name for name, _ in play.told[A][-2:]] == ["message.created", "consent.requested"]
    assert len(play.told[B]) == told
    [record] = play.tables.rows("ConsentRecord")[-1:]
    assert record["transformedPreview"] is None
    assert seat(play, A).consents[record["id"]].decision is None


def test_what_has_no_preview_crosses_only_in_the_users_own_words() -> None:
    play = Play().to_stage(2)
    asked_about_an_event(play, preview=None, clarifications=["What happened?"])
    key = play.tables.rows("ConsentRecord")[-1]["id"]
    answer = {"consentRequestId": key, "decision": "GRANTED"}
    work = play.ask(A, "consent.decide", **answer)
    refusal = play.finish(work, text=None, warnings=[])
    assert refusal.code == Code.GATE_NOT_SATISFIED
    assert not play.tables.rows("ConsentedContent")
    play.do(A, "consent.decide", **answer, editedContent="I sat there alone.")
    assert play.tables.rows("ConsentedContent")[0]["transformedContent"] == "I sat there alone."


def test_a_question_may_come_with_a_preview() -> None:
    play = Play().to_stage(2)
    asked_about_an_event(play, preview="softly", clarifications=["Since when?"])
    assert play.tables.rows("Message")[-1]["content"] == "Since when?"
    assert play.tables.rows("ConsentRecord")[-1]["transformedPreview"] == "softly"


def test_without_a_preview_or_a_question_nothing_is_asked_for() -> None:
    play = Play().to_stage(2)
    refusal = asked_about_an_event(play, preview=None, clarifications=[])
    assert refusal.code == Code.GATE_NOT_SATISFIED
    assert not play.tables.rows("ConsentRecord")


def facilitator_asks(play: Play, target: str) -> None:
    """An answer that brings a wording of one of A's events with it."""
    play.do(A, "message.send", content="I wish she knew")
    said = {"id": f"ai-{len(play.tables.rows('Message'))}", "content": "Would you?"}
    asked = {"contentType": "EVENT_SUMMARY", "originalContentId": target}
    data = AiReplied(
        reminder_id=seat(play, A).ai_turn or "",
        answered=tuple(seat(play, A).unanswered),
        stage=2,
        message=said,
        consent={**asked, "preview": "softly", "description": "An event"},
    )
    play.internal("internal.ai_replied", A, data)


def test_the_facilitator_may_ask_by_itself_and_only_once() -> None:
    play = Play().to_stage(2)
    play.do(A, "event.add", description="the dinner", attributedTo="OTHER")
    target = seat(play, A).events[0]
    facilitator_asks(play, target)
    [record] = play.tables.rows("ConsentRecord")
    assert (record["userId"], record["requestedByUserId"]) == (A, None)
    assert "consent.requested" in [name for name, _ in play.told[A]]
    assert "consent.requested" not in [name for name, _ in play.told[B]]
    play.do(A, "consent.decide", consentRequestId=record["id"], decision="DENIED")
    facilitator_asks(play, target)
    assert len(play.tables.rows("ConsentRecord")) == 1


def test_the_facilitator_asks_for_ones_own_only() -> None:
    play = Play().to_stage(2)
    play.do(B, "event.add", description="the dinner", attributedTo="OTHER")
    facilitator_asks(play, seat(play, B).events[0])
    assert not play.tables.rows("ConsentRecord")


def test_a_revoked_need_marks_agreements_also_after_the_end() -> None:
    play = Play().to_stage(4)
    play.open_pool()
    play.rank()
    key = play.agreement()
    play.do(A, "session.resolve")
    consent = next(k for k, c in seat(play, A).consents.items() if c.content_type[:2] == "ID")
    play.do(A, "consent.revoke", consentRecordId=consent)
    assert play.state.agreements[key].stale
    assert play.state.status == "RESOLVED"


def test_every_work_has_its_second_half() -> None:
    assert set(HANDLERS.worked) == {
        "invitation.relationship", "draft.text", "needs.synthesise", "needs.share",
        "consent.preview", "consent.grant", "strategies.suggest", "strategies.library",
    }  # fmt: skip
