"""The vocabulary of the requests: what each field of a command's data means, with an example.

Types and limits are not here: they are the checks of the command's own struct.
"""

from __future__ import annotations

from collections.abc import Mapping

from beheard_hub.gateway.documents.examples import (
    CONSENT,
    CURSOR,
    INVITATION,
    LATER,
    NEED,
    SESSION,
    THING,
)
from beheard_hub.gateway.documents.parts import OTHERS
from beheard_hub.gateway.documents.sections import Asked

ASKED: Mapping[str, Asked] = {
    "sessionId": Asked("The session.", SESSION),
    "cursor": Asked("Where the page begins: `cursor` of the page before.", CURSOR),
    "limit": Asked("Most items of the page.", 20),
    "reason": Asked("Why; for oneself only.", "I need an evening off."),
    "description": Asked("In one's own words.", "The dishes stood there for three days."),
    "content": Asked("The text.", "We argued about the dishes again."),
    "category": Asked("The kind of need.", "RECOGNITION"),
    "need": Asked("The need in a few words.", NEED),
    "confirmed": Asked("Yes or no.", True),
    "context": Asked("What was going on.", "after dinner"),
    "stage": Asked("A stage, 0 to 4.", 1),
    "duration": Asked("For how long.", "one week"),
    "measureOfSuccess": Asked("How you would know.", "four evenings of seven"),
    # sessions
    "personId": Asked("Somebody with whom there is a relationship already.", THING),
    "inviteEmail": Asked("Where the invitation goes; tells nothing of accounts.", "bob@home.test"),
    "invitePhone": Asked("Where the invitation goes; tells nothing of accounts.", "+15550100"),
    "inviteName": Asked("What to call the other until they joined.", "Bob"),
    "session.create.context": Asked("What it is about; private to the creator.", "The dishes."),
    "session.list.status": Asked("Only sessions that the caller sees so.", "ACTIVE"),
    "invitationId": Asked("The invitation.", INVITATION),
    "invitation.decline.reason": Asked("Why; the inviter may read it.", "Not now."),
    "withoutAgreement": Asked("End it honestly without one; both have to say so.", False),
    "fromStage": Asked("The caller's stage.", 0),
    "toStage": Asked("The next one.", 1),
    "agreed": Asked("Only true can be said.", True),
    # own thread and vessel
    "emotionalIntensity": Asked("How strong it is right now, 1 to 10.", 6),
    "emotionalContext": Asked("What makes it so.", "after dinner"),
    "feel_heard.confirm.confirmed": Asked("Only the user can say so.", True),
    "intensity": Asked("How strong it is right now, 1 to 10.", 6),
    "exerciseType": Asked("Which exercise.", "BREATHING_EXERCISE"),
    "completed": Asked("Whether it was done to the end.", True),
    "intensityBefore": Asked("1 to 10.", 8),
    "intensityAfter": Asked("1 to 10.", 5),
    "eventId": Asked("One's own event.", THING),
    "attributedTo": Asked("Whose doing it was.", "OTHER"),
    "emotions": Asked("How it felt.", ["tired", "angry"]),
    "boundaryId": Asked("One's own boundary.", THING),
    "nonNegotiable": Asked("Whether it can be talked about.", True),
    "documentId": Asked("One's own document.", THING),
    "title": Asked("Its title.", "Letter I never sent"),
    "type": Asked("What sort of text; free.", "letter"),
    "recall.search.limit": Asked("Most moments.", 5),
    "query": Asked("What to look for.", "nobody sees what I do"),
    # stage 2
    "empathy.save_draft.content": Asked("What I believe you feel.", "You felt alone with it."),
    "readyToShare": Asked("Call it ready.", True),
    "draftId": Asked("The draft.", THING),
    "finalContent": Asked("The text to share, if not the draft's own.", "You felt alone with it."),
    "attemptId": Asked("The attempt that was read; must be the newest.", THING),
    "validated": Asked("Whether it is right.", False),
    "feedback": Asked("What is missing.", "It was not only anger."),
    "consentToShareFeedback": Asked("Let the partner read the feedback.", True),
    # stage 3
    "resynthesize": Asked("Look through everything again.", False),
    "confirmations": Asked("One answer each.", [{"needId": THING, "confirmed": True}]),
    "common_ground.confirm.confirmations": Asked(
        "One answer each.", [{"commonGroundId": THING, "confirmed": True}]
    ),
    "needId": Asked("One's own need.", THING),
    "adjustment": Asked("Replaces the need's description.", "That my work is seen."),
    "needIds": Asked("Own confirmed needs.", [THING]),
    "commonGroundId": Asked("An item of common ground.", THING),
    # stage 4
    "strategies.propose.description": Asked("What to try.", "Dishes together at nine."),
    "needsAddressed": Asked("Which needs it serves.", [NEED]),
    "count": Asked("How many ideas.", 3),
    "focusNeeds": Asked("Needs that the ideas should serve.", [NEED]),
    "rankedIds": Asked("The ideas, best first.", [THING]),
    "strategyId": Asked("The idea it comes from.", THING),
    "agreement.create.description": Asked("What the two will try.", "Dishes together at nine."),
    "agreement.create.type": Asked("What sort of promise.", "MICRO_EXPERIMENT"),
    "followUpDate": Asked("When to look back, within a year; ISO 8601 with a zone.", LATER),
    "agreementId": Asked("The agreement.", THING),
    "modification": Asked("Together with a no: how it should be instead.", "At ten, not nine."),
    # consent
    "contentType": Asked("What sort of content.", "EVENT_SUMMARY"),
    "originalContentId": Asked("One's own event, reading, boundary or need.", THING),
    "consentRequestId": Asked("The question.", CONSENT),
    "decision": Asked("The answer; once.", "GRANTED"),
    "editedContent": Asked("Crosses instead of the preview.", "The dishes waited for days."),
    "consentRecordId": Asked("The decision to take back.", CONSENT),
    # account
    "name": Asked("What others see.", "Alice"),
    "avatarUrl": Asked("A picture; null takes it away.", "https://pictures.test/a.png"),
    "presenceShown": Asked(
        "Whether partners are told that one is online. True until it is switched off; nobody is"
        " told that it was.",
        False,
    ),
    "platform": Asked("What sort of device.", "ios"),
    "token": Asked("What the platform knows the device by.", "ExponentPushToken[8f2c]"),
    "notificationIds": Asked("These ...", [THING]),
    "all": Asked("... or all.", True),
    # library
    "itemId": Asked("The item.", THING),
    "library.add.title": Asked("Its title.", "Morning coffee without screens"),
    "library.add.description": Asked("What to try.", "Ten minutes together, sitting down."),
    "library.add.category": Asked("What it is for.", "quality-time"),
    "library.edit.title": Asked("Its title.", "Morning coffee without screens"),
    "library.edit.description": Asked("What to try.", "Ten minutes together, sitting down."),
    "library.edit.category": Asked("What it is for.", "quality-time"),
    "source": Asked("Who wrote it.", "CONTRIBUTED"),
    "contributedBy": Asked("The user who gave it; only of contributed items.", THING),
    "contributionConsent": Asked("How they agreed; only of contributed items.", "by letter"),
    "isActive": Asked("True brings a removed one back.", True),
    **OTHERS.asked,
}
"""Field or ``command.name.field`` → what it means."""


def asked(command: str, name: str) -> Asked:
    """The most special row. Raises KeyError where a field has none."""
    special = ASKED.get(f"{command}.{name}")
    return ASKED[name] if special is None else special
