"""The table of spec 5.3: which request is which command. Read it, and you know the REST door.

A row says where each field of the command's data comes from: a placeholder of the path, the query
string, or else the JSON object of the body. ``{sessionId}`` is the command's session and no field.
What a command may be asked, by whom and when, is not said here: hosts decide it, alike for both
doors.

Every success is 200.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec

PREFIX = "/api/v1"
SESSION = "sessionId"
"""The placeholder that is the session of the command."""


class Method(StrEnum):
    """Of HTTP."""

    GET = "GET"
    POST = "POST"
    PATCH = "PATCH"
    DELETE = "DELETE"


class Kind(StrEnum):
    """What the text of a path or a query becomes before it is validated."""

    TEXT = "text"
    NUMBER = "whole number"
    FLAG = "true or false"


class Answer(StrEnum):
    """How the reply reaches the client."""

    REPLY = "the command's reply, in the envelope"
    AI_REPLY = "the command's reply with the facilitator's answer, which is waited for"
    STREAM = "server-sent events: user_message, chunk, complete, error"
    LINES = "JSON Lines, made by no command"


class Field(msgspec.Struct, frozen=True):
    """A field of the command's data that the path or the query string gives."""

    name: str
    """In the data, camelCase."""
    kind: Kind = Kind.TEXT


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One row: a request and its command."""

    method: Method
    path: str
    """Under `PREFIX`, with ``{placeholders}``."""
    command: str
    """Name of the command; of `Answer.LINES` the name of what is read."""
    path_fields: Mapping[str, Field] = MappingProxyType({})
    """Placeholder → field, of all but ``{sessionId}``."""
    query: Mapping[str, Field] = MappingProxyType({})
    """Parameter → field; any other parameter is refused."""
    body: bool = False
    """A JSON object may come; its members are the other fields. Empty counts as ``{}``."""
    answer: Answer = Answer.REPLY
    public: bool = False
    """No token needed; counted per address."""
    role: str | None = None
    """Only users of this role; the command itself refuses others."""
    status: int = 200
    """Of a success."""

    @property
    def in_session(self) -> bool:
        """The path names a session."""
        return f"{{{SESSION}}}" in self.path


def _fields(*names: str, **kinds: Kind) -> Mapping[str, Field]:
    found = {name: Field(name) for name in names}
    return {**found, **{name: Field(name, kind) for name, kind in kinds.items()}}


NUMBER, FLAG = Kind.NUMBER, Kind.FLAG
PAGE = _fields("cursor", limit=NUMBER)
NONE: Mapping[str, Field] = {}
INVITATION = _fields("invitationId")
ADMIN = "ADMIN"


def _get(path: str, command: str, query: Mapping[str, Field] = NONE) -> Route:
    return Route(method=Method.GET, path=path, command=command, query=query)


def _post(path: str, command: str, path_fields: Mapping[str, Field] = NONE) -> Route:
    return Route(method=Method.POST, path=path, command=command, path_fields=path_fields, body=True)


def _session(route: Route) -> Route:
    """The same row below one session."""
    return msgspec.structs.replace(route, path=f"/sessions/{{{SESSION}}}{route.path}")


def _vessel(plural: str, kind: str) -> tuple[Route, ...]:
    """The rows of one sort of a vessel's content; its id is ``{itemId}`` in every path."""
    item = {"itemId": Field(f"{kind}Id")}
    one = f"/vessel/{plural}/{{itemId}}"
    return (
        _get(f"/vessel/{plural}", f"{kind}.list", PAGE),
        _post(f"/vessel/{plural}", f"{kind}.add"),
        Route(method=Method.PATCH, path=one, command=f"{kind}.edit", path_fields=item, body=True),
        Route(method=Method.DELETE, path=one, command=f"{kind}.delete", path_fields=item),
    )


