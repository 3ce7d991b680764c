"""What crosses between the two, and how it is called back: the one place that writes consents.

A consent is a "ConsentRecord"; what the partner may read of it is a "ConsentedContent", kept true
by the same commit. Every decision and every revocation is an entry of the audit log.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from beheard_hub.domain.kernel import Json, Ref
from beheard_hub.domain.limits import CONSENTS_MAX
from beheard_hub.domain.mediation.protocol import CROSSINGS
from beheard_hub.domain.mediation.state import Consent, Content, Seat
from beheard_hub.domain.mediation.turn import Turn
from beheard_hub.domain.mediation.views import shape, viewer_of
from beheard_hub.domain.mediation.vocabulary import (
    ABANDONED,
    ACTIVE,
    BOUNDARY,
    EMPATHY_ATTEMPT,
    EVENT_SUMMARY,
    FEEDBACK,
    GRANTED,
    IDENTIFIED_NEED,
    PAUSED,
    REVOKED,
    STRATEGY_PROPOSAL,
)

PREVIEW_CHARS_MAX = 1200

DESCRIPTIONS: Mapping[str, str] = {
    EMPATHY_ATTEMPT: "How you understand your partner",
    IDENTIFIED_NEED: "A need of yours",
    STRATEGY_PROPOSAL: "An idea of yours, without your name",
    EVENT_SUMMARY: "Your feedback on your partner's attempt",
}
"""What the user reads in their history; says nothing of the content."""


def grant_new(
    turn: Turn, content_type: str, target: str, metadata: Mapping[str, Json] | None = None
) -> str:
    """A consent that the command itself expresses. Returns its id."""
    consent_id = turn.ids.ordered()
    kind = (metadata or {}).get("kind")
    turn.insert(
        "ConsentRecord",
        id=consent_id,
        userId=turn.user,
        sessionId=turn.state.id,
        contentType=content_type,
        targetId=target,
        decision=GRANTED,
        decidedAt=turn.now,
        contentDescription=DESCRIPTIONS[content_type],
        metadata=dict(metadata or {}),
        createdAt=turn.now,
    )
    turn.me.consents[consent_id] = Consent(content_type, target, GRANTED, kind)
    turn.audit("consent.decide", GRANTED, consentRecordId=consent_id)
    return consent_id


def share(
    turn: Turn,
    consent_id: str,
    content_type: str,
    text: str,
    need_id: str | None = None,
    category: str | None = None,
) -> str:
    """Lets a text cross under a consent, a need with its category. A need that was shared before
    gets its row back."""
    content_id = _former(turn, need_id)
    if content_id is None:
        content_id = turn.ids.ordered()
        turn.insert(
            "ConsentedContent",
            id=content_id,
            sharedVesselId=turn.state.shared_vessel_id,
            sourceUserId=turn.user,
            originalNeedId=need_id,
            contentType=content_type,
            category=category,
            transformedContent=text,
            consentedAt=turn.now,
            consentActive=True,
            consentRecordId=consent_id,
            createdAt=turn.now,
        )
    else:
        turn.update(
            "ConsentedContent",
            {"id": content_id},
            transformedContent=text,
            consentedAt=turn.now,
            consentActive=True,
            revokedAt=None,
            consentRecordId=consent_id,
        )
    turn.state.contents[content_id] = Content(turn.user, content_type, consent_id, True, need_id)
    return content_id


def _former(turn: Turn, need_id: str | None) -> str | None:
    if need_id is None:
        return None
    for key, content in turn.state.contents.items():
        if content.need_id == need_id:
            return key
    return None


def deactivate(turn: Turn, content_id: str, **columns: Json) -> None:
    """Hides a content; it is kept."""
    content = turn.state.contents.get(content_id)
    if content is not None and content.active:
        turn.state.contents[content_id] = msgspec.structs.replace(content, active=False)
        turn.update("ConsentedContent", {"id": content_id}, consentActive=False, **columns)
        turn.effects.append(f"revoked:{content_id}")


# ---- asking


def ask(turn: Turn, asked: Mapping[str, Json], by: str | None) -> Ref:
    """A request that waits for the caller's decision. `asked` has contentType, originalContentId,
    description and preview, which is None where only the user can word it; `by` is None for the
    facilitator."""
    key, preview = turn.ids.ordered(), asked["preview"]
    row: dict[str, Json] = {
        "id": key,
        "contentType": asked["contentType"],
        "contentDescription": asked["description"],
        "transformedPreview": None if preview is None else preview[:PREVIEW_CHARS_MAX],
        "targetId": asked["originalContentId"],
    }
    turn.insert(
        "ConsentRecord",
        userId=turn.user,
        sessionId=turn.state.id,
        requestedByUserId=by,
        createdAt=turn.now,
        **row,
    )
    turn.me.consents[key] = Consent(row["contentType"], row["targetId"], None)
    shown = shape("consent_request", row, viewer_of(turn.state, turn.user))
    ref = turn.ref("consent_request", key, shown)
    turn.tell("consent.requested", consentRequest=ref)
    return ref


def ask_unbidden(turn: Turn, asked: Mapping[str, Json]) -> None:
    """The facilitator asks by itself, once for each content: whoever said no is not asked again."""
    me, kind, target = turn.me, asked["contentType"], asked["originalContentId"]
    crossing = CROSSINGS[kind]
    own = {EVENT_SUMMARY: me.events, BOUNDARY: me.boundaries}.get(kind, ())
    known = {(c.content_type, c.target_id) for c in me.consents.values()}
    if (
        turn.state.status == ACTIVE
        and me.stage >= crossing.from_stage
        and target in own
        and (kind, target) not in known
        and len(me.consents) < CONSENTS_MAX
    ):
        ask(turn, asked, None)


# ---- calling back


def revoke(turn: Turn, consent_id: str, *, told: bool = True) -> None:
    """Takes a granted consent back at once, with everything that stood on it."""
    me = turn.me
    consent = me.consents[consent_id]
    readable = _readable(turn, me, consent_id)
    if readable is not None:
        speak_anew(turn, turn.other)
        if consent.content_type == EMPATHY_ATTEMPT:
            speak_anew(turn, me)  # who takes back sees no more either
    me.consents[consent_id] = msgspec.structs.replace(consent, decision=REVOKED)
    turn.update("ConsentRecord", {"id": consent_id}, decision=REVOKED, revokedAt=turn.now)
    turn.audit("consent.revoke", REVOKED, consentRecordId=consent_id)
    for key, content in list(turn.state.contents.items()):
        if content.consent_id == consent_id:
            deactivate(turn, key, revokedAt=turn.now)
            if content.content_type == IDENTIFIED_NEED:
                _unground(turn, key)
    if consent.kind == FEEDBACK:
        _hide_feedback(turn, me, consent)
    if consent.content_type == STRATEGY_PROPOSAL:
        _stale_agreements(turn, consent.target_id)
        turn.effects.append(f"revoked:{consent.target_id}")
    if told and readable is not None:
        turn.tell("consent.revoked", contentId=readable)


def _readable(turn: Turn, me: Seat, consent_id: str) -> str | None:
    """Id under which the partner could read what the consent let cross, or None."""
    partner, consent = turn.partner, me.consents[consent_id]
    if partner is None:
        return None
    if consent.kind == FEEDBACK:
        shared = any(
            v.id == consent.target_id and v.feedback_shared for v in me.validations.values()
        )
        return consent.target_id if shared else None
    if consent.content_type == STRATEGY_PROPOSAL:
        opened = consent.target_id in turn.state.opened_pool
        return consent.target_id if opened and partner.stage >= _from_stage(consent) else None
    for key, content in turn.state.contents.items():
        if content.consent_id == consent_id and content.active:
            if content.content_type == EMPATHY_ATTEMPT:
                return key if partner.active_attempt is not None else None
            return key if partner.stage >= READER_STAGE else None
    return None


def speak_anew(turn: Turn, seat: Seat) -> None:
    """What the facilitator is about to say in that thread may be made from what is called back: it
    is stopped, never stored, and asked for again without it."""
    if seat.ai_turn is not None:
        _drop(turn, seat.ai_turn)
        turn.open_thread(seat, opening=seat.opened < seat.stage)


def _drop(turn: Turn, reminder_id: str) -> None:
    """Settles a reminder whose work must not go on."""
    turn.done.append(reminder_id)
    turn.effects.append(f"drop:{reminder_id}")


READER_STAGE = 2
"""Nothing of the shared vessel is read before this stage (spec 4.1)."""


def _from_stage(consent: Consent) -> int:
    return CROSSINGS[consent.content_type].from_stage


def _hide_feedback(turn: Turn, me: Seat, consent: Consent) -> None:
    for attempt_id, validation in list(me.validations.items()):
        if validation.id == consent.target_id and validation.feedback_shared:
            me.validations[attempt_id] = msgspec.structs.replace(validation, feedback_shared=False)
            turn.update("EmpathyValidation", {"id": validation.id}, feedbackShared=False)


def _unground(turn: Turn, content_id: str) -> None:
    """Common ground that stood on a content leaves the list."""
    for key, item in list(turn.state.common_ground.items()):
        if content_id in item.sources and not item.stale:
            turn.state.common_ground[key] = msgspec.structs.replace(item, stale=True)
            turn.update("CommonGround", {"id": key}, stale=True)
    _stale_agreements(turn, None)
    if turn.state.analysis is not None:
        _drop(turn, turn.state.analysis)
        turn.state.analysis = None
    request_analysis(turn)


def _stale_agreements(turn: Turn, strategy_id: str | None) -> None:
    """Agreements rest on what was shared; with `strategy_id` only those that grew from it."""
    for key, agreement in list(turn.state.agreements.items()):
        rests = strategy_id is None or agreement.strategy_id == strategy_id
        if rests and not agreement.stale and agreement.status != ABANDONED:
            turn.state.agreements[key] = msgspec.structs.replace(agreement, stale=True)
            turn.update("Agreement", {"id": key}, staleInput=True)


# ---- common ground is analysed anew when the active needs change


def request_analysis(turn: Turn) -> None:
    """Asks for an analysis of both consented lists, unless one is on its way (its basis will be
    compared) or one of the two shares nothing."""
    state = turn.state
    if state.status not in (ACTIVE, PAUSED) or state.analysis is not None:
        return
    sides = [state.shared_needs(seat.user_id) for seat in state.seats]
    if len(sides) == 2 and all(sides):
        ids = [key for side in sides for key in side]
        state.analysis = turn.remind("common_ground", turn.now, contentIds=ids, userId=turn.user)
