"""What a hub has beside its connection: the groups of commands, and single practices."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from beheard_hub.client.account import Invitations, Notifications, Profile, Sessions
from beheard_hub.client.belonging import Contacts, Identities, Users
from beheard_hub.client.library import Library
from beheard_hub.client.practice import Notes, PracticeInvitations, Practices, PracticeSession
from beheard_hub.client.practice_administration import Presets, Scenarios
from beheard_hub.client.telemetry import Telemetry

if TYPE_CHECKING:
    from beheard_hub.client.hub import Hub


class Sessionless:
    """Base of :class:`Hub`."""

    def __init__(self) -> None:
        hub = cast("Hub", self)
        self.sessions, self.invitations = Sessions(hub, ""), Invitations(hub, "")
        self.profile, self.notifications = Profile(hub, ""), Notifications(hub, "")
        self.library = Library(hub, "")
        self.practices, self.notes = Practices(hub, ""), Notes(hub, "")
        self.practice_invitations = PracticeInvitations(hub, "")
        self.scenarios, self.presets = Scenarios(hub, ""), Presets(hub, "")
        self.identities, self.contacts = Identities(hub, ""), Contacts(hub, "")
        self.users, self.telemetry = Users(hub, ""), Telemetry(hub, "")

    def practice(self, session_id: str) -> PracticeSession:
        """The commands and events of one practice."""
        return PracticeSession(cast("Hub", self), session_id)
