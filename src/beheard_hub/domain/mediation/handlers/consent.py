"""Asking for a consent, deciding on it, taking it back."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from beheard_hub.domain.kernel import Json, Read, Work
from beheard_hub.domain.limits import CONSENTS_MAX
from beheard_hub.domain.mediation import commands as c
from beheard_hub.domain.mediation.handlers.crossing import (
    READER_STAGE,
    ask,
    request_analysis,
    revoke,
    share,
)
from beheard_hub.domain.mediation.handlers.thread import paged, speak
from beheard_hub.domain.mediation.protocol import CROSSINGS
from beheard_hub.domain.mediation.state import Consent
from beheard_hub.domain.mediation.turn import Handler, Outcome, Turn, WorkHandler, no
from beheard_hub.domain.mediation.vocabulary import (
    ACTIVE,
    BOUNDARY,
    DENIED,
    EVENT_SUMMARY,
    GRANTED,
    IDENTIFIED_NEED,
)
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.domain.validation import refused


def request(turn: Turn) -> Outcome:
    """consent.request: the facilitator writes the preview first."""
    data: c.ConsentRequest = turn.command.data
    crossing = CROSSINGS.get(data.content_type)
    if crossing is None or not crossing.on_request:
        return refused({"contentType": "shared by its own command only"})
    if turn.me.stage < crossing.from_stage:
        yours, needed = str(turn.me.stage), str(crossing.from_stage)
        return no(Code.INVALID_STAGE, yours=yours, needed=needed)
    refusal = _not_requestable(turn, data.content_type, data.original_content_id)
    if refusal is not None:
        return refusal
    args = {"contentType": data.content_type, "originalContentId": data.original_content_id}
    return Work("consent.preview", args)


def _not_requestable(turn: Turn, content_type: str, target: str) -> Refusal | None:
    me = turn.me
    own = {EVENT_SUMMARY: me.events, BOUNDARY: me.boundaries, IDENTIFIED_NEED: list(me.needs)}
    if content_type in own and target not in own[content_type]:
        return no(Code.NOT_FOUND)
    if content_type == IDENTIFIED_NEED and not me.needs[target].confirmed:
        return no(Code.GATE_NOT_SATISFIED, need="only a confirmed need can be shared")
    if content_type == IDENTIFIED_NEED and _is_shared(turn, target):
        return no(Code.CONFLICT, need="already shared")
    for consent in me.consents.values():
        same = (consent.content_type, consent.target_id) == (content_type, target)
        if same and consent.decision is None:
            return no(Code.CONFLICT, consent="already asked")
    if len(me.consents) >= CONSENTS_MAX:
        return no(Code.CONFLICT, limit=str(CONSENTS_MAX))
    return None


def _is_shared(turn: Turn, need_id: str | None) -> bool:
    return need_id in turn.state.shared_needs(turn.user).values()


def requested(turn: Turn, work: Work, result: Mapping[str, Json]) -> Outcome:
    """consent.request, with the preview. What would have to be invented becomes a question in the
    own thread instead (spec 06); then the request waits for the user's own words."""
    again = request(turn)
    if not isinstance(again, Work):
        return again
    questions = [text for text in result["clarifications"] if text]
    if result["preview"] is None and not questions:
        return no(Code.GATE_NOT_SATISFIED, originalContentId="too vague to be shared as it is")
    if questions:
        speak(turn, " ".join(questions))
    return {"consentRequest": ask(turn, {**work.args, **result}, turn.user)}


def decide(turn: Turn) -> Outcome:
    """consent.decide: once. A no works in a pause too."""
    data: c.ConsentDecide = turn.command.data
    consent = turn.me.consents.get(data.consent_request_id)
    if consent is None:
        return no(Code.NOT_FOUND)
    if consent.decision is not None:
        return no(Code.CONFLICT, consent="already decided")
    if data.decision == DENIED:
        _decided(turn, data.consent_request_id, DENIED)
        return _recorded(turn, data.consent_request_id, None)
    if turn.state.status != ACTIVE:
        return no(Code.SESSION_NOT_ACTIVE, status=turn.state.status)
    refusal = _not_grantable(turn, consent)
    if refusal is not None:
        return refusal
    return Work(
        "consent.grant",
        {
            "recordId": data.consent_request_id,
            "contentType": consent.content_type,
            "edited": data.edited_content,
        },
    )


def _not_grantable(turn: Turn, consent: Consent) -> Refusal | None:
    """A need may have been shared, or answered with a no, since its request."""
    if consent.content_type != IDENTIFIED_NEED:
        return None
    need = turn.me.needs.get(consent.target_id or "")
    if need is None or not need.confirmed:
        return no(Code.GATE_NOT_SATISFIED, need="only a confirmed need can be shared")
    if _is_shared(turn, consent.target_id):
        return no(Code.CONFLICT, need="already shared")
    return None


def granted(turn: Turn, work: Work, result: Mapping[str, Json]) -> Outcome:
    """consent.decide with GRANTED: the edited or previewed text crosses, never the raw original."""
    again = decide(turn)
    if not isinstance(again, Work):
        return again
    if result["text"] is None:
        return no(Code.GATE_NOT_SATISFIED, editedContent="nothing to share until it is worded")
    key: str = work.args["recordId"]
    consent = turn.me.consents[key]
    need = consent.target_id if consent.content_type == IDENTIFIED_NEED else None
    _decided(turn, key, GRANTED)
    content_id = share(
        turn, key, consent.content_type, result["text"], need, result.get("category")
    )
    if need is not None:
        turn.tell("partner.needs_shared")
        request_analysis(turn)
    elif turn.other.stage >= READER_STAGE:
        turn.tell("partner.content_shared", contentId=content_id)
    turn.ref("warnings", key, list(result["warnings"]))
    return _recorded(turn, key, content_id)


def _decided(turn: Turn, key: str, decision: str) -> None:
    turn.me.consents[key] = msgspec.structs.replace(turn.me.consents[key], decision=decision)
    turn.update("ConsentRecord", {"id": key}, decision=decision, decidedAt=turn.now)
    turn.audit("consent.decide", decision, consentRecordId=key)


def _recorded(turn: Turn, key: str, content_id: str | None) -> Mapping[str, Json]:
    return {
        "recorded": True,
        "consentRecord": turn.ref("consent_record", key),
        "sharedContent": turn.ref("consented_content", content_id) if content_id else None,
        "warnings": turn.ref("warnings", key) if content_id else [],
    }


def take_back(turn: Turn) -> Outcome:
    """consent.revoke: in every status, at once."""
    data: c.ConsentRevoke = turn.command.data
    consent = turn.me.consents.get(data.consent_record_id)
    if consent is None:
        return no(Code.NOT_FOUND)
    if consent.decision != GRANTED:
        return no(Code.CONFLICT, consent="not granted")
    revoke(turn, data.consent_record_id)
    return {"revoked": True, "revokedAt": turn.now}


def pending(turn: Turn) -> Outcome:
    """consent.pending"""
    return Read("consent.pending")


def history(turn: Turn) -> Outcome:
    """consent.history"""
    return paged(turn, "consent.history")


def shared(turn: Turn) -> Outcome:
    """shared.list"""
    return Read("shared.list")


CONSENT: Mapping[str, Handler] = {
    "consent.request": request,
    "consent.decide": decide,
    "consent.revoke": take_back,
    "consent.pending": pending,
    "consent.history": history,
    "shared.list": shared,
}

CONSENT_WORKED: Mapping[str, WorkHandler] = {
    "consent.preview": requested,
    "consent.grant": granted,
}
