"""What stands on a consent falls with it, in the turn that takes it back: each effect by itself."""

from __future__ import annotations

from typing import Any

import pytest

from beheard_hub.domain.kernel import Ref, Work
from beheard_hub.domain.mediation.commands import AiReplied, CommonGroundFound
from beheard_hub.domain.refusals import Code
from tests.unit.domain.play import A, B, Play
from tests.unit.domain.test_consent import consent_of, decide, requested, seat


def revoke(play: Play, user: str, content_type: str) -> None:
    play.do(user, "consent.revoke", consentRecordId=consent_of(play, user, content_type)[0])


def shared_event(play: Play) -> str:
    """A's event, shared; the id of its content."""
    key = requested(play, "EVENT_SUMMARY")
    decide(play, key, "GRANTED")
    content: str = play.tables.rows("ConsentedContent", consentRecordId=key)[0]["id"]
    return content


# ---- common ground and agreements


def test_common_ground_leaves_the_list_and_is_sought_again_among_what_is_left() -> None:
    play = Play().to_stage(3)
    play.agree_on_ground()
    ground = play.common_ground()
    play.do(A, "needs.consent", needIds=[play.add_need(A)])
    first = next(k for k, c in seat(play, A).consents.items() if c.content_type[:2] == "ID")
    play.do(A, "consent.revoke", consentRecordId=first)
    assert play.state.common_ground[ground].stale
    [row] = play.tables.rows("CommonGround", id=ground)
    assert row["stale"]
    assert play.state.analysis is not None
    assert "common_ground" in [due.kind for due in play.last.dues]


def test_an_analysis_under_way_is_dropped_for_one_without_the_content() -> None:
    play = Play().to_stage(3)
    play.share_needs()
    for _ in range(2):
        asked = {"contentType": "IDENTIFIED_NEED", "originalContentId": play.add_need(A)}
        key = play.do(A, "consent.request", **asked)["consentRequest"].id
        decide(play, key, "GRANTED")
    before = play.state.analysis
    revoke(play, A, "IDENTIFIED_NEED")
    assert play.state.analysis not in (None, before)
    assert f"drop:{before}" in play.last.effects
    assert before in play.last.done
    late = CommonGroundFound(reminder_id=before, content_ids=(), items=())
    ground = dict(play.state.common_ground)
    play.internal("internal.common_ground", "", late)
    assert play.state.common_ground == ground


def test_a_need_taken_back_marks_agreements() -> None:
    play = Play().to_stage(4)
    play.open_pool()
    play.rank()
    key = play.agreement()
    revoke(play, A, "IDENTIFIED_NEED")
    [row] = play.tables.rows("Agreement", id=key)
    assert row["staleInput"]


def test_an_idea_taken_back_marks_the_agreements_that_grew_from_it_and_no_other() -> None:
    play = Play().to_stage(4)
    play.open_pool()
    mine = next(k for k, c in seat(play, A).consents.items() if c.content_type[:2] == "ST")
    idea = seat(play, A).consents[mine].target_id
    play.rank()
    words = {"description": "walk", "type": "COMMITMENT"}
    grown = play.do(B, "agreement.create", **words, strategyId=idea)["agreement"].id
    free = play.do(B, "agreement.create", **words)["agreement"].id
    play.do(A, "consent.revoke", consentRecordId=mine)
    assert play.tables.rows("Agreement", id=grown)[0]["staleInput"]
    assert not play.state.agreements[free].stale


# ---- an idea leaves pool, ranking, overlap and agreements


@pytest.fixture
def ranked() -> tuple[Play, str]:
    """Both ranked A's idea first and one of the library second."""
    play = Play().to_stage(4)
    play.open_pool()
    idea = consent_of(play, A, "STRATEGY_PROPOSAL")[1].target_id
    assert idea is not None
    other = next(iter(play.state.library_ideas))
    for user in (A, B):
        play.do(user, "strategies.rank", rankedIds=[idea, other])
    assert play.do(B, "strategies.overlap")["overlap"] == [
        Ref("strategy", idea), Ref("strategy", other),
    ]  # fmt: skip
    return play, idea


