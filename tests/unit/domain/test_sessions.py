"""Rules of sessions: invitations, time, pauses, the compact, stepping on, the end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from beheard_hub.domain.kernel import Read, Ref
from beheard_hub.domain.mediation.commands import Timer
from beheard_hub.domain.mediation.kind import MEDIATION
from beheard_hub.domain.mediation.protocol import COMMANDS
from beheard_hub.domain.refusals import Code, Refusal
from tests.unit.domain.play import A, B, Play

DAY = timedelta(days=1)


def test_creating_writes_everything_that_a_session_begins_with() -> None:
    play = Play(inviteEmail="bob@example.org", context="we fight about money")
    tables = play.tables
    for table in (
        *("Relationship", "RelationshipMember", "Session", "SharedVessel", "UserVessel"),
        *("StageProgress", "Invitation", "SessionPrivate"),
    ):
        assert len(tables.rows(table)) == 1, table
    kinds = {row["kind"] for row in tables.rows("hub.Reminder", sessionId=play.session_id)}
    assert kinds == {"ai_turn", "invitation_expiry", "inactivity"}
    assert play.state.status == "INVITED"


def test_a_person_is_invited_only_within_a_relationship() -> None:
    play = Play()
    assert play.directory(A, "session.create", personId=B).code == Code.NOT_FOUND
    play.accept()
    assert play.directory(A, "session.create", personId=B).code == Code.CONFLICT
    play.do(A, "session.withdraw")
    reply = play.directory(A, "session.create", personId=B)
    assert len(play.tables.rows("Relationship")) == 1, "reused"
    play.session_id, play.invitation_id = reply.data["session"].id, reply.data["invitationId"]
    play.state = play.loaded()
    assert play.refused("carol", "invitation.accept", invitationId=play.invitation_id) == (
        Code.NOT_FOUND
    )
    play.accept()
    assert play.state.status == "ACTIVE"


def test_a_known_pair_keeps_its_relationship_when_invited_by_mail() -> None:
    play = Play()
    play.accept()
    first = play.state.relationship_id
    play.do(A, "session.withdraw")
    again = play.directory(A, "session.create", inviteName="Bobby")
    play.session_id, play.invitation_id = again.data["session"].id, again.data["invitationId"]
    play.state = play.loaded()
    assert play.state.relationship_id != first
    play.accept()
    assert play.state.relationship_id == first
    assert play.loaded() == play.state


def test_one_of_two_racing_accepts_wins() -> None:
    play = Play()
    work = play.ask(B, "invitation.accept", invitationId=play.invitation_id)
    late, late_command = work, play.command
    other = play.ask("carol", "invitation.accept", invitationId=play.invitation_id)
    carol = play.command
    play.finish(late, late_command)
    refused = play.finish(other, carol)
    assert isinstance(refused, Refusal)
    assert refused.code == Code.CONFLICT
    assert MEDIATION.members(play.state) == [A, B]


def test_answering_an_invitation() -> None:
    play = Play()
    key = {"invitationId": play.invitation_id}
    assert play.refused(A, "invitation.accept", **key) == Code.FORBIDDEN
    assert play.refused(B, "invitation.accept", invitationId="x") == Code.NOT_FOUND
    play.now += 7 * DAY
    assert play.refused(B, "invitation.accept", **key) == Code.INVITATION_EXPIRED
    assert play.state.status == "CREATED"
    assert play.tables.rows("Invitation")[0]["status"] == "EXPIRED", "stored although refused"
    assert play.do(A, "invitation.resend", **key)["sent"]
    assert play.state.status == "INVITED"
    assert play.refused(A, "invitation.resend", **key) == Code.RATE_LIMITED
    play.do(B, "invitation.decline", **key)
    assert play.state.status == "ABANDONED"
    assert play.refused(B, "invitation.accept", **key) == Code.CONFLICT


def test_resending_three_times_at_most() -> None:
    play = Play()
    for _ in range(3):
        play.now += DAY
        play.do(A, "invitation.resend", invitationId=play.invitation_id)
    play.now += DAY
    assert play.refused(A, "invitation.resend", invitationId=play.invitation_id) == Code.CONFLICT


def test_withdrawing_closes_an_open_invitation() -> None:
    play = Play()
    play.do(A, "session.withdraw")
    code = play.refused(B, "invitation.accept", invitationId=play.invitation_id)
    assert code == Code.INVITATION_EXPIRED


def test_a_stranger_finds_nothing() -> None:
    play = Play().to_stage(1)
    assert play.refused("carol", "progress.get") == Code.NOT_FOUND
    assert play.refused("carol", "message.send", content="hi") == Code.NOT_FOUND


def test_thirty_days_in_a_pause_end_the_session() -> None:
    play = Play().to_stage(1)
    play.do(A, "session.pause")
    play.now += 30 * DAY
    assert play.refused(B, "session.resume") == Code.SESSION_NOT_ACTIVE
    assert play.state.status == "ABANDONED"
    assert play.loaded() == play.state


def test_thirty_days_without_a_command_end_the_session() -> None:
    play = Play().to_stage(1)
    play.now += 29 * DAY
    play.do(B, "message.send", content="still here")
    play.now += 29 * DAY
    play.internal("internal.timer", "", Timer(reminder_id="r", kind="inactivity"))
    assert play.state.status == "ACTIVE"
    assert [due.kind for due in play.last.dues] == ["inactivity"]
    play.now += 2 * DAY
    assert play.refused(A, "message.send", content="back") == Code.SESSION_NOT_ACTIVE
    assert play.state.status == "ABANDONED"


def test_a_pause_lets_feel_and_take_back_but_not_talk_or_grant() -> None:
    play = Play().to_stage(2)
    play.do(A, "event.add", description="the dinner", attributedTo="OTHER")
    event = play.state.a.events[0] if play.state.a is not None else ""
    asked = {"contentType": "EVENT_SUMMARY", "originalContentId": event}
    request = play.do(A, "consent.request", **asked)["consentRequest"].id
    play.attempt(A)
    play.do(B, "session.pause", reason="I need air")
    for name, data in (
        ("message.send", {"content": "hi"}),
        ("empathy.save_draft", {"content": "x"}),
        ("consent.decide", {"consentRequestId": request, "decision": "GRANTED"}),
    ):
        assert play.refused(A, name, **data) == Code.SESSION_NOT_ACTIVE
    play.do(A, "emotions.record", intensity=7)
    play.do(A, "exercises.complete", exerciseType="GROUNDING", completed=True)
    play.do(A, "consent.decide", consentRequestId=request, decision="DENIED")
    assert play.state.a is not None
    assert play.state.a.newest_attempt is not None
    play.do(A, "consent.revoke", consentRecordId=play.state.a.newest_attempt.consent_id)
    assert not play.gates(A)["empathyConsented"], "a gate may fall in a pause"


@pytest.mark.parametrize("name", sorted(n for n, row in COMMANDS.items() if not row.reads))
def test_an_ended_session_changes_nothing_but_consents(name: str) -> None:
    play = Play().to_stage(4)
    play.open_pool()
    play.rank()
    play.agreement()
    play.do(A, "session.resolve")
    row = COMMANDS[name]
    if row.by_invitation or name in ("consent.revoke", "stage.advance"):
        assert row.statuses >= {"RESOLVED", "ABANDONED"}
    else:
        assert not row.statuses & {"RESOLVED", "ABANDONED"}
    reply = play.do(A, "stage.advance", fromStage=3, toStage=4)
    assert reply["blockedReason"] == "SESSION_NOT_ACTIVE"


def test_the_compact_is_signed_once_and_shown_after_signing() -> None:
    play = Play()
    play.do(A, "compact.sign", agreed=True)
    assert play.state.a is not None
    assert play.state.a.row.status == "GATE_PENDING"
    assert play.refused(A, "compact.sign", agreed=True) == Code.CONFLICT
    play.accept()
    assert play.do(B, "compact.status")["partnerSigned"]
    assert play.do(B, "compact.status")["partnerSignedAt"] is None
    assert play.do(B, "compact.sign", agreed=True)["canAdvance"]
    assert play.do(B, "compact.status")["partnerSignedAt"] is not None


def test_a_blocked_step_is_an_answer_with_its_reason() -> None:
    play = Play()
    play.accept()
    step = {"fromStage": 0, "toStage": 1}
    reply = play.do(A, "stage.advance", **step)
    assert reply["blockedReason"] == "GATES_NOT_SATISFIED"
    assert reply["unsatisfiedGates"] == ["compactSigned", "partnerCompactSigned"]
    play.do(A, "compact.sign", agreed=True)
    assert play.do(A, "stage.advance", **step)["blockedReason"] == "PARTNER_NOT_READY"
    reply = play.do(A, "stage.advance", fromStage=1, toStage=2)
    assert reply["blockedReason"] == "INVALID_STAGE_TRANSITION"
    assert reply["newProgress"]["stage"] == 0


def test_the_first_step_latches_the_stage_for_both() -> None:
    play = Play().to_stage(2)
    play.understand()
    play.advance(A)
    assert play.state.b is not None
    newest = play.state.b.newest_attempt
    assert newest is not None
    play.do(B, "consent.revoke", consentRecordId=newest.consent_id)
    assert all(play.gates(B).values()), "content hidden, no gate closed"
    play.advance(B)


def test_nudging_every_six_hours() -> None:
    play = Play().to_stage(1)
    assert play.do(A, "partner.nudge")["nudged"]
    assert not play.do(A, "partner.nudge")["nudged"]
    play.now += timedelta(hours=6)
    assert play.do(A, "partner.nudge")["nudged"]


def test_waiting_is_shown_until_the_partner_has_caught_up() -> None:
    play = Play()
    play.accept()
    play.do(A, "compact.sign", agreed=True)
    shown = MEDIATION.snapshot(play.state, A, play.tables.names)["session"]
    assert (shown["status"], shown["isMyTurn"], shown["waitingOnPartner"]) == (
        "WAITING", False, True,
    )  # fmt: skip
    play.do(B, "compact.sign", agreed=True)
    shown = MEDIATION.snapshot(play.state, A, play.tables.names)["session"]
    assert (shown["status"], shown["isMyTurn"]) == ("ACTIVE", True)


def test_resolving_needs_an_agreement_and_follows_up() -> None:
    play = Play().to_stage(4)
    play.open_pool()
    assert play.refused(A, "session.resolve") == Code.GATE_NOT_SATISFIED
    play.rank()
    words = {"description": "walks", "type": "CHECK_IN", "followUpDate": "2026-03-20T10:00:00Z"}
    key = play.do(A, "agreement.create", **words)["agreement"].id
    play.do(B, "agreement.confirm", agreementId=key, confirmed=True)
    reply = play.do(A, "session.resolve")
    assert reply["followUpScheduled"]
    assert reply["agreements"] == [Ref("agreement", key)]
    data = Timer(reminder_id=play.last.dues[0].id, kind="follow_up", agreement_id=key)
    play.internal("internal.timer", "", data)
    assert play.told[B][-1] == ("agreement.follow_up", {"agreementId": key})


def test_one_answer_at_a_time_and_the_opening_comes_first() -> None:
    play = Play().to_stage(1)
    assert play.state.a is not None
    first = play.state.a.ai_turn
    play.do(A, "message.send", content="one")
    play.do(A, "message.send", content="two")
    assert play.last.dues == []
    play.answer(A, play.state.a.unanswered[0], opening=True)
    assert play.state.a.ai_turn not in (None, first), "what came meanwhile is answered, once"
    assert play.last.dues[0].payload == {"stage": 1, "opening": False}
    play.answer(A)
    assert play.state.a.ai_turn is None
    assert play.refused(A, "message.retry") == Code.CONFLICT


def test_a_pause_hushes_and_a_resume_goes_on() -> None:
    play = Play().to_stage(1)
    play.do(A, "message.send", content="one")
    play.do(B, "session.pause")
    assert sorted(play.last.effects) == [f"cancel:{A}", f"cancel:{B}", "company"]
    assert len(play.last.done) == 2
    play.do(B, "session.resume")
    assert [due.kind for due in play.last.dues] == ["ai_turn", "ai_turn"]


def test_lists_are_pages_with_cursors_of_ours() -> None:
    play = Play().to_stage(1)
    read = play.do(A, "message.list", limit=10)
    assert isinstance(read, Read)
    assert (read.args["limit"], read.args["page"]) == (11, 10)
    assert play.refused(A, "message.list", cursor="nonsense") == Code.VALIDATION_ERROR