_OF_A_SESSION: tuple[Route, ...] = (
    _get("", "session.get"),
    Route(method=Method.DELETE, path="", command="session.withdraw"),
    _post("/pause", "session.pause"),
    _post("/resume", "session.resume"),
    _post("/resolve", "session.resolve"),
    _post("/nudge", "partner.nudge"),
    _get("/progress", "progress.get"),
    Route(
        method=Method.GET, path="/stages/{stage}/gates", command="gates.get",
        path_fields=_fields(stage=NUMBER),
    ),
    _post("/stages/advance", "stage.advance"),
    _post("/compact/sign", "compact.sign"),
    _get("/compact/status", "compact.status"),
    Route(
        method=Method.POST, path="/messages", command="message.send", body=True,
        answer=Answer.AI_REPLY,
    ),
    _get("/messages", "message.list", _fields("cursor", stage=NUMBER, limit=NUMBER)),
    Route(
        method=Method.POST, path="/messages/stream", command="message.send", body=True,
        answer=Answer.STREAM,
    ),
    _post("/messages/retry", "message.retry"),
    _post("/feel-heard", "feel_heard.confirm"),
    _post("/emotions", "emotions.record"),
    _get("/emotions", "emotions.list", PAGE),
    _post("/exercises/complete", "exercises.complete"),
    *_vessel("events", "event"),
    *_vessel("boundaries", "boundary"),
    *_vessel("documents", "document"),
    _post("/recall", "recall.search"),
    _post("/empathy/draft", "empathy.save_draft"),
    _get("/empathy/draft", "empathy.draft"),
    _post("/empathy/consent", "empathy.consent"),
    _get("/empathy/partner", "empathy.partner"),
    _post("/empathy/validate", "empathy.validate"),
    _get("/empathy/feedback", "empathy.feedback"),
    _post("/empathy/accept-feedback", "empathy.accept_feedback"),
    _get("/needs", "needs.list", _fields(resynthesize=FLAG)),
    _post("/needs", "needs.add"),
    _post("/needs/confirm", "needs.confirm"),
    _post("/needs/consent", "needs.consent"),
    _get("/common-ground", "common_ground.list"),
    _post("/common-ground", "common_ground.propose"),
    _post("/common-ground/confirm", "common_ground.confirm"),
    _get("/strategies", "strategies.list"),
    _post("/strategies", "strategies.propose"),
    _post("/strategies/suggest", "strategies.suggest"),
    _post("/strategies/ready", "strategies.ready"),
    _post("/strategies/rank", "strategies.rank"),
    _get("/strategies/overlap", "strategies.overlap"),
    _get("/agreements", "agreement.list"),
    _post("/agreements", "agreement.create"),
    _post("/agreements/{agreementId}/confirm", "agreement.confirm", _fields("agreementId")),
    _get("/consent/pending", "consent.pending"),
    _get("/consent/history", "consent.history", PAGE),
    _post("/consent/request", "consent.request"),
    _post("/consent/decide", "consent.decide"),
    _post("/consent/revoke", "consent.revoke"),
    _get("/shared", "shared.list"),
)  # fmt: skip

_OF_A_USER: tuple[Route, ...] = (
    _get("/auth/me", "profile.get"),
    Route(method=Method.PATCH, path="/auth/me", command="profile.update", body=True),
    Route(method=Method.DELETE, path="/auth/me", command="account.erase"),
    Route(
        method=Method.GET, path="/auth/me/export", command="account.export", answer=Answer.LINES
    ),
    _post("/auth/push-token", "push_token.set"),
    Route(method=Method.DELETE, path="/auth/push-token", command="push_token.clear"),
    _get("/auth/ably-token", "ably_token.get"),
    _get("/notifications/unread", "notifications.unread", PAGE),
    _post("/notifications/read", "notifications.read"),
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
        path_fields=_fields("itemId"), body=True, role=ADMIN,
    ),
    Route(
        method=Method.DELETE, path="/admin/library/{itemId}", command="library.remove",
        path_fields=_fields("itemId"), role=ADMIN,
    ),
)  # fmt: skip

ROUTES: tuple[Route, ...] = (
    _post("/sessions", "session.create"),
    _get("/sessions", "session.list", _fields("status", "cursor", limit=NUMBER)),
    *(_session(route) for route in _OF_A_SESSION),
    Route(
        method=Method.GET, path="/invitations/{invitationId}", command="invitation.get",
        path_fields=INVITATION, public=True,
    ),
    _post("/invitations/{invitationId}/accept", "invitation.accept", INVITATION),
    _post("/invitations/{invitationId}/decline", "invitation.decline", INVITATION),
    _post("/invitations/{invitationId}/resend", "invitation.resend", INVITATION),
    *_OF_A_USER,
    *_OF_THE_LIBRARY,
)  # fmt: skip
"""All of them. Method and path together are unique."""
