"""Commands without a session, decided by one user's directory: creating, listing, looking at an
invitation. Its state is loaded afresh for every command and holds no text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from beheard_hub.domain.kernel import (
    Command,
    CommandSpec,
    Decision,
    Due,
    Ids,
    Insert,
    Json,
    Loaded,
    Read,
    Ref,
    Reply,
    Row,
    Worked,
)
from beheard_hub.domain.limits import INACTIVITY_AGE_MAX, INVITATION_AGE_MAX
from beheard_hub.domain.mediation import commands as c
from beheard_hub.domain.mediation.directory_state import (
    Directory,
    Handler,
    Known,
    WorkedHandler,
)
from beheard_hub.domain.mediation.handlers.account import ACCOUNT, ACCOUNT_WORKED
from beheard_hub.domain.mediation.handlers.delivery import forget_token
from beheard_hub.domain.mediation.handlers.identity import IDENTITY, IDENTITY_WORKED
from beheard_hub.domain.mediation.handlers.leaving import begin, go_on
from beheard_hub.domain.mediation.handlers.library import LIBRARY, LIBRARY_WORKED
from beheard_hub.domain.mediation.handlers.people import PEOPLE, PEOPLE_WORKED
from beheard_hub.domain.mediation.protocol import DIRECTORY as TABLE
from beheard_hub.domain.mediation.protocol import DIRECTORY_INTERNAL as INTERNAL
from beheard_hub.domain.mediation.state import Invitation, Progress, Seat, State
from beheard_hub.domain.mediation.views import summary
from beheard_hub.domain.mediation.vocabulary import (
    ACTIVE,
    AI_TURN,
    AT_ONCE,
    IN_PROGRESS,
    INVITED,
    PENDING,
    WAITING,
)
from beheard_hub.domain.paging import page_args
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.domain.validation import refused, validate

INVITATION_URL = "beheard://invite/{}"


class Made(msgspec.Struct, frozen=True):
    """A session under way to its first commit."""

    state: State
    rows: list[Row]
    dues: list[Due]


class DirectoryKind:
    """`SessionKind` for the key ``user:<id>``."""

    name = "directory"
    at_once = AT_ONCE
    resumed: str | None = None
    notifies: frozenset[str] = frozenset()
    commands: Mapping[str, CommandSpec] = {
        name: CommandSpec(
            name=name,
            data=row.data,
            sessionless=True,
            reads=row.reads,
            alone=row.alone,
            anyone=row.anyone,
        )
        for name, row in TABLE.items()
    }

    def blank(self, session_id: str) -> Directory:
        """A directory that knows nobody; `session_id` is the cell's key."""
        return Directory(session_id.removeprefix("user:"))

    def load(self, loaded: Loaded) -> Directory:
        """From the facts of `load_directory`."""
        rows = loaded.facts.get("relationships") or ()
        return Directory(
            loaded.session_id.removeprefix("user:"),
            tuple(Known(row["id"], row.get("partnerId"), row.get("openSessionId")) for row in rows),
            role=(loaded.facts.get("user") or {}).get("role", "GUEST"),
            erased=bool((loaded.facts.get("user") or {}).get("erased")),
        )

    def pack(self, state: Directory) -> bytes:
        """As bytes."""
        return msgspec.msgpack.encode(state)

    def unpack(self, packed: bytes) -> Directory:
        """The inverse of `pack`."""
        return msgspec.msgpack.decode(packed, type=Directory)

    def validate(self, name: str, data: Mapping[str, Json]) -> msgspec.Struct | Refusal:
        """Typed data or VALIDATION_ERROR; an unknown name is one too."""
        row = TABLE.get(name)
        return refused({"name": "no such command"}) if row is None else validate(row.data, data)

    def decide(
        self, state: Directory, command: Command, now: datetime, ids: Ids
    ) -> Decision[Directory]:
        """One command without a session."""
        if state.erased and command.name not in INTERNAL:
            return Decision(state, Refusal(Code.UNAUTHORIZED))
        if isinstance(command.data, Worked):
            return WORKED[command.data.command.name](state, command.data, now, ids)
        return HANDLERS[command.name](state, command, now, ids)

    def members(self, state: Directory) -> Sequence[str]:
        """Only the user."""
        return (state.user_id,)

    def told_at(self, state: Directory, user_id: str) -> datetime | None:
        """Nobody is told anything here."""
        return None

    def company(self, state: Directory, user_id: str) -> Mapping[str, bool]:
        """Nobody."""
        return {}

    def snapshot(
        self, state: Directory, user_id: str, names: Mapping[str, str | None]
    ) -> Mapping[str, Json]:
        """Nobody subscribes to a directory."""
        return {}

    def from_state(
        self, state: Directory, ref: Ref, user_id: str, names: Mapping[str, str | None]
    ) -> Mapping[str, Json] | None:
        """Nothing is rendered from a directory."""
        return None


DIRECTORY = DirectoryKind()


def _preview(
    directory: Directory, command: Command, now: datetime, ids: Ids
) -> Decision[Directory]:
    """invitation.get"""
    data: c.InvitationId = command.data
    return Decision(directory, Read("invitation.get", {"invitation_id": data.invitation_id}))


def _list(directory: Directory, command: Command, now: datetime, ids: Ids) -> Decision[Directory]:
    """session.list"""
    data: c.SessionList = command.data
    page = page_args(data.cursor, data.limit)
    if page is None:
        return Decision(directory, refused({"cursor": "a cursor of this list"}))
    stored = ACTIVE if data.status == WAITING else data.status
    args = {**page, "status": stored, "shown": data.status}
    return Decision(directory, Read("session.list", args))


