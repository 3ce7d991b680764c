"""The table of spec 5.3: which request is which command. Read it, and you know the REST door.

A row says where each field of the command's data comes from: a placeholder of the path, the query
string, or else the JSON object of the body. ``{sessionId}`` is the command's session and no field.
What a command may be asked, by whom and when, is not said here: hosts decide it, alike for both
doors.

Every success is 200.
"""

from __future__ import annotations

import msgspec

from beheard_hub.gateway.rest.identity_routes import OF_IDENTITY
from beheard_hub.gateway.rest.practice_routes import OF_PRACTICE
from beheard_hub.gateway.rest.route import (
    ADMIN,
    FLAG,
    NUMBER,
    PAGE,
    PREFIX,
    SESSION,
    Answer,
    Field,
    Kind,
    Method,
    Route,
    fields,
    get,
    post,
)

__all__ = ["PREFIX", "ROUTES", "SESSION", "Answer", "Field", "Kind", "Method", "Route"]

INVITATION = fields("invitationId")


def _session(route: Route) -> Route:
    """The same row below one session."""
    return msgspec.structs.replace(route, path=f"/sessions/{{{SESSION}}}{route.path}")


def _vessel(plural: str, kind: str) -> tuple[Route, ...]:
    """The rows of one sort of a vessel's content; its id is ``{itemId}`` in every path."""
    item = {"itemId": Field(f"{kind}Id")}
    one = f"/vessel/{plural}/{{itemId}}"
    return (
        get(f"/vessel/{plural}", f"{kind}.list", PAGE),
        post(f"/vessel/{plural}", f"{kind}.add"),
        Route(method=Method.PATCH, path=one, command=f"{kind}.edit", path_fields=item, body=True),
        Route(method=Method.DELETE, path=one, command=f"{kind}.delete", path_fields=item),
    )


_OF_A_SESSION: tuple[Route, ...] = (
    get("", "session.get"),
    Route(method=Method.DELETE, path="", command="session.withdraw"),
    post("/pause", "session.pause"),
    post("/resume", "session.resume"),
    post("/resolve", "session.resolve"),
    post("/nudge", "partner.nudge"),
    get("/progress", "progress.get"),
    Route(
        method=Method.GET, path="/stages/{stage}/gates", command="gates.get",
        path_fields=fields(stage=NUMBER),
    ),
    post("/stages/advance", "stage.advance"),
    post("/compact/sign", "compact.sign"),
    get("/compact/status", "compact.status"),
    Route(
        method=Method.POST, path="/messages", command="message.send", body=True,
        answer=Answer.AI_REPLY,
    ),
    get("/messages", "message.list", fields("cursor", stage=NUMBER, limit=NUMBER)),
    Route(
        method=Method.POST, path="/messages/stream", command="message.send", body=True,
        answer=Answer.STREAM,
    ),
    post("/messages/retry", "message.retry"),
    post("/feel-heard", "feel_heard.confirm"),
    post("/emotions", "emotions.record"),
    get("/emotions", "emotions.list", PAGE),
    post("/exercises/complete", "exercises.complete"),
    *_vessel("events", "event"),
    *_vessel("boundaries", "boundary"),
    *_vessel("documents", "document"),
    post("/recall", "recall.search"),
    post("/empathy/draft", "empathy.save_draft"),
    get("/empathy/draft", "empathy.draft"),
    post("/empathy/consent", "empathy.consent"),
    get("/empathy/partner", "empathy.partner"),
    post("/empathy/validate", "empathy.validate"),
    get("/empathy/feedback", "empathy.feedback"),
    post("/empathy/accept-feedback", "empathy.accept_feedback"),
    get("/needs", "needs.list", fields(resynthesize=FLAG)),
    post("/needs", "needs.add"),
    post("/needs/confirm", "needs.confirm"),
    post("/needs/consent", "needs.consent"),
    get("/common-ground", "common_ground.list"),
    post("/common-ground", "common_ground.propose"),
    post("/common-ground/confirm", "common_ground.confirm"),
    get("/strategies", "strategies.list"),
    post("/strategies", "strategies.propose"),
    post("/strategies/suggest", "strategies.suggest"),
    post("/strategies/ready", "strategies.ready"),
    post("/strategies/rank", "strategies.rank"),
    get("/strategies/overlap", "strategies.overlap"),
    get("/agreements", "agreement.list"),
    post("/agreements", "agreement.create"),
    post("/agreements/{agreementId}/confirm", "agreement.confirm", fields("agreementId")),
    get("/consent/pending", "consent.pending"),
    get("/consent/history", "consent.history", PAGE),
    post("/consent/request", "consent.request"),
    post("/consent/decide", "consent.decide"),
    post("/consent/revoke", "consent.revoke"),
    get("/shared", "shared.list"),
)  # fmt: skip

_OF_A_USER: tuple[Route, ...] = (
    get("/auth/me", "profile.get"),
    Route(method=Method.PATCH, path="/auth/me", command="profile.update", body=True),
    Route(method=Method.DELETE, path="/auth/me", command="account.erase"),
    Route(
        method=Method.GET, path="/auth/me/export", command="account.export", answer=Answer.LINES
    ),
    post("/auth/push-token", "push_token.set"),
    Route(method=Method.DELETE, path="/auth/push-token", command="push_token.clear"),
    get("/auth/ably-token", "ably_token.get"),
    get("/notifications/unread", "notifications.unread", PAGE),
    post("/notifications/read", "notifications.read"),
)  # fmt: skip

_OF_THE_LIBRARY: tuple[Route, ...] = (
    Route(
        method=Method.GET, path="/admin/library", command="library.list", query=PAGE, role=ADMIN
    ),
    Route(
        method=Method.POST, path="/admin/library", command="library.add", body=True, role=ADMIN
    ),
    Route(
        method=Method.PATCH, path="/admin/library/{itemId}", command="library.edit",
        path_fields=fields("itemId"), body=True, role=ADMIN,
    ),
    Route(
        method=Method.DELETE, path="/admin/library/{itemId}", command="library.remove",
        path_fields=fields("itemId"), role=ADMIN,
    ),
)  # fmt: skip

ROUTES: tuple[Route, ...] = (
    post("/sessions", "session.create"),
    get("/sessions", "session.list", fields("status", "cursor", limit=NUMBER)),
    *(_session(route) for route in _OF_A_SESSION),
    Route(
        method=Method.GET, path="/invitations/{invitationId}", command="invitation.get",
        path_fields=INVITATION, public=True,
    ),
    post("/invitations/{invitationId}/accept", "invitation.accept", INVITATION),
    post("/invitations/{invitationId}/decline", "invitation.decline", INVITATION),
    post("/invitations/{invitationId}/resend", "invitation.resend", INVITATION),
    *_OF_A_USER,
    *_OF_THE_LIBRARY,
    *OF_IDENTITY,
    *OF_PRACTICE,
)  # fmt: skip
"""All of them. Method and path together are unique."""
