"""The own account: profile, push token, inbox. Texts go through in rows and never into a state."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from msgspec import UNSET

from beheard_hub.domain.kernel import (
    Answer,
    Command,
    Decision,
    Due,
    Ids,
    Json,
    Read,
    Ref,
    Reply,
    Row,
    Update,
    Work,
    Worked,
)
from beheard_hub.domain.mediation import account as a
from beheard_hub.domain.mediation import channels
from beheard_hub.domain.mediation import commands as c
from beheard_hub.domain.mediation.directory_state import Directory, Handler, WorkedHandler
from beheard_hub.domain.paging import page_args
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.domain.validation import refused

Fields: TypeAlias = Mapping[str, Json]


def _get(directory: Directory, command: Command, now: datetime, ids: Ids) -> Decision[Directory]:
    """profile.get"""
    return Decision(directory, Read("profile.get"))


def _update(directory: Directory, command: Command, now: datetime, ids: Ids) -> Decision[Directory]:
    """profile.update: every open session learns a new name, and whether presence is shown."""
    data: a.ProfileUpdate = command.data
    given: Fields = {"name": data.name, "presenceShown": data.presence_shown}
    values = {column: value for column, value in given.items() if value is not None}
    if data.avatar_url is not UNSET:
        values["avatarUrl"] = data.avatar_url
    return Decision(
        state=directory,
        answer=Reply({"user": Ref("user", directory.user_id)}),
        rows=_own_row(directory, values) if values else (),
        dues=_renamings(directory, now, ids) if values.keys() & TOLD else (),
    )


TOLD = frozenset({"name", "presenceShown"})
"""What of a profile concerns the user's sessions."""


def _renamings(directory: Directory, now: datetime, ids: Ids) -> list[Due]:
    """One for each open session with a partner; any other session reads names when it is loaded."""
    return [
        Due(
            id=ids.ordered(),
            kind="renamed",
            at=now,
            user_id=directory.user_id,
            session_id=known.open_session_id,
        )
        for known in directory.relationships
        if known.open_session_id is not None and known.partner_id is not None
    ]


def _set_push_token(
    directory: Directory, command: Command, now: datetime, ids: Ids
) -> Decision[Directory]:
    """push_token.set"""
    data: a.PushTokenSet = command.data
    values = {"pushToken": data.token, "pushPlatform": data.platform}
    return Decision(directory, Reply({"registered": True}), _own_row(directory, values))


def _clear_push_token(
    directory: Directory, command: Command, now: datetime, ids: Ids
) -> Decision[Directory]:
    """push_token.clear: also where there was none."""
    values = {"pushToken": None, "pushPlatform": None}
    return Decision(directory, Reply({"registered": False}), _own_row(directory, values))


def _ably_token(
    directory: Directory, command: Command, now: datetime, ids: Ids
) -> Decision[Directory]:
    """ably_token.get: for the own channels of now."""
    known = (one.open_session_id for one in directory.relationships)
    open_sessions = [session_id for session_id in known if session_id is not None]
    allowed = channels.capability(directory.user_id, open_sessions)
    return Decision(directory, Work("ably.token", {"capability": allowed}))


def _signed(directory: Directory, worked: Worked, now: datetime, ids: Ids) -> Decision[Directory]:
    """ably_token.get: without a key there is nothing to sign with."""
    request = worked.result["tokenRequest"]
    if request is None:
        missing = {"setting": "ABLY_API_KEY is not set"}
        return Decision(directory, Refusal(Code.SERVICE_UNAVAILABLE, details=missing))
    return Decision(directory, Reply({"tokenRequest": request}))


def _own_row(directory: Directory, values: Fields) -> list[Row]:
    return [Update("User", {"id": directory.user_id}, values)]


def _unread(directory: Directory, command: Command, now: datetime, ids: Ids) -> Decision[Directory]:
    """notifications.unread"""
    data: c.Page = command.data
    page = page_args(data.cursor, data.limit)
    answer: Answer = refused({"cursor": "a cursor of this list"})
    return Decision(directory, answer if page is None else Read("notifications.unread", page))


def _read(directory: Directory, command: Command, now: datetime, ids: Ids) -> Decision[Directory]:
    """notifications.read: which of them there are, and unread, the database is asked first."""
    data: a.NotificationsRead = command.data
    wanted = None if data.notification_ids is None else list(data.notification_ids)
    return Decision(directory, Work("notifications.find", {"ids": wanted}))


def _found(directory: Directory, worked: Worked, now: datetime, ids: Ids) -> Decision[Directory]:
    """notifications.read: an id that is not there, not theirs or read before counts as nothing."""
    found = worked.result["ids"]
    user = directory.user_id
    return Decision(
        state=directory,
        answer=Reply({"read": len(found), "unreadCount": worked.result["unread"] - len(found)}),
        rows=[
            Update("hub.Notification", {"id": one, "userId": user}, {"readAt": now})
            for one in found
        ],
    )


ACCOUNT: Mapping[str, Handler] = {
    "profile.get": _get,
    "profile.update": _update,
    "push_token.set": _set_push_token,
    "push_token.clear": _clear_push_token,
    "ably_token.get": _ably_token,
    "notifications.unread": _unread,
    "notifications.read": _read,
}
ACCOUNT_WORKED: Mapping[str, WorkedHandler] = {
    "notifications.read": _found,
    "ably_token.get": _signed,
}