def test_an_idea_taken_back_leaves_the_pool_and_the_overlap_of_both(
    ranked: tuple[Play, str],
) -> None:
    play, idea = ranked
    revoke(play, A, "STRATEGY_PROPOSAL")
    assert idea not in play.state.opened_pool
    for user in (A, B):
        left = play.do(user, "strategies.overlap")["overlap"]
        assert len(left) == 1
        assert left[0].id != idea


def test_no_agreement_can_grow_from_an_idea_taken_back(ranked: tuple[Play, str]) -> None:
    play, idea = ranked
    revoke(play, A, "STRATEGY_PROPOSAL")
    words = {"description": "walk", "type": "COMMITMENT", "strategyId": idea}
    assert play.refused(B, "agreement.create", **words) == Code.NOT_FOUND
    assert play.do(B, "agreement.create", description="walk", type="COMMITMENT")


def test_an_idea_that_nobody_could_see_yet_is_taken_back_in_silence() -> None:
    play = Play().to_stage(4)
    play.do(A, "strategies.propose", description="walk")
    told = len(play.told[B])
    revoke(play, A, "STRATEGY_PROPOSAL")
    assert len(play.told[B]) == told


# ---- attempts and feedback


def test_an_attempt_taken_back_is_hidden_from_both_and_its_draft_reopens() -> None:
    play = Play().to_stage(2)
    play.attempt(A)
    play.attempt(B)
    revoke(play, A, "EMPATHY_ATTEMPT")
    assert play.refused(B, "empathy.partner") == Code.CONSENT_REVOKED
    assert play.refused(A, "empathy.partner") == Code.CONSENT_REQUIRED
    assert play.refused(B, "empathy.validate", validated=True) == Code.CONSENT_REVOKED
    assert play.do(A, "empathy.save_draft", content="anew", readyToShare=True)


def test_an_attempt_that_the_partner_could_not_see_is_taken_back_in_silence() -> None:
    play = Play().to_stage(2)
    play.attempt(A)
    revoke(play, A, "EMPATHY_ATTEMPT")
    assert "consent.revoked" not in play.names(B)


def test_feedback_taken_back_is_nothing_any_more() -> None:
    play = Play().to_stage(2)
    play.attempt(A)
    play.attempt(B)
    said = {"validated": False, "feedback": "not quite", "consentToShareFeedback": True}
    play.do(B, "empathy.validate", **said)
    key, consent = consent_of(play, B, "EVENT_SUMMARY")
    play.do(B, "consent.revoke", consentRecordId=key)
    [row] = play.tables.rows("EmpathyValidation", id=consent.target_id)
    assert not row["feedbackShared"]
    assert play.told[A][-1] == ("consent.revoked", {"contentId": consent.target_id})


# ---- gates


@pytest.mark.parametrize("told", ["own", "partner"])
def test_a_gate_of_an_open_stage_opens_again(told: str) -> None:
    play = Play().to_stage(2)
    play.understand()
    revoke(play, A, "EMPATHY_ATTEMPT")
    user, gate = {"own": (A, "empathyConsented"), "partner": (B, "partnerConsented")}[told]
    assert "progress.changed" in play.names(user)
    assert not play.gates(user)[gate]
    assert not play.do(user, "progress.get")["canAdvance"]


def test_a_gate_that_latched_stays_and_a_completed_stage_too() -> None:
    play = Play().to_stage(2)
    play.understand()
    play.advance(B)
    before = play.gates(A)
    revoke(play, A, "EMPATHY_ATTEMPT")
    assert play.gates(A) == before
    assert seat(play, B).completed(2)
    play.advance(A)


def test_gates_of_needs_fall_while_their_stage_is_open_and_not_after() -> None:
    play = Play().to_stage(3)
    play.agree_on_ground()
    revoke(play, B, "IDENTIFIED_NEED")
    assert not play.gates(A)["partnerNeedsConfirmed"]
    assert not play.gates(A)["commonGroundConfirmed"]
    assert play.gates(B)["partnerNeedsConfirmed"]
    other = Play().to_stage(4)
    revoke(other, B, "IDENTIFIED_NEED")
    assert seat(other, A).completed(3)


