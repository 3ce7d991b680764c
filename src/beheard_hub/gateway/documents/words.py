"""The vocabulary of the answers: every field with its type, its meaning and an example.

A name means the same everywhere, unless a row ``Shape.name`` or ``command.name.field`` says more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from beheard_hub.domain.mediation import vocabulary as v
from beheard_hub.gateway.documents.examples import (
    ALICE,
    AT,
    BOB,
    CONSENT,
    CURSOR,
    INVITATION,
    LATER,
    NEED,
    SESSION,
    THING,
)
from beheard_hub.gateway.documents.parts import OTHERS
from beheard_hub.gateway.documents.schema import (
    BOOL,
    COUNT,
    INTENSITY,
    NUMBER,
    STAGE,
    TEXT,
    TIME,
    by_key,
    many,
    maybe,
    ref,
    words_of,
)
from beheard_hub.gateway.documents.sections import Word

GATES = {"compactSigned": True, "partnerCompactSigned": False}
SUPPORT = words_of(*get_args(v.ExerciseType))
STAGE_STATUS = words_of(v.NOT_STARTED, v.IN_PROGRESS, v.GATE_PENDING, v.COMPLETED)
BLOCKED = words_of(
    "GATES_NOT_SATISFIED", "PARTNER_NOT_READY", "SESSION_NOT_ACTIVE", "INVALID_STAGE_TRANSITION"
)
PHASE = words_of(v.COLLECTING, v.RANKING, v.REVEALING, v.NEGOTIATING, v.AGREED)

_THINGS: Mapping[str, Word] = {
    "id": Word(TEXT, "Its id; opaque.", THING),
    "sessionId": Word(TEXT, "The session it belongs to.", SESSION),
    "relationshipId": Word(TEXT, "The relationship of the two people.", THING),
    "createdAt": Word(TIME, "When it was made.", AT),
    "updatedAt": Word(TIME, "When it last changed.", AT),
    "timestamp": Word(TIME, "When it happened.", AT),
    "content": Word(TEXT, "The text.", "I think you felt alone with the work."),
    "description": Word(TEXT, "In the user's words.", "The dishes stood there for three days."),
    "category": Word(words_of(*get_args(v.NeedCategory)), "The kind of need.", "RECOGNITION"),
    "need": Word(TEXT, "The need in a few words.", NEED),
    "stage": Word(STAGE, "A stage, 0 to 4.", 1),
    "context": Word(maybe(TEXT), "What was going on.", "after dinner"),
    "cursor": Word(maybe(TEXT), "Where the next page begins; null on the last.", CURSOR),
    "hasMore": Word(BOOL, "Whether there is a next page.", False),
    "deleted": Word(BOOL, "It is gone.", True),
    "source": Word(TEXT, "Where the ideas come from.", "AI_GENERATED"),
    "role": Word(words_of("USER", "AI", "SYSTEM"), "Who speaks.", "USER"),
}

_SESSIONS: Mapping[str, Word] = {
    "SessionSummary.status": Word(
        words_of(*v.SESSION_STATUSES), "The status as the caller sees it.", v.ACTIVE
    ),
    "SessionSummary.updatedAt": Word(TIME, "The newest event that the caller can see.", AT),
    "SessionSummary.id": Word(TEXT, "The session.", SESSION),
    "partner": Word(ref("Person"), "The other person."),
    "Person.id": Word(maybe(TEXT), "Null until they joined.", BOB),
    "Person.name": Word(maybe(TEXT), "Until they joined, what the inviter typed.", "Bob"),
    "myProgress": Word(ref("StageProgress"), "The caller's own stage."),
    "partnerProgress": Word(
        maybe(ref("PartnerProgress")), "The partner's stage and its status; null until they joined."
    ),
    "isMyTurn": Word(BOOL, "There is something for the caller to do.", True),
    "waitingOnPartner": Word(BOOL, "The caller has done their part of the stage.", False),
    "status": Word(STAGE_STATUS, "How far the stage is.", v.IN_PROGRESS),
    "startedAt": Word(maybe(TIME), "When the stage was entered.", AT),
    "completedAt": Word(maybe(TIME), "When the stage was left.", None),
    "gates": Word(by_key(BOOL), "The stage's gates: key → true or false.", GATES),
    "satisfiedAt": Word(by_key(maybe(TIME)), "When each gate became true.", {"compactSigned": AT}),
    "canAdvance": Word(BOOL, "Whether `stage.advance` would succeed now.", False),
    "relationship": Word(ref("Relationship"), "What the session belongs to."),
    "Relationship.sessionCount": Word(COUNT, "Sessions of these two so far.", 1),
    "currentGates": Word(many(ref("Gate")), "The gates of the caller's stage, in words."),
    "Gate.id": Word(TEXT, "The gate's key.", "feelHeardConfirmed"),
    "Gate.description": Word(TEXT, "What it means.", "You feel heard"),
    "Gate.satisfied": Word(BOOL, "Whether it is true.", False),
    "Gate.requiredForAdvance": Word(BOOL, "Whether the stage cannot be left without it.", True),
    "resolvedAt": Word(maybe(TIME), "When the session ended well.", None),
    "outcome": Word(
        maybe(words_of(v.AGREEMENT, v.NO_SHARED_AGREEMENT)), "How it ended.", v.AGREEMENT
    ),
    "session": Word(ref("SessionSummary"), "The session after the command."),
    "session.get.session": Word(ref("SessionDetail"), "The session in full."),
    "sessions": Word(many(ref("SessionSummary")), "Newest first."),
    "invitationId": Word(TEXT, "The invitation.", INVITATION),
    "invitationUrl": Word(TEXT, "What the partner opens.", f"beheard://invite/{INVITATION}"),
    "invitation": Word(ref("InvitationPreview"), "What may be seen without a login."),
    "invitedBy": Word(ref("Inviter"), "Who invites."),
    "Inviter.name": Word(maybe(TEXT), "The inviter's name.", "Alice"),
    "InvitationPreview.status": Word(
        words_of(v.PENDING, v.ACCEPTED, v.DECLINED, v.EXPIRED), "Whether it is open.", v.PENDING
    ),
    "expiresAt": Word(TIME, "Until when it may be answered.", LATER),
    "declined": Word(BOOL, "The invitation is declined.", True),
    "declinedAt": Word(TIME, "When.", AT),
    "sent": Word(BOOL, "It is valid again.", True),
    "sentAt": Word(TIME, "When.", AT),
    "pausedAt": Word(TIME, "When the pause began.", AT),
    "resumedAt": Word(TIME, "When it ended.", AT),
    "resolved": Word(BOOL, "False while the other has not asked to end it too.", True),
    "session.resolve.agreements": Word(many(ref("Agreement")), "What both agreed to."),
    "followUpScheduled": Word(BOOL, "A reminder will come at the follow-up date.", True),
    "nudged": Word(BOOL, "False if the last nudge is too fresh.", True),
    "nextAllowedAt": Word(TIME, "When a nudge is possible again.", AT),
    "signed": Word(BOOL, "The compact is signed.", True),
    "signedAt": Word(TIME, "When the compact was signed.", AT),
    "mySigned": Word(BOOL, "The caller signed.", True),
    "mySignedAt": Word(maybe(TIME), "When the caller signed.", AT),
    "partnerSigned": Word(BOOL, "The partner signed.", False),
    "partnerSignedAt": Word(maybe(TIME), "Null until the caller signed too.", None),
    "success": Word(BOOL, "Whether the step was taken.", False),
    "newProgress": Word(ref("StageProgress"), "The caller's stage afterwards."),
    "blockedReason": Word(BLOCKED, "Why not.", "PARTNER_NOT_READY"),
    "unsatisfiedGates": Word(many(TEXT), "Gates that are missing.", ["partnerCompactSigned"]),
    "advanceBlockedReason": Word(maybe(BLOCKED), "Why a step is not possible now.", None),
    "SnapshotState.progress": Word(ref("StageProgress"), "The caller's own stage with its gates."),
    "SnapshotState.partner": Word(maybe(ref("PartnerProgress")), "The partner's stage."),
    "SnapshotState.pendingConsents": Word(
        many(ref("ConsentRequest")), "Questions that wait for an answer."
    ),
    "SnapshotState.counts": Word(by_key(COUNT), "How much of one's own there is.", {"needs": 3}),
}

_THREAD: Mapping[str, Word] = {
    "senderId": Word(maybe(TEXT), "Null: the facilitator.", ALICE),
    "emotionalReading": Word(
        maybe(ref("EmotionalReading")), "The reading that was sent with the message."
    ),
    "intensity": Word(INTENSITY, "How strong, 1 to 10.", 6),
    "userMessage": Word(ref("Message"), "The caller's message, stored."),
    "message": Word(ref("Message"), "The message, of the user or the facilitator."),
    "messages": Word(many(ref("Message")), "Own thread, newest first."),
    "Message.content": Word(TEXT, "The text.", "We argued about the dishes again."),
    "Message.stage": Word(STAGE, "The stage it was written in.", 1),
    "aiResponse": Word(
        maybe(ref("Message")), "The facilitator's answer; null if it takes too long or failed."
    ),
    "suggestPause": Word(BOOL, "The facilitator suggests a pause.", False),
    "pauseReason": Word(maybe(TEXT), "Why.", None),
    "accepted": Word(BOOL, "It will be done.", True),
    "confirmed": Word(BOOL, "What was answered.", True),
    "confirmedAt": Word(maybe(TIME), "When.", AT),
    "partnerCompleted": Word(BOOL, "The partner has left stage 1.", False),
    "reading": Word(ref("EmotionalReading"), "The reading, stored."),
    "offerSupport": Word(BOOL, "Whether an exercise is offered; never forced.", True),
    "supportType": Word(SUPPORT, "Which exercise is offered.", v.BREATHING_EXERCISE),
    "emotions.record.supportType": Word(
        maybe(SUPPORT), "Which exercise is offered.", v.BREATHING_EXERCISE
    ),
    "readings": Word(many(ref("EmotionalReading")), "Newest first."),
    "trend": Word(ref("Trend"), "Where the readings go."),
    "direction": Word(
        words_of("INCREASING", "STABLE", "DECREASING"), "From the first to the newest.", "STABLE"
    ),
    "changeFromStart": Word(NUMBER, "Newest minus first.", 0),
    "averageIntensity": Word(maybe(NUMBER), "Over all readings.", 6.0),
    "logged": Word(BOOL, "It is noted.", True),
    "postExerciseCheckIn": Word(BOOL, "Worth asking how it went.", True),
}

_VESSEL: Mapping[str, Word] = {
    "event": Word(ref("VesselEvent"), "What happened, as stored."),
    "events": Word(many(ref("VesselEvent")), "Newest first."),
    "attributedTo": Word(words_of(*get_args(v.Attribution)), "Whose doing it was.", "OTHER"),
    "emotions": Word(many(TEXT), "How it felt.", ["tired", "angry"]),
    "boundary": Word(ref("Boundary"), "The line that is drawn."),
    "boundaries": Word(many(ref("Boundary")), "Newest first."),
    "Boundary.description": Word(TEXT, "The line.", "No shouting in front of guests."),
    "nonNegotiable": Word(BOOL, "Whether it can be talked about.", True),
    "document": Word(ref("Document"), "The text as stored."),
    "documents": Word(many(ref("Document")), "Newest first."),
    "Document.title": Word(TEXT, "Its title.", "Letter I never sent"),
    "Document.type": Word(TEXT, "What sort of text; free.", "letter"),
    "moments": Word(many(ref("Moment"), 10), "Nearest first."),
    "Moment.type": Word(TEXT, "What it is.", "user_event"),
    "Moment.stage": Word(maybe(STAGE), "The stage it belongs to, if any.", None),
    "text": Word(TEXT, "The text.", "The dishes stood there for three days."),
    "similarity": Word(NUMBER, "Cosine similarity.", 0.71),
}

_PERSPECTIVE: Mapping[str, Word] = {
    "draft": Word(ref("EmpathyDraft"), "The draft as stored."),
    "empathy.draft.draft": Word(maybe(ref("EmpathyDraft")), "Null if nothing is written yet."),
    "version": Word(COUNT, "Counts each saving.", 2),
    "readyToShare": Word(BOOL, "The writer calls it ready.", True),
    "canConsent": Word(BOOL, "It could be shared now.", True),
    "alreadyConsented": Word(BOOL, "It is shared.", False),
    "EmpathyDraft.content": Word(TEXT, "What I believe you feel.", "You felt alone with it."),
    "consentedAt": Word(TIME, "When it was shared.", AT),
    "consented": Word(BOOL, "It is shared.", True),
    "waitingForPartner": Word(BOOL, "The partner has not shared theirs yet.", True),
    "partnerAttempt": Word(maybe(ref("EmpathyAttempt")), "The partner's, if it is there."),
    "attempt": Word(ref("EmpathyAttempt"), "What the partner believes I feel."),
    "sourceUserId": Word(TEXT, "Whose it is.", BOB),
    "sharedAt": Word(TIME, "When it was shared.", AT),
    "empathy.feedback.sharedAt": Word(maybe(TIME), "When it was shared.", AT),
    "consentRecordId": Word(maybe(TEXT), "The consent by which it crossed.", CONSENT),
    "validated": Word(BOOL, "It was called right.", False),
    "validatedAt": Word(maybe(TIME), "When it was judged.", AT),
    "awaitingRevision": Word(BOOL, "The partner was told what is missing.", True),
    "feedbackShared": Word(BOOL, "The partner may read the feedback.", True),
    "partnerValidated": Word(BOOL, "The partner called mine right.", False),
    "feedback": Word(maybe(TEXT), "What the partner says is missing.", "It was not only anger."),
    "acceptedAt": Word(TIME, "When.", AT),
}

_NEEDS: Mapping[str, Word] = {
    "needs": Word(many(ref("IdentifiedNeed"), 30), "Own needs."),
    "needs.add.need": Word(ref("IdentifiedNeed"), "The need as stored."),
    "evidence": Word(many(TEXT), "Own sentences that speak of it.", ["Nobody ever sees it."]),
    "IdentifiedNeed.description": Word(TEXT, "In a sentence.", "That my work is seen."),
    "IdentifiedNeed.confirmed": Word(maybe(BOOL), "Null: not answered yet.", True),
    "aiConfidence": Word(maybe(NUMBER), "0 to 1; null for needs the user wrote.", 0.82),
    "clarifications": Word(many(ref("Clarification")), "What is doubtful, as questions."),
    "potentialNeed": Word(maybe(TEXT), "What it may be.", "Rest"),
    "question": Word(TEXT, "What to ask.", "Is it the noise, or being alone with it?"),
    "evidenceSoFar": Word(maybe(TEXT), "What speaks for it.", "It was loud, and nobody helped."),
    "answer": Word(maybe(TEXT), "What was answered.", None),
    "answeredAt": Word(maybe(TIME), "When.", None),
    "synthesizedAt": Word(maybe(TIME), "When the needs were last found.", AT),
    "isDirty": Word(BOOL, "Something was written since.", False),
    "needs.confirm.updated": Word(many(ref("IdentifiedNeed")), "The answered needs."),
    "allConfirmed": Word(BOOL, "All were answered with yes.", True),
    "canProceedToCommonGround": Word(BOOL, "At least one was.", True),
    "commonGroundReady": Word(BOOL, "Common ground can be read.", False),
    "commonGround": Word(ref("CommonGround"), "The item as stored."),
    "common_ground.list.commonGround": Word(many(ref("CommonGround")), "What both need."),
    "CommonGround.description": Word(TEXT, "In a sentence.", "Both want their work to be seen."),
    "confirmedByMe": Word(BOOL, "The caller said yes.", True),
    "confirmedByPartner": Word(BOOL, "The partner said yes.", False),
    "analysisComplete": Word(BOOL, "Both have shared, and it was looked through.", True),
    "bothConfirmed": Word(BOOL, "Both confirmed the same item.", False),
    "common_ground.confirm.updated": Word(many(ref("CommonGround")), "The answered items."),
    "allConfirmedByMe": Word(BOOL, "The caller said yes to all.", True),
    "allConfirmedByBoth": Word(BOOL, "Both said yes to all.", False),
}

_STRATEGIES: Mapping[str, Word] = {
    "strategies": Word(many(ref("Strategy")), "The pool; nothing tells whose idea is whose."),
    "strategy": Word(ref("Strategy"), "The idea as stored."),
    "Strategy.description": Word(TEXT, "What to try.", "Ten minutes of dishes together at nine."),
    "needsAddressed": Word(many(TEXT, 3), "Which needs it serves.", [NEED]),
    "duration": Word(maybe(TEXT), "For how long.", "one week"),
    "measureOfSuccess": Word(maybe(TEXT), "How you would know.", "four evenings of seven"),
    "aiSuggestionsAvailable": Word(BOOL, "`strategies.suggest` is possible.", True),
    "phase": Word(PHASE, "Where stage 4 stands.", v.COLLECTING),
    "totalStrategies": Word(COUNT, "Of those that the caller can see.", 3),
    "suggestions": Word(many(ref("Strategy"), 5), "Seen by the asker only, until the ranking."),
    "ready": Word(BOOL, "The caller's ideas are in.", True),
    "partnerReady": Word(BOOL, "The partner's too.", False),
    "canStartRanking": Word(BOOL, "The ranking is open.", False),
    "submitted": Word(BOOL, "The ranking is in.", True),
    "submittedAt": Word(TIME, "When.", AT),
    "partnerSubmitted": Word(BOOL, "The partner's is in too.", False),
    "awaitingReveal": Word(BOOL, "The partner's is missing.", True),
    "overlap": Word(many(ref("Strategy")), "In the top three of both, best first."),
    "agreement": Word(ref("Agreement"), "The agreement as stored."),
    "agreements": Word(many(ref("Agreement")), "Oldest first."),
    "Agreement.description": Word(TEXT, "What the two will try.", "Dishes together at nine."),
    "Agreement.type": Word(
        words_of(*get_args(v.AgreementType)), "What sort of promise.", "MICRO_EXPERIMENT"
    ),
    "Agreement.status": Word(
        words_of(v.PROPOSED, v.AGREED, v.IN_PROGRESS, v.COMPLETED, v.ABANDONED),
        "Where it stands.",
        v.PROPOSED,
    ),
    "agreedByMe": Word(BOOL, "The caller agreed.", True),
    "agreedByPartner": Word(BOOL, "The partner agreed.", False),
    "agreedAt": Word(maybe(TIME), "When both had agreed.", None),
    "followUpDate": Word(maybe(TIME), "When to look back.", LATER),
    "staleInput": Word(BOOL, "Something it was built on was taken back.", False),
    "awaitingPartnerConfirmation": Word(BOOL, "The partner has to answer.", True),
    "sessionCanResolve": Word(BOOL, "The session can end with it.", True),
}

_CONSENT: Mapping[str, Word] = {
    "contentType": Word(
        words_of(*get_args(v.ContentType)), "What sort of content.", v.EVENT_SUMMARY
    ),
    "contentDescription": Word(maybe(TEXT), "What it is about.", "An event of yours"),
    "transformedPreview": Word(
        maybe(TEXT), "The text that would cross, in the facilitator's words.", "The dishes waited."
    ),
    "originalContentId": Word(maybe(TEXT), "What it was made from.", THING),
    "originalContentSummary": Word(maybe(TEXT), "What that is.", "An event of yours"),
    "consentRequest": Word(ref("ConsentRequest"), "The question to answer."),
    "pendingRequests": Word(many(ref("ConsentRequest")), "What waits for an answer."),
    "records": Word(many(ref("ConsentRecord")), "Newest first."),
    "decision": Word(
        maybe(words_of(v.GRANTED, v.DENIED, v.REVOKED)), "Null while it is open.", v.GRANTED
    ),
    "decidedAt": Word(maybe(TIME), "When.", AT),
    "revokedAt": Word(maybe(TIME), "When it was taken back.", None),
    "recorded": Word(BOOL, "The decision stands.", True),
    "consentRecord": Word(ref("ConsentRecord"), "The decision."),
    "sharedContent": Word(maybe(ref("ConsentedContent")), "What crossed; null after a no."),
    "warnings": Word(many(TEXT), "Heat that was found in an edit.", []),
    "revoked": Word(BOOL, "It is taken back.", True),
    "consent.revoke.revokedAt": Word(TIME, "When.", AT),
    "mine": Word(many(ref("ConsentedContent")), "What the caller shared."),
    "shared.list.partner": Word(many(ref("ConsentedContent")), "What was shared with the caller."),
    "transformedContent": Word(TEXT, "The text that crossed.", "The dishes waited."),
    "consentActive": Word(BOOL, "False once it was taken back.", True),
}

CAPABILITY = '{"beheard:user:' + ALICE + '": ["subscribe"]}'
_ACCOUNT: Mapping[str, Word] = {
    "user": Word(ref("User"), "The caller."),
    "User.id": Word(TEXT, "The caller.", ALICE),
    "User.name": Word(maybe(TEXT), "What others see.", "Alice"),
    "avatarUrl": Word(maybe(TEXT), "A picture, if there is one.", "https://pictures.test/a.png"),
    "User.role": Word(words_of("GUEST", "USER", "STAFF", "ADMIN"), "What one may do.", "USER"),
    "email": Word(maybe(TEXT), "The verified address.", "alice@home.test"),
    "activeSessions": Word(COUNT, "Sessions that are not at their end.", 1),
    "pushNotificationsEnabled": Word(BOOL, "A device is registered.", True),
    "erased": Word(BOOL, "The account is nobody's from now on.", True),
    "registered": Word(BOOL, "Whether a device is registered now.", True),
    "tokenRequest": Word(ref("AblyTokenRequest"), "Signed by the hub; good for one exchange."),
    "keyName": Word(TEXT, "The key that signed it.", "aBcD.eF12gQ"),
    "clientId": Word(TEXT, "The caller.", ALICE),
    "ttl": Word(COUNT, "How long the token will be good, in milliseconds.", 3_600_000),
    "nonce": Word(TEXT, "Makes it good for one exchange.", "4f3a7c91"),
    "capability": Word(TEXT, "Channel → what one may do there, as JSON.", CAPABILITY),
    "AblyTokenRequest.timestamp": Word(COUNT, "When, in Unix milliseconds.", 1_740_000_000_000),
    "mac": Word(TEXT, "The signature.", "bm90IGEgbWFj"),
    "notifications": Word(many(ref("Notification")), "Unread ones, newest first."),
    "unreadCount": Word(COUNT, "How many there are in all.", 1),
    "read": Word(COUNT, "How many became read.", 1),
    "Notification.sessionId": Word(maybe(TEXT), "The session it is about, if any.", SESSION),
    "Notification.type": Word(TEXT, "The event.", "partner.joined"),
    "readAt": Word(maybe(TIME), "Null: unread.", None),
}

_LIBRARY: Mapping[str, Word] = {
    "item": Word(ref("LibraryItem"), "The item as stored."),
    "items": Word(many(ref("LibraryItem")), "Newest first."),
    "title": Word(TEXT, "Its title.", "Morning coffee without screens"),
    "LibraryItem.description": Word(TEXT, "What to try.", "Ten minutes together, sitting down."),
    "LibraryItem.category": Word(TEXT, "What it is for.", "quality-time"),
    "LibraryItem.source": Word(words_of("CURATED", "CONTRIBUTED"), "Who wrote it.", "CURATED"),
    "isActive": Word(BOOL, "Whether the hub suggests it.", True),
    "contributedBy": Word(maybe(TEXT), "The user who gave it; null if curated.", None),
    "contributionConsent": Word(maybe(TEXT), "How they agreed; null if curated.", None),
    "removed": Word(BOOL, "Nobody is shown it any more.", True),
}

_OF_MEDIATION: Mapping[str, Word] = {
    **_THINGS,
    **_SESSIONS,
    **_THREAD,
    **_VESSEL,
    **_PERSPECTIVE,
    **_NEEDS,
    **_STRATEGIES,
    **_CONSENT,
    **_ACCOUNT,
    **_LIBRARY,
}
assert _OF_MEDIATION.keys().isdisjoint(OTHERS.words), "a word means the same everywhere"
WORDS: Mapping[str, Word] = {**_OF_MEDIATION, **OTHERS.words}
"""Field, ``Shape.field`` or ``command.name.field`` → what it is."""


LIKE: Mapping[str, str] = {"SessionDetail": "SessionSummary"}
"""A shape → the one that it holds, whose words are its words."""


def word(owner: str, name: str, words: Mapping[str, Word] = WORDS) -> Word:
    """The most special row. Raises KeyError where a field has none: our mistake, found by a test
    and at start."""
    special = words.get(f"{LIKE.get(owner, owner)}.{name}")
    return words[name] if special is None else special
