"""Commands that belong to no session: opening one, answering invitations, the own account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from beheard_hub.client import commands as c
from beheard_hub.client import replies as r
from beheard_hub.client.groups import Group


class Sessions(Group):
    """One's own sessions; :meth:`Hub.session` opens one of them."""

    async def create(
        self,
        *,
        person_id: str | None = None,
        invite_email: str | None = None,
        invite_phone: str | None = None,
        invite_name: str | None = None,
        context: str | None = None,
    ) -> r.SessionCreated:
        """Exactly one of the first four says whom. `context` stays with the caller."""
        return await self._do(
            c.SESSION_CREATE,
            person_id=person_id,
            invite_email=invite_email,
            invite_phone=invite_phone,
            invite_name=invite_name,
            context=context,
        )

    async def list(
        self, *, status: str | None = None, cursor: str | None = None, limit: int | None = None
    ) -> r.SessionPage:
        """Newest first."""
        return await self._do(c.SESSION_LIST, status=status, cursor=cursor, limit=limit)


class Invitations(Group):
    """Invitations, one's own and those that one was sent."""

    async def get(self, invitation_id: str) -> r.InvitationShown:
        return await self._do(c.INVITATION_GET, invitation_id=invitation_id)

    async def accept(self, invitation_id: str) -> r.SessionEntered:
        return await self._do(c.INVITATION_ACCEPT, invitation_id=invitation_id)

    async def decline(
        self, invitation_id: str, *, reason: str | None = None
    ) -> r.InvitationDeclined:
        """`reason` is for the inviter."""
        return await self._do(c.INVITATION_DECLINE, invitation_id=invitation_id, reason=reason)

    async def resend(self, invitation_id: str) -> r.InvitationResent:
        return await self._do(c.INVITATION_RESEND, invitation_id=invitation_id)


class Profile(Group):
    """One's own account as others and the hub know it."""

    async def get(self) -> r.ProfileShown:
        return await self._do(c.PROFILE_GET)

    async def update(
        self, *, name: str | None = None, avatar_url: str | None = None
    ) -> r.ProfileShown:
        """What is given is replaced. `avatar_url` is an https address."""
        return await self._do(c.PROFILE_UPDATE, name=name, avatar_url=avatar_url)

    async def clear_avatar(self) -> r.ProfileShown:
        """No picture any more."""
        return await self._hub.typed(c.PROFILE_UPDATE, {"avatarUrl": None})

    async def set_push_token(self, token: str, *, platform: Literal["ios", "android"]) -> bool:
        """Where to push to, from now on. True: a token is there."""
        return (await self._do(c.PUSH_TOKEN_SET, token=token, platform=platform)).registered

    async def clear_push_token(self) -> bool:
        """Nowhere, from now on: say so before somebody else uses the phone. False: none there."""
        return (await self._do(c.PUSH_TOKEN_CLEAR)).registered

    async def ably_token_request(self) -> Mapping[str, Any]:
        """What Ably's SDK takes as a TokenRequest, to listen to one's own channels for an hour."""
        return (await self._do(c.ABLY_TOKEN_GET)).token_request

    async def erase(self) -> None:
        """Leaves the hub, for good: everything one's own goes, open sessions end, and so does this
        connection. Who signs in with the same identity later is somebody new."""
        await self._do(c.ACCOUNT_ERASE)


class Notifications(Group):
    """What happened while nobody looked."""

    async def unread(
        self, *, cursor: str | None = None, limit: int | None = None
    ) -> r.NotificationPage:
        """Newest first."""
        return await self._do(c.NOTIFICATIONS_UNREAD, cursor=cursor, limit=limit)

    async def read(self, *notification_ids: str) -> r.NotificationsRead:
        """Marks these as read; none named means all."""
        if notification_ids:
            ids = list(notification_ids)
            return await self._do(c.NOTIFICATIONS_READ, notification_ids=ids)
        return await self._do(c.NOTIFICATIONS_READ, all=True)
