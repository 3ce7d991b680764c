"""The groups of commands that belong to no session, as a hub has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from beheard_hub.client.account import Invitations, Notifications, Profile, Sessions
from beheard_hub.client.library import Library

if TYPE_CHECKING:
    from beheard_hub.client.hub import Hub


class Sessionless:
    """Base of :class:`Hub`."""

    def __init__(self) -> None:
        hub = cast("Hub", self)
        self.sessions, self.invitations = Sessions(hub, ""), Invitations(hub, "")
        self.profile, self.notifications = Profile(hub, ""), Notifications(hub, "")
        self.library = Library(hub, "")
