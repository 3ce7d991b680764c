"""What a user may ask about the own account, outside any session: one struct per command.

Their handlers are in `handlers/account.py`. Lists use `commands.Page`, commands without data
`commands.Nothing`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import UNSET, UnsetType

from beheard_hub.domain.limits import (
    AVATAR_URL_CHARS_MAX,
    NAME_CHARS_MAX,
    NOTIFICATIONS_NAMED_MAX,
    PUSH_TOKEN_CHARS_MAX,
)
from beheard_hub.domain.validation import Data, Flag, Id, Items, Link, Text

PushPlatform = Literal["ios", "android"]


class ProfileUpdate(Data, frozen=True, kw_only=True):
    """profile.update: what is given is replaced, and a picture is taken away by null"""

    cleared: ClassVar[tuple[str, ...]] = ("avatarUrl",)
    name: Annotated[str | None, Text(NAME_CHARS_MAX)] = None
    avatar_url: Annotated[str | UnsetType | None, Link(AVATAR_URL_CHARS_MAX)] = UNSET
    presence_shown: Annotated[bool | None, Flag()] = None
    """Whether partners may be told that one is online; true until it is switched off."""


class PushTokenSet(Data, frozen=True, kw_only=True):
    """push_token.set: replaces the one that was there"""

    platform: PushPlatform
    token: Annotated[str, Text(PUSH_TOKEN_CHARS_MAX)]


class NotificationsRead(Data, frozen=True, kw_only=True):
    """notifications.read: those with these ids, or all"""

    one_of: ClassVar[tuple[str, ...]] = ("notificationIds", "all")
    notification_ids: Annotated[
        tuple[str, ...] | None, Items(Id(), 1, NOTIFICATIONS_NAMED_MAX, unique=True)
    ] = None
    all: Annotated[bool | None, Flag(only=True)] = None
