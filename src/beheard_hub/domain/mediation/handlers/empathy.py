"""Stage 2: a draft, an attempt shown by consent, the partner's answer to it, and feedback."""

from __future__ import annotations

from collections.abc import Mapping

from beheard_hub.domain.kernel import Json, Read, Work
from beheard_hub.domain.mediation import commands as c
from beheard_hub.domain.mediation.guards import draft_is_open, feedback_came, feedback_consent
from beheard_hub.domain.mediation.handlers.crossing import (
    deactivate,
    grant_new,
    revoke,
    share,
    speak_anew,
)
from beheard_hub.domain.mediation.handlers.drafts import look_later
from beheard_hub.domain.mediation.pace import can_advance
from beheard_hub.domain.mediation.state import Attempt, Draft, Validation
from beheard_hub.domain.mediation.turn import Handler, Outcome, Turn, WorkHandler, no
from beheard_hub.domain.mediation.vocabulary import (
    EMPATHY_ATTEMPT,
    EVENT_SUMMARY,
    FEEDBACK,
    GRANTED,
)
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.domain.validation import refused

# ---- the draft


def save_draft(turn: Turn) -> Outcome:
    """empathy.save_draft: one row per user, a new version each time."""
    data: c.EmpathySaveDraft = turn.command.data
    me = turn.me
    if not draft_is_open(me, turn.partner):
        return no(Code.CONFLICT, draft="closed by your consent")
    version = me.draft.version + 1 if me.draft is not None else 1
    columns: dict[str, Json] = {
        "content": data.content,
        "readyToShare": data.ready_to_share,
        "version": version,
    }
    draft_id = me.draft.id if me.draft is not None else turn.ids.ordered()
    if me.draft is None:
        turn.insert(
            "EmpathyDraft", id=draft_id, sessionId=turn.state.id, userId=turn.user, **columns
        )
    else:
        turn.update("EmpathyDraft", {"id": draft_id}, **columns)
    me.draft = Draft(draft_id, version, data.ready_to_share)
    look_later(turn)
    turn.tell("draft.saved", version=version)
    shown = {"id": draft_id, **columns, "updatedAt": turn.now}
    return {"draft": turn.ref("draft", draft_id, shown), "readyToShare": data.ready_to_share}


def draft(turn: Turn) -> Outcome:
    """empathy.draft"""
    me = turn.me
    ready = me.draft is not None and me.draft.ready
    consented = me.active_attempt is not None
    can = ready and draft_is_open(me, turn.partner)
    return Read("empathy.draft", {"with": {"canConsent": can, "alreadyConsented": consented}})


# ---- showing it


def consent(turn: Turn) -> Outcome:
    """empathy.consent: with the words given, or with those of the stored draft."""
    data: c.EmpathyConsent = turn.command.data
    me = turn.me
    if me.draft is None or me.draft.id != data.draft_id:
        return no(Code.NOT_FOUND)
    if not draft_is_open(me, turn.partner):
        return no(Code.CONFLICT, attempt="already shared")
    if not me.draft.ready:
        return no(Code.GATE_NOT_SATISFIED, draft="not marked ready to share")
    if data.final_content is None:
        return Work("draft.text", {"draftId": me.draft.id, "version": me.draft.version})
    return _shown(turn, data.final_content)


def consent_to_draft(turn: Turn, work: Work, result: Mapping[str, Json]) -> Outcome:
    """empathy.consent, with the stored draft's text; asked again if it was rewritten meanwhile."""
    again = consent(turn)
    if isinstance(again, Work) and again.args == work.args:
        return _shown(turn, result["content"])
    return again


def _shown(turn: Turn, text: str) -> Outcome:
    me, earlier = turn.me, turn.me.newest_attempt
    assert me.draft is not None, "checked before"
    turn.leave_draft(me)
    attempt_id = turn.ids.ordered()
    consent_id = grant_new(turn, EMPATHY_ATTEMPT, attempt_id)
    turn.insert(
        "EmpathyAttempt",
        id=attempt_id,
        draftId=me.draft.id,
        sessionId=turn.state.id,
        sourceUserId=turn.user,
        content=text,
        sharedAt=turn.now,
        consentRecordId=consent_id,
    )
    if earlier is not None:
        if turn.other.active_attempt is not None and me.granted(earlier.consent_id):
            speak_anew(turn, turn.other)  # it may be made from the attempt that counts no more
        turn.update("EmpathyAttempt", {"id": earlier.id}, supersededById=attempt_id)
        deactivate(turn, earlier.content_id)
    content_id = share(turn, consent_id, EMPATHY_ATTEMPT, text)
    me.newest_attempt = Attempt(attempt_id, consent_id, content_id, turn.now)
    if me.feedback_accepted_at is not None:
        _accept(turn, accepted=False)
    turn.tell("partner.empathy_shared")
    theirs = turn.other.active_attempt
    return {
        "consented": True,
        "consentedAt": turn.now,
        "waitingForPartner": theirs is None,
        "partnerAttempt": turn.ref("attempt", theirs.id) if theirs is not None else None,
    }


