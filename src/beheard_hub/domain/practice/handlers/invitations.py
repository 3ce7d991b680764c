"""Invitations: staff make them, list them and take them back; whoever holds the token looks at one
and claims it, once.

The token itself is known for one moment, on its way to whoever made the invitation: rows hold its
hash, and so does every question to the database. What a claim rests on was read before its turn:
of two that race the database takes one (`Row.races`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta

from beheard_hub.domain.kernel import (
    Decision,
    Due,
    Insert,
    Json,
    Read,
    Ref,
    Reply,
    Row,
    Update,
    Work,
)
from beheard_hub.domain.practice import commands as c
from beheard_hub.domain.practice.asking import Asked, Directory, Handler, Result, WorkHandler
from beheard_hub.domain.practice.opening import Invited, opened
from beheard_hub.domain.practice.reads import NEWEST_MAX
from beheard_hub.domain.practice.state import Quota
from beheard_hub.domain.practice.telemetry import counted
from beheard_hub.domain.practice.views import AS_ROLE, INVITATION_REF, USER_REF, offered, shape
from beheard_hub.domain.practice.vocabulary import (
    ADMIN,
    CLAIMED,
    GUEST,
    PENDING,
    TAKEN_BACK,
    VIA_QR,
    reaches,
)
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.domain.validation import refused

MAKE = "practice.inviting"
"""Work: {scenarioId, presetName} → those of ``practice.opening``, and {token, link, qrCode}: a new
secret, where it leads, and the picture of that."""
LOOK = "practice.invitation"
"""Work: {token: its hash} → {invitation: the row with its status and scenario, or null}."""
HELD = "practice.invitation_held"
"""Work: {invitationId} → {found: whether the caller may take it back, revokedAt, sessionId and
participantId of its session, or null}."""


def hashed(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


# ---- by staff


def _make(asked: Asked) -> Decision[Directory]:
    """practice_invitation.create: is there such a scenario, and such a preset?"""
    data: c.InvitationCreate = asked.command.data
    args = {"scenarioId": data.scenario_id, "presetName": data.preset_name}
    return asked.answered(Work(MAKE, args))


def _made(asked: Asked, found: Result) -> Decision[Directory]:
    """practice_invitation.create: the quota is a copy, which a later change of the preset leaves
    alone. Link and picture are in this reply and nowhere else: a repeat of the command has null."""
    data: c.InvitationCreate = asked.command.data
    if not found["scenario"]:
        return asked.answered(Refusal(Code.NOT_FOUND))
    if found["quota"] is None:
        return asked.answered(refused({"presetName": "the name of a preset of this hub"}))
    row: dict[str, Json] = {
        "id": asked.ids.random(),
        "token": hashed(found["token"]),
        "observed": data.observed,
        "label": data.label,
        "scenarioId": data.scenario_id,
        "quota": found["quota"],
        "usage": {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0},
        "expiresAt": asked.now + timedelta(days=data.expires_in_days),
        "createdById": asked.directory.user_id,
        "createdAt": asked.now,
    }
    about = {"invitationId": row["id"], "scenarioId": data.scenario_id}
    ref = Ref(INVITATION_REF, row["id"])
    once = {"status": PENDING, "link": found["link"], "qrCode": found["qrCode"]}
    return Decision(
        state=asked.directory,
        answer=Reply({"invitation": ref}),
        rows=[
            Insert("practice.Invitation", row),
            counted(
                "invitation_created", about, asked.directory.user_id, None, asked.now, asked.ids
            ),
        ],
        fresh={(ref.kind, ref.id): shape(INVITATION_REF, {**row, **once})},
    )


def _list(asked: Asked) -> Decision[Directory]:
    """practice_invitation.list: one's own; an administrator's are all."""
    data: c.InvitationList = asked.command.data
    role = asked.directory.role
    own = None if reaches(role, ADMIN) else asked.directory.user_id
    return asked.page(data.cursor, data.limit, {"made_by": own, AS_ROLE: role})


def _get(asked: Asked) -> Decision[Directory]:
    """practice_invitation.get: with its session, notes and usage."""
    data: c.InvitationId = asked.command.data
    args = {
        "invitation_id": data.invitation_id,
        "limit": NEWEST_MAX,
        AS_ROLE: asked.directory.role,
    }
    return asked.answered(Read(asked.command.name, args))


def _revoke(asked: Asked) -> Decision[Directory]:
    """practice_invitation.revoke: may the caller, and who is in its session?"""
    data: c.InvitationId = asked.command.data
    return asked.answered(Work(HELD, {"invitationId": data.invitation_id}))


def _revoked(asked: Asked, found: Result) -> Decision[Directory]:
    """practice_invitation.revoke: once. Its session, wherever it lives, ends by a reminder that is
    in the same commit."""
    data: c.InvitationId = asked.command.data
    if not found["found"]:
        return asked.answered(Refusal(Code.NOT_FOUND))
    answer = Reply({"revoked": True})
    if found["revokedAt"] is not None:
        return asked.answered(answer)
    row = Update("practice.Invitation", {"id": data.invitation_id}, {"revokedAt": asked.now})
    dues = []
    if found["participantId"] is not None:
        due = Due(
            id=asked.ids.ordered(),
            kind=TAKEN_BACK,
            at=asked.now,
            user_id=found["participantId"],
            session_id=str(found["sessionId"]),
        )
        dues.append(due)
    return Decision(asked.directory, answer, [row], dues=dues)


# ---- by whoever holds the token


def _look(asked: Asked) -> Decision[Directory]:
    """practice_invitation.validate and .claim: what is it?"""
    data: c.InvitationValidate | c.InvitationClaim = asked.command.data
    return asked.answered(Work(LOOK, {"token": hashed(data.token)}))


def _validated(asked: Asked, found: Result) -> Decision[Directory]:
    """practice_invitation.validate: also what has run out is shown, as that."""
    data: c.InvitationValidate = asked.command.data
    row = found["invitation"]
    if row is None:
        return asked.answered(Refusal(Code.NOT_FOUND))
    rows: list[Row] = []
    if data.via == VIA_QR:
        about = {"invitationId": row["id"]}
        rows.append(counted("qr_scanned", about, None, None, asked.now, asked.ids))
    return Decision(asked.directory, Reply({"invitation": offered(row)}), rows)


def _claimed(asked: Asked, found: Result) -> Decision[Directory]:
    """practice_invitation.claim: opens the session; by who has claimed it before, finds it again.
    Whoever is not known yet becomes a guest by it."""
    row = found["invitation"]
    if row is None:
        return asked.answered(Refusal(Code.NOT_FOUND))
    who = asked.directory.user_id
    user = Ref(USER_REF, who)
    if row["linkedUserId"] == who and row["sessionId"] is not None:
        return asked.answered(Reply({"sessionId": str(row["sessionId"]), "user": user}))
    if row["status"] != PENDING:
        code = Code.CONFLICT if row["status"] == CLAIMED else Code.INVITATION_EXPIRED
        return asked.answered(Refusal(code))
    invited = Invited(id=row["id"], observed=row["observed"], expires_at=row["expiresAt"])
    quota = Quota(row["quota"]["tokens"])
    made = opened(
        who, row["scenarioId"], quota, None, invited, asked.policy, asked.now, asked.ids,
        asked.numbers,
    )  # fmt: skip
    taken = {"claimedAt": asked.now, "linkedUserId": who}
    rows: list[Row] = [
        Update("practice.Invitation", {"id": row["id"]}, taken),
        *made.rows,
        counted(
            "invitation_claimed", {"invitationId": row["id"]}, who, made.state.id, asked.now,
            asked.ids,
        ),
    ]  # fmt: skip
    if not asked.directory.known:
        rows.insert(0, Insert("User", {"id": who, "role": GUEST, "lastLoginAt": asked.now}))
    reply = Reply({"sessionId": made.state.id, "user": user})
    return Decision(asked.directory, reply, rows, dues=made.dues)


INVITING: Mapping[str, Handler] = {
    "practice_invitation.create": _make,
    "practice_invitation.list": _list,
    "practice_invitation.get": _get,
    "practice_invitation.revoke": _revoke,
    "practice_invitation.validate": _look,
    "practice_invitation.claim": _look,
}
INVITING_WORKED: Mapping[str, WorkHandler] = {
    "practice_invitation.create": _made,
    "practice_invitation.revoke": _revoked,
    "practice_invitation.validate": _validated,
    "practice_invitation.claim": _claimed,
}