def _create(directory: Directory, command: Command, now: datetime, ids: Ids) -> Decision[Directory]:
    """session.create: everything that a session begins with, in one commit."""
    data: c.SessionCreate = command.data
    known = None
    if data.person_id is not None:
        same = [k for k in directory.relationships if k.partner_id == data.person_id]
        if not same:
            return Decision(directory, Refusal(Code.NOT_FOUND))
        if any(k.open_session_id is not None for k in same):
            return Decision(directory, Refusal(Code.CONFLICT))
        known = same[-1]
    made = _made(directory.user_id, data, known, now, ids)
    sent = made.state.invitation
    assert sent is not None, "a new session is an invitation"
    names = {"": data.invite_name}
    shown = summary(made.state, directory.user_id, names)
    return Decision(
        state=directory,
        answer=Reply(
            {
                "session": Ref("session", made.state.id),
                "invitationId": sent.id,
                "invitationUrl": INVITATION_URL.format(sent.id),
            }
        ),
        rows=made.rows,
        dues=made.dues,
        fresh={("session", made.state.id): shown} if known is None else {},
    )


def _made(
    user_id: str, data: c.SessionCreate, known: Known | None, now: datetime, ids: Ids
) -> Made:
    seat = Seat(user_id, ids.ordered(), has_private=data.context is not None)
    seat.progress[0] = Progress(ids.ordered(), 0, IN_PROGRESS, now)
    seat.ai_turn = ids.ordered()
    sent = Invitation(
        id=ids.random(),
        invited_by=user_id,
        target=data.person_id,
        status=PENDING,
        created_at=now,
        expires_at=now + INVITATION_AGE_MAX,
        resends=0,
        sent_at=now,
    )
    state = State(
        id=ids.ordered(),
        relationship_id=known.id if known is not None else ids.ordered(),
        status=INVITED,
        created_at=now,
        shared_vessel_id=ids.ordered(),
        active_at=now,
        invitation=sent,
        a=seat,
    )
    rows = [
        *(_relationship_rows(state, now, ids) if known is None else ()),
        *_session_rows(state, data, now, ids),
    ]
    return Made(state, rows, _dues(state, ids))


def _relationship_rows(state: State, now: datetime, ids: Ids) -> list[Row]:
    assert state.a is not None, "a session has a creator"
    member: dict[str, Json] = {
        "id": ids.ordered(),
        "relationshipId": state.relationship_id,
        "userId": state.a.user_id,
        "partnerId": None,
        "joinedAt": now,
    }
    return [
        Insert("Relationship", {"id": state.relationship_id}),
        Insert("RelationshipMember", member),
    ]


def _session_rows(state: State, data: c.SessionCreate, now: datetime, ids: Ids) -> list[Row]:
    seat, sent = state.a, state.invitation
    assert seat is not None, "a session has a creator"
    assert sent is not None, "a new session is an invitation"
    of = {"sessionId": state.id}
    session: dict[str, Json] = {
        "id": state.id,
        "relationshipId": state.relationship_id,
        "createdById": seat.user_id,
        "status": state.status,
        "createdAt": now,
        "lastActivityAt": now,
    }
    stage: dict[str, Json] = {
        "id": seat.row.id,
        **of,
        "userId": seat.user_id,
        "stage": 0,
        "status": IN_PROGRESS,
        "startedAt": now,
        "gatesSatisfied": {},
        "gatesAt": {},
    }
    invitation: dict[str, Json] = {
        "id": sent.id,
        **of,
        "invitedById": seat.user_id,
        "email": data.invite_email,
        "phone": data.invite_phone,
        "name": data.invite_name,
        "status": PENDING,
        "createdAt": now,
        "expiresAt": sent.expires_at,
        "lastSentAt": now,
    }
    rows: list[Row] = [
        Insert("Session", session),
        Insert("SharedVessel", {"id": state.shared_vessel_id, **of}),
        Insert("UserVessel", {"id": seat.vessel_id, "userId": seat.user_id, **of}),
        Insert("StageProgress", stage),
        Insert("Invitation", invitation),
    ]
    if data.context is not None:
        private = {"id": ids.ordered(), **of, "userId": seat.user_id, "context": data.context}
        rows.append(Insert("SessionPrivate", private))
    return rows


def _dues(state: State, ids: Ids) -> list[Due]:
    seat, sent, now = state.a, state.invitation, state.created_at
    assert seat is not None, "a session has a creator"
    assert seat.ai_turn is not None, "the facilitator opens the thread"
    assert sent is not None, "a new session is an invitation"
    assert now is not None, "a new session is dated"
    of = state.id
    return [
        Due(
            id=seat.ai_turn,
            kind=AI_TURN,
            at=now,
            user_id=seat.user_id,
            payload={"stage": 0, "opening": True},
            session_id=of,
        ),
        Due(id=ids.ordered(), kind="invitation_expiry", at=sent.expires_at, session_id=of),
        Due(id=ids.ordered(), kind="inactivity", at=now + INACTIVITY_AGE_MAX, session_id=of),
    ]


HANDLERS: Mapping[str, Handler] = {
    "session.create": _create,
    "session.list": _list,
    "invitation.get": _preview,
    "account.erase": begin,
    "internal.erase_account": go_on,
    "internal.token_gone": forget_token,
    **ACCOUNT,
    **IDENTITY,
    **LIBRARY,
    **PEOPLE,
}
"""One handler for each row of `protocol.DIRECTORY`."""

WORKED: Mapping[str, WorkedHandler] = {
    **ACCOUNT_WORKED,
    **IDENTITY_WORKED,
    **LIBRARY_WORKED,
    **PEOPLE_WORKED,
}
"""Command → what becomes of it when its work is done."""
