"""Invitations to a practice, in words: what staff do, and what whoever holds a token does."""

from __future__ import annotations

from beheard_hub.domain.practice import vocabulary as v
from beheard_hub.domain.refusals import Code
from beheard_hub.gateway.documents.examples import ALICE, AT, INVITATION, LATER
from beheard_hub.gateway.documents.practising import LANE, NUMBER
from beheard_hub.gateway.documents.schema import COUNT, TEXT, TIME, many, maybe, ref, words_of
from beheard_hub.gateway.documents.sections import Asked, Section, Shape, Word

SHOWN = "3q2-7wQxk0hZb5mYt1uC9vRfLs8nJdPaGe6iKoXyWzM"
LINK = f"https://app.test/practice#token={SHOWN}"
COMMON = (
    "id label status scenarioId observed quota usage expiresAt revokedAt claimedAt createdById "
    "createdAt"
)


def _shape(means: str, fields: str) -> Shape:
    return Shape(means, tuple(fields.split()))


_SHAPES = {
    "PracticeInvitationMade": _shape(
        "An invitation, to whoever made it, in that moment.", f"{COMMON} link qrCode"
    ),
    "PracticeInvitation": _shape("An invitation, as staff find it again.", f"{COMMON} sessionId"),
    "PracticeOffer": _shape(
        "What whoever holds the token may know.", "status scenario observed tokens expiresAt"
    ),
    "Grant": _shape("What may be used, as a copy of a preset.", "tokens label"),
    "Used": _shape("What was used.", "inputTokens outputTokens totalTokens"),
    "LaneUsage": _shape(
        "What one lane has used with one model.", "streamType model calls inputTokens outputTokens"
    ),
}
_STATUS = words_of(v.PENDING, v.CLAIMED, v.EXPIRED, v.REVOKED)


def _both(field: str, word: Word) -> dict[str, Word]:
    return {
        f"PracticeInvitationMade.{field}": word,
        f"PracticeInvitation.{field}": word,
    }


INVITING = Section(
    tags={
        "practice_invitation": (
            "Practice invitations",
            "Staff invite, by a link or its QR code; whoever comes with it practises, also without "
            "a login.",
        ),
    },
    summaries={
        "practice_invitation.create": "Invite somebody; link and QR code come this once",
        "practice_invitation.list": "List own invitations, newest first; administrators all",
        "practice_invitation.get": "Read an invitation with its practice, newest notes and usage",
        "practice_invitation.revoke": "Take an invitation back; its practice ends",
        "practice_invitation.validate": "Look at an invitation without a login",
        "practice_invitation.claim": "Take an invitation up, once; without a login as a guest",
    },
    asked={
        "practice_invitation.create.label": Asked("For staff alone.", "Tuesday group"),
        "practice_invitation.create.presetName": Asked("Whose quota it gets.", "standard"),
        "practice_invitation.get.invitationId": Asked("The invitation.", INVITATION),
        "practice_invitation.revoke.invitationId": Asked("The invitation.", INVITATION),
        "expiresInDays": Asked("How long it can be used.", 30),
        "observed": Asked("Staff may watch the practice, and the participant is told so.", True),
        "practice_invitation.validate.token": Asked("What stands behind the # of the link.", SHOWN),
        "practice_invitation.claim.token": Asked("What stands behind the # of the link.", SHOWN),
        "via": Asked("How it came, as the link says.", v.VIA_QR),
    },
    replies={
        "practice_invitation.create": ("invitation",),
        "practice_invitation.list": ("invitations", "cursor", "hasMore"),
        "practice_invitation.get": ("invitation", "sessions", "notes", "usage"),
        "practice_invitation.revoke": ("revoked",),
        "practice_invitation.validate": ("invitation",),
        "practice_invitation.claim": ("sessionId", "user", "token?"),
    },
    shapes=_SHAPES,
    words={
        "practice_invitation.create.invitation": Word(ref("PracticeInvitationMade"), "As made."),
        "practice_invitation.get.invitation": Word(ref("PracticeInvitation"), "The invitation."),
        "practice_invitation.validate.invitation": Word(ref("PracticeOffer"), "What it offers."),
        "invitations": Word(many(ref("PracticeInvitation")), "Newest first."),
        "practice_invitation.get.sessions": Word(
            many(ref("PracticeSession")), "The one that it was taken up with."
        ),
        "practice_invitation.get.notes": Word(many(ref("ObservationNote")), "The newest ten."),
        "practice_invitation.get.usage": Word(many(ref("LaneUsage")), "By lane and model."),
        "practice_invitation.claim.sessionId": Word(TEXT, "The practice; subscribe to it.", NUMBER),
        "token": Word(
            TEXT, "Of somebody who came without one: good for 90 days after its last use.", SHOWN
        ),
        **_both("id", Word(TEXT, "Its id.", INVITATION)),
        **_both("label", Word(maybe(TEXT), "For staff alone.", "Tuesday group")),
        **_both("status", Word(_STATUS, "What became of it.", v.PENDING)),
        **_both("quota", Word(ref("Grant"), "What it gives.")),
        **_both("usage", Word(ref("Used"), "What of that is used.")),
        "PracticeInvitation.sessionId": Word(maybe(TEXT), "Its practice, once claimed.", NUMBER),
        "PracticeOffer.status": Word(_STATUS, "Whether it can be taken up.", v.PENDING),
        "PracticeOffer.scenario": Word(ref("Scenario"), "What will be practised."),
        "PracticeOffer.expiresAt": Word(TIME, "Until when.", LATER),
        "tokens": Word(COUNT, "Tokens in all.", 25_000),
        "Grant.label": Word(maybe(TEXT), "Of the preset.", "Standard"),
        "claimedAt": Word(maybe(TIME), "When it was taken up.", None),
        "createdById": Word(TEXT, "Who made it.", ALICE),
        "PracticeInvitationMade.createdAt": Word(TIME, "When it was made.", AT),
        "link": Word(maybe(TEXT), "Where it leads; null when the command is repeated.", LINK),
        "qrCode": Word(maybe(TEXT), "The link as a picture: SVG.", "<svg>...</svg>"),
        "inputTokens": Word(COUNT, "Given to the model.", 4_000),
        "outputTokens": Word(COUNT, "Said by it.", 900),
        "totalTokens": Word(COUNT, "Both.", 4_900),
        "streamType": Word(LANE, "Whose words.", v.PARTNER),
        "model": Word(TEXT, "Which model.", "offline"),
        "calls": Word(COUNT, "How often.", 12),
    },
    also={
        "practice_invitation.create": (Code.NOT_FOUND,),
        "practice_invitation.get": (Code.NOT_FOUND,),
        "practice_invitation.revoke": (Code.NOT_FOUND,),
        "practice_invitation.validate": (Code.NOT_FOUND,),
        "practice_invitation.claim": (Code.NOT_FOUND, Code.INVITATION_EXPIRED),
    },
)
