"""How B comes: accepting, declining and sending an invitation again."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from beheard_hub.domain.kernel import Json, Ref, Work
from beheard_hub.domain.limits import (
    INVITATION_AGE_MAX,
    INVITATION_RESEND_INTERVAL,
    INVITATION_RESENDS_MAX,
)
from beheard_hub.domain.mediation import commands as c
from beheard_hub.domain.mediation.machine import enter
from beheard_hub.domain.mediation.state import Invitation, Seat
from beheard_hub.domain.mediation.turn import Handler, Outcome, Turn, WorkHandler, no
from beheard_hub.domain.mediation.vocabulary import (
    ABANDONED,
    ACCEPTED,
    ACTIVE,
    DECLINED,
    EXPIRED,
    FINAL,
    INVITED,
    PENDING,
)
from beheard_hub.domain.refusals import Code, Refusal


def _open_invitation(turn: Turn) -> Invitation | Refusal:
    """The invitation that the caller may answer."""
    data: c.InvitationId = turn.command.data
    sent = turn.state.invitation
    if sent is None or sent.id != data.invitation_id:
        return no(Code.NOT_FOUND)
    if sent.invited_by == turn.user:
        return no(Code.FORBIDDEN)
    if sent.target not in (None, turn.user):
        return no(Code.NOT_FOUND)
    if sent.status == EXPIRED:
        return no(Code.INVITATION_EXPIRED)
    if sent.status != PENDING or turn.state.status != INVITED:
        return no(Code.CONFLICT, invitation="already answered")
    return sent


def accept(turn: Turn) -> Outcome:
    """invitation.accept: whether the two already share a relationship must be looked up first."""
    sent = _open_invitation(turn)
    if isinstance(sent, Refusal):
        return sent
    if sent.target is not None:
        return _joined(turn, sent)
    return Work("invitation.relationship", {"inviterId": sent.invited_by, "callerId": turn.user})


def accept_with_relationship(turn: Turn, work: Work, result: Mapping[str, Json]) -> Outcome:
    """invitation.accept, once it is known which relationship the two share."""
    sent = _open_invitation(turn)
    if isinstance(sent, Refusal):
        return sent
    if result["openSessionId"] not in (None, turn.state.id):
        return no(Code.CONFLICT, session="there is an open session with that person")
    shared = result["relationshipId"]
    if shared is None:
        _join_relationship(turn, sent)
    elif shared != turn.state.relationship_id:
        turn.state.relationship_id = shared
        turn.session(relationshipId=shared)
    return _joined(turn, sent)


def _join_relationship(turn: Turn, sent: Invitation) -> None:
    relationship = turn.state.relationship_id
    turn.insert(
        "RelationshipMember",
        id=turn.ids.ordered(),
        relationshipId=relationship,
        userId=turn.user,
        partnerId=sent.invited_by,
        joinedAt=turn.now,
    )
    key: dict[str, str | int] = {"relationshipId": relationship, "userId": sent.invited_by}
    turn.update("RelationshipMember", key, partnerId=turn.user)


def _joined(turn: Turn, sent: Invitation) -> Outcome:
    """B is a member from here on."""
    state = turn.state
    seat = Seat(turn.user, turn.ids.ordered())
    state.b = seat
    state.status = ACTIVE
    state.invitation = msgspec.structs.replace(sent, status=ACCEPTED, target=None)
    turn.session(status=ACTIVE)
    turn.update("Invitation", {"id": sent.id}, status=ACCEPTED, acceptedAt=turn.now)
    turn.insert("UserVessel", id=seat.vessel_id, userId=turn.user, sessionId=state.id)
    enter(turn, seat, 0)
    turn.facilitate(turn.other)
    turn.tell("partner.joined")
    return {"session": Ref("session", state.id)}


def decline(turn: Turn) -> Outcome:
    """invitation.decline: the reason is for the inviter."""
    data: c.InvitationDecline = turn.command.data
    sent = _open_invitation(turn)
    if isinstance(sent, Refusal):
        return sent
    turn.hush(ended=True)
    turn.state.status = ABANDONED
    turn.state.invitation = msgspec.structs.replace(sent, status=DECLINED)
    turn.session(status=ABANDONED)
    turn.update(
        "Invitation",
        {"id": sent.id},
        status=DECLINED,
        declinedAt=turn.now,
        declineReason=data.reason,
    )
    assert turn.state.a is not None, "somebody invited"
    turn.tell_one(turn.state.a, "partner.declined")
    return {"declined": True, "declinedAt": turn.now}


def resend(turn: Turn) -> Outcome:
    """invitation.resend: three times at most, a day apart; valid for seven days from now."""
    data: c.InvitationId = turn.command.data
    sent = turn.state.invitation
    if sent is None or sent.id != data.invitation_id or turn.state.seat(turn.user) is None:
        return no(Code.NOT_FOUND)
    if sent.invited_by != turn.user:
        return no(Code.FORBIDDEN)
    if turn.state.status in FINAL or sent.status not in (PENDING, EXPIRED):
        return no(Code.CONFLICT, invitation="already answered")
    if sent.resends >= INVITATION_RESENDS_MAX:
        return no(Code.CONFLICT, resend=f"at most {INVITATION_RESENDS_MAX} times")
    if turn.now < sent.sent_at + INVITATION_RESEND_INTERVAL:
        wait = sent.sent_at + INVITATION_RESEND_INTERVAL - turn.now
        return Refusal(Code.RATE_LIMITED, retry_after_ms=int(wait.total_seconds() * 1000))
    expires = turn.now + INVITATION_AGE_MAX
    turn.state.invitation = msgspec.structs.replace(
        sent, status=PENDING, resends=sent.resends + 1, sent_at=turn.now, expires_at=expires
    )
    turn.state.status = INVITED
    turn.session(status=INVITED)
    turn.update(
        "Invitation",
        {"id": sent.id},
        status=PENDING,
        resendCount=sent.resends + 1,
        lastSentAt=turn.now,
        expiresAt=expires,
    )
    turn.remind("invitation_expiry", expires)
    return {"sent": True, "sentAt": turn.now, "expiresAt": expires}


INVITATIONS: Mapping[str, Handler] = {
    "invitation.accept": accept,
    "invitation.decline": decline,
    "invitation.resend": resend,
}

INVITATIONS_WORKED: Mapping[str, WorkHandler] = {
    "invitation.relationship": accept_with_relationship,
}