# ---- the partner's attempt


def _partners(turn: Turn) -> Attempt | Refusal:
    """The attempt that the caller may see: nobody sees before showing."""
    if turn.me.active_attempt is None:
        return no(Code.CONSENT_REQUIRED)
    partner = turn.partner
    if partner is None or partner.newest_attempt is None:
        return no(Code.PARTNER_NOT_READY)
    return partner.active_attempt or no(Code.CONSENT_REVOKED)


def partner(turn: Turn) -> Outcome:
    """empathy.partner"""
    attempt = _partners(turn)
    if isinstance(attempt, Refusal):
        return attempt
    mine = turn.me.validations.get(attempt.id)
    shown = {
        "validated": mine is not None and mine.validated,
        "validatedAt": mine.at if mine is not None else None,
        "awaitingRevision": mine is not None and not mine.validated and mine.feedback_shared,
    }
    return Read("empathy.partner", {"with": shown})


def validate(turn: Turn) -> Outcome:
    """empathy.validate: a no is heard by the partner only with consent to share the feedback."""
    data: c.EmpathyValidate = turn.command.data
    attempt = _partners(turn)
    if isinstance(attempt, Refusal):
        return attempt
    mine = turn.me.validations.get(attempt.id)
    if data.attempt_id not in (None, attempt.id):
        return no(Code.CONFLICT, attemptId="not the partner's newest attempt")
    if mine is not None and mine.validated:
        return no(Code.CONFLICT, attempt="already validated")
    shares = not data.validated and data.consent_to_share_feedback
    if shares and data.feedback is None:
        return refused({"feedback": "required to share it"})
    validation = _answered(turn, attempt, mine, data, shares)
    if validation.validated:
        turn.tell("partner.empathy_validated")
    elif shares:
        grant_new(turn, EVENT_SUMMARY, validation.id, {"kind": FEEDBACK})
        turn.tell("partner.empathy_feedback")
    return lambda: {
        "validated": validation.validated,
        "validatedAt": turn.now,
        "feedbackShared": validation.feedback_shared,
        "awaitingRevision": not validation.validated and validation.feedback_shared,
        "canAdvance": can_advance(turn.state, turn.me),
        "partnerValidated": turn.me.has_gate(2, "partnerValidated"),
    }


def _answered(
    turn: Turn, attempt: Attempt, mine: Validation | None, data: c.EmpathyValidate, shares: bool
) -> Validation:
    """Stores the answer. An earlier shared feedback stays only beside a yes without new words."""
    kept = mine is not None and data.validated and data.feedback is None
    if mine is not None and not kept:
        earlier = feedback_consent(turn.me, mine.id)
        if earlier is not None and turn.me.consents[earlier].decision == GRANTED:
            revoke(turn, earlier, told=not shares)
    shared = mine.feedback_shared if mine is not None and kept else shares
    validation_id = mine.id if mine is not None else turn.ids.ordered()
    columns: dict[str, Json] = {"validated": data.validated, "validatedAt": turn.now}
    if not kept:
        columns |= {"feedback": data.feedback, "feedbackShared": shared}
    if mine is None:
        turn.insert(
            "EmpathyValidation",
            id=validation_id,
            attemptId=attempt.id,
            sessionId=turn.state.id,
            userId=turn.user,
            **columns,
        )
    else:
        turn.update("EmpathyValidation", {"id": validation_id}, **columns)
    validation = Validation(validation_id, attempt.id, data.validated, shared, turn.now)
    turn.me.validations[attempt.id] = validation
    return validation


# ---- feedback on the own attempt


def feedback(turn: Turn) -> Outcome:
    """empathy.feedback"""
    return Read("empathy.feedback")


def accept_feedback(turn: Turn) -> Outcome:
    """empathy.accept_feedback: the difference may stand."""
    me = turn.me
    if me.active_attempt is None:
        return no(Code.CONSENT_REQUIRED)
    if not feedback_came(me, turn.partner):
        return no(Code.GATE_NOT_SATISFIED, feedback="none was shared with you")
    if me.feedback_accepted_at is not None:
        return no(Code.CONFLICT, feedback="already accepted")
    _accept(turn, accepted=True)
    return {"accepted": True, "acceptedAt": turn.now}


def _accept(turn: Turn, *, accepted: bool) -> None:
    me = turn.me
    me.feedback_accepted_at = turn.now if accepted else None
    turn.update("StageProgress", {"id": me.row.id}, feedbackAcceptedAt=me.feedback_accepted_at)


EMPATHY: Mapping[str, Handler] = {
    "empathy.save_draft": save_draft,
    "empathy.draft": draft,
    "empathy.consent": consent,
    "empathy.partner": partner,
    "empathy.validate": validate,
    "empathy.feedback": feedback,
    "empathy.accept_feedback": accept_feedback,
}

EMPATHY_WORKED: Mapping[str, WorkHandler] = {"draft.text": consent_to_draft}