# ---- what the facilitator is about to say


def reply(play: Play, user: str, reminder: str) -> None:
    """An answer that was made before the revocation and comes after it."""
    said = {"id": "late", "content": "made from it", "promptVersion": "1", "bundle": {"items": []}}
    data = AiReplied(reminder_id=reminder, stage=2, message=said)
    play.internal("internal.ai_replied", user, data)


def speaking(play: Play, user: str) -> str:
    """The facilitator is about to answer in that thread."""
    if seat(play, user).ai_turn is not None:
        play.answer(user)
    play.do(user, "message.send", content="and then?")
    reminder = seat(play, user).ai_turn
    assert reminder is not None
    return reminder


def test_the_partners_answer_under_way_is_dropped_never_stored_and_asked_for_anew() -> None:
    play = Play().to_stage(2)
    shared_event(play)
    before = speaking(play, B)
    waiting = list(seat(play, B).unanswered)
    revoke(play, A, "EVENT_SUMMARY")
    assert f"drop:{before}" in play.last.effects
    assert before in play.last.done
    [due] = [due for due in play.last.dues if due.kind == "ai_turn"]
    assert (due.user_id, due.id) == (B, seat(play, B).ai_turn)
    reply(play, B, before)
    assert not play.tables.rows("Message", id="late")
    assert seat(play, B).unanswered == waiting
    play.answer(B)
    assert not seat(play, B).unanswered


def test_the_own_answer_under_way_has_nothing_of_it_and_goes_on() -> None:
    play = Play().to_stage(2)
    shared_event(play)
    before = speaking(play, A)
    revoke(play, A, "EVENT_SUMMARY")
    assert seat(play, A).ai_turn == before


def test_who_takes_an_attempt_back_sees_no_more_of_the_others_and_nor_does_their_model() -> None:
    play = Play().to_stage(2)
    play.attempt(A)
    play.attempt(B)
    before = {user: speaking(play, user) for user in (A, B)}
    revoke(play, A, "EMPATHY_ATTEMPT")
    for user in (A, B):
        assert seat(play, user).ai_turn not in (None, before[user])


def revised(play: Play, user: str, partner: str) -> None:
    """A new attempt in place of the one that the partner did not recognise."""
    play.do(
        partner,
        "empathy.validate",
        validated=False,
        feedback="not quite",
        consentToShareFeedback=True,
    )
    play.attempt(user)


def test_a_new_attempt_drops_what_is_about_to_be_said_of_the_earlier_one() -> None:
    play = Play().to_stage(2)
    play.attempt(A)
    play.attempt(B)
    before = speaking(play, B)
    revised(play, A, B)
    assert f"drop:{before}" in play.last.effects
    assert seat(play, B).ai_turn not in (None, before)
    reply(play, B, before)
    assert not play.tables.rows("Message", id="late")


def test_the_own_thread_never_held_the_own_attempt() -> None:
    play = Play().to_stage(2)
    play.attempt(A)
    play.attempt(B)
    before = speaking(play, A)
    revised(play, A, B)
    assert seat(play, A).ai_turn == before


def test_where_the_partner_could_read_nothing_their_thread_is_left_alone() -> None:
    play = Play().to_stage(1)
    play.feel_heard()
    play.advance(A)
    key = requested(play, "EVENT_SUMMARY")
    decide(play, key, "GRANTED")
    before = speaking(play, B)
    told = len(play.told[B])
    play.do(A, "consent.revoke", consentRecordId=key)
    assert seat(play, B).ai_turn == before
    assert len(play.told[B]) == told


# ---- work under way


def test_of_needs_that_wait_for_an_analysis_nothing_is_grounded_on_what_was_taken_back() -> None:
    play = Play().to_stage(3)
    play.do(B, "needs.consent", needIds=[play.add_need(B)])
    work: Any = play.ask(A, "needs.consent", needIds=[play.add_need(A)])
    assert isinstance(work, Work)
    command = play.command
    revoke(play, B, "IDENTIFIED_NEED")
    assert not play.finish(work, command).data["commonGroundReady"]
    assert not play.state.common_ground
