"""The objects of spec 5.4 and the replies of spec 2.3, field by field.

A field that ends in ``?`` may be missing; every other one is always there, null where it is empty.
Nothing else ever comes. A test holds this against `views.FIELDS` and against the replies of a
running hub.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from beheard_hub.gateway.documents.parts import OTHERS
from beheard_hub.gateway.documents.schema import COMPONENT, Schema, closed, described
from beheard_hub.gateway.documents.sections import Shape, Word
from beheard_hub.gateway.documents.words import word


def _shape(means: str, fields: str) -> Shape:
    return Shape(means, tuple(fields.split()))


_SUMMARY = (
    "id relationshipId status createdAt updatedAt partner myProgress partnerProgress isMyTurn "
    "waitingOnPartner"
)

SHAPES: Mapping[str, Shape] = {
    "Person": _shape("The other person, as far as the caller knows them.", "id name"),
    "Inviter": _shape("Whoever invites, by name only.", "name"),
    "Relationship": _shape("What two people's sessions belong to.", "id createdAt sessionCount"),
    "Gate": _shape(
        "A condition of a stage, in words.", "id description satisfied requiredForAdvance"
    ),
    "StageProgress": _shape(
        "The caller's own stage.", "stage status startedAt completedAt gates canAdvance"
    ),
    "PartnerProgress": _shape("All that is told of the partner's way.", "stage status"),
    "SessionSummary": _shape("One session in a list.", _SUMMARY),
    "SessionDetail": _shape(
        "One session in full.", f"{_SUMMARY} relationship currentGates resolvedAt outcome"
    ),
    "SnapshotState": _shape(
        "Where a session stands for its reader.", "session progress partner pendingConsents counts"
    ),
    "InvitationPreview": _shape(
        "An invitation without any id.", "invitedBy status createdAt expiresAt"
    ),
    "Message": _shape(
        "One message of the own thread.",
        "id sessionId senderId role content stage timestamp emotionalReading",
    ),
    "EmotionalReading": _shape("How strong it is.", "id intensity context stage timestamp"),
    "Trend": _shape("Where readings go.", "direction changeFromStart"),
    "VesselEvent": _shape(
        "Something that happened; private.", "id description attributedTo emotions timestamp"
    ),
    "Boundary": _shape("A line; private until shared.", "id description nonNegotiable"),
    "Document": _shape("A longer private text.", "id title content type"),
    "Moment": _shape("A similar moment of one's own.", "id type text stage timestamp similarity"),
    "EmpathyDraft": _shape(
        "What I believe the other feels, not shared.", "id content version readyToShare updatedAt"
    ),
    "EmpathyAttempt": _shape(
        "The same, shared; its text never changes.",
        "id sourceUserId content sharedAt consentRecordId",
    ),
    "IdentifiedNeed": _shape(
        "A need, found in the user's words or added by them.",
        "id need category description evidence confirmed aiConfidence",
    ),
    "Clarification": _shape(
        "A need that is not sure enough, as a question.",
        "id potentialNeed question evidenceSoFar answer answeredAt",
    ),
    "CommonGround": _shape(
        "A need that both have.",
        "id need category description confirmedByMe confirmedByPartner confirmedAt",
    ),
    "Strategy": _shape(
        "Something to try.", "id description needsAddressed duration measureOfSuccess"
    ),
    "Agreement": _shape(
        "What the two will try.",
        "id description type duration measureOfSuccess status agreedByMe agreedByPartner agreedAt "
        "followUpDate staleInput",
    ),
    "ConsentRequest": _shape(
        "The question whether something may cross, with the text that would.",
        "id contentType contentDescription transformedPreview originalContentId "
        "originalContentSummary",
    ),
    "ConsentRecord": _shape(
        "A decision about sharing.",
        "id contentType decision decidedAt revokedAt contentDescription",
    ),
    "ConsentedContent": _shape(
        "A text that its author let cross.",
        "id sourceUserId transformedContent consentedAt consentActive",
    ),
    "User": _shape(
        "The caller's own account.",
        "id name avatarUrl role createdAt email activeSessions pushNotificationsEnabled",
    ),
    "AblyTokenRequest": _shape(
        "What an app exchanges for a token of Ably: give it to Ably's SDK as it is.",
        "keyName clientId ttl nonce capability timestamp mac",
    ),
    "Notification": _shape(
        "Something that happened while nobody looked; without private text.",
        "id sessionId type createdAt readAt",
    ),
    "LibraryItem": _shape(
        "A small experiment that the hub may suggest.",
        "id title description category source isActive contributedBy contributionConsent createdAt "
        "updatedAt",
    ),
    **OTHERS.shapes,
}
"""Component → its fields."""

_OF_MEDIATION: Mapping[str, tuple[str, ...]] = {
    name: tuple(fields.split())
    for name, fields in {
        "session.create": "session invitationId invitationUrl",
        "session.list": "sessions cursor hasMore",
        "session.get": "session",
        "session.pause": "session pausedAt",
        "session.resume": "session resumedAt",
        "session.withdraw": "session",
        "session.resolve": "resolved resolvedAt outcome agreements followUpScheduled",
        "invitation.get": "invitation",
        "invitation.accept": "session",
        "invitation.decline": "declined declinedAt",
        "invitation.resend": "sent sentAt expiresAt",
        "partner.nudge": "nudged nextAllowedAt",
        "progress.get": "sessionId myProgress partnerProgress canAdvance advanceBlockedReason",
        "gates.get": "stage gates satisfiedAt",
        "stage.advance": "success newProgress blockedReason? unsatisfiedGates?",
        "compact.sign": "signed signedAt partnerSigned canAdvance",
        "compact.status": "mySigned mySignedAt partnerSigned partnerSignedAt canAdvance",
        "message.send": "userMessage",
        "message.list": "messages cursor hasMore",
        "message.retry": "accepted",
        "feel_heard.confirm": "confirmed confirmedAt canAdvance partnerCompleted",
        "emotions.record": "reading offerSupport supportType",
        "emotions.list": "readings cursor hasMore trend averageIntensity",
        "exercises.complete": "logged postExerciseCheckIn",
        "event.add": "event",
        "event.list": "events cursor hasMore",
        "event.edit": "event",
        "event.delete": "deleted",
        "boundary.add": "boundary",
        "boundary.list": "boundaries cursor hasMore",
        "boundary.edit": "boundary",
        "boundary.delete": "deleted",
        "document.add": "document",
        "document.list": "documents cursor hasMore",
        "document.edit": "document",
        "document.delete": "deleted",
        "recall.search": "moments",
        "empathy.save_draft": "draft readyToShare",
        "empathy.draft": "draft canConsent alreadyConsented",
        "empathy.consent": "consented consentedAt waitingForPartner partnerAttempt",
        "empathy.partner": "attempt validated validatedAt awaitingRevision",
        "empathy.validate": "validated validatedAt feedbackShared awaitingRevision canAdvance "
        "partnerValidated",
        "empathy.feedback": "feedback sharedAt",
        "empathy.accept_feedback": "accepted acceptedAt",
        "needs.list": "needs clarifications synthesizedAt isDirty",
        "needs.add": "need",
        "needs.confirm": "updated allConfirmed canProceedToCommonGround",
        "needs.consent": "consented sharedAt waitingForPartner commonGroundReady",
        "common_ground.list": "commonGround analysisComplete bothConfirmed",
        "common_ground.propose": "commonGround",
        "common_ground.confirm": "updated allConfirmedByMe allConfirmedByBoth canAdvance",
        "strategies.list": "strategies aiSuggestionsAvailable phase",
        "strategies.propose": "strategy totalStrategies",
        "strategies.suggest": "suggestions source",
        "strategies.ready": "ready partnerReady canStartRanking",
        "strategies.rank": "submitted submittedAt partnerSubmitted awaitingReveal",
        "strategies.overlap": "overlap phase",
        "agreement.create": "agreement awaitingPartnerConfirmation",
        "agreement.list": "agreements",
        "agreement.confirm": "agreement sessionCanResolve",
        "consent.request": "consentRequest",
        "consent.pending": "pendingRequests",
        "consent.history": "records cursor hasMore",
        "consent.decide": "recorded consentRecord sharedContent warnings",
        "consent.revoke": "revoked revokedAt",
        "shared.list": "mine partner",
        "profile.get": "user",
        "profile.update": "user",
        "account.erase": "erased",
        "push_token.set": "registered",
        "push_token.clear": "registered",
        "ably_token.get": "tokenRequest",
        "notifications.unread": "notifications cursor hasMore unreadCount",
        "notifications.read": "read unreadCount",
        "library.list": "items cursor hasMore",
        "library.add": "item",
        "library.edit": "item",
        "library.remove": "removed",
    }.items()
}

REPLIES: Mapping[str, tuple[str, ...]] = {**_OF_MEDIATION, **OTHERS.replies}
"""Command → the fields of its reply."""

AI_REPLY = ("userMessage", "aiResponse", "suggestPause?", "pauseReason?")
"""Of ``POST /messages``, which waits for the facilitator."""


def object_of(owner: str, fields: tuple[str, ...], means: str | None = None) -> Schema:
    """The schema of an object with these fields."""
    properties = {}
    for field in fields:
        name = field.rstrip("?")
        found = word(owner, name)
        properties[name] = told(found)
    needed = [field for field in fields if not field.endswith("?")]
    return closed(properties, needed, means)


def told(said: Word) -> Schema:
    """A field with its words."""
    shown = () if _refers(said.schema) else (said.example,)
    return described(said.schema, said.means, *shown)


def _refers(schema: Schema) -> bool:
    return any(COMPONENT in repr(part) for part in schema.values())


def reply_of(command: str) -> Schema:
    """The schema of what a command answers."""
    return object_of(command, REPLIES[command])


def components() -> Iterator[tuple[str, Schema]]:
    """Every shape as a component."""
    for name, shape in SHAPES.items():
        yield name, object_of(name, shape.fields, shape.means)


# ---- examples


def example_of(owner: str, fields: tuple[str, ...]) -> dict[str, Any]:
    """An object with all its fields but those that may be missing."""
    return {field: value_of(word(owner, field)) for field in fields if not field.endswith("?")}


def value_of(said: Word) -> Any:
    """The example of a field; of a reference that of its shape."""
    return _value(said.schema, said.example)


def _value(schema: Schema, example: Any) -> Any:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(COMPONENT)
        return example_of(name, SHAPES[name].fields)
    if "anyOf" in schema:
        return _value(schema["anyOf"][0], example)
    if schema.get("type") == "array" and "$ref" in schema["items"]:
        return [_value(schema["items"], None)]
    return example
