"""Practices (spec 08): rehearse with an AI partner, be coached, invite and watch.

started = await hub.practices.start(scenario_id)
practice = hub.practice(started.session.id)
async with practice.events() as events:
    await practice.send("You never once asked how it was for me.")
    async for frame in events:
        if isinstance(frame, Event) and frame.name == "practice.exchange_complete":
            break
"""

from __future__ import annotations

from beheard_hub.client import commands as c
from beheard_hub.client import practice_shapes as p
from beheard_hub.client import replies as r
from beheard_hub.client.groups import Group
from beheard_hub.client.stream import EventStream


class Practices(Group):
    """What can be practised, and one's own practices; :meth:`Hub.practice` opens one of them."""

    async def scenarios(
        self, *, cursor: str | None = None, limit: int | None = None
    ) -> p.ScenarioPage:
        return await self._do(c.PRACTICE_SCENARIOS, cursor=cursor, limit=limit)

    async def scenario(self, slug: str) -> p.Scenario:
        """By its name in addresses."""
        return (await self._do(c.PRACTICE_SCENARIO, slug=slug)).scenario

    async def start(self, scenario_id: int, *, preset_name: str | None = None) -> p.PracticeEntered:
        """Without an invitation; `preset_name` None: the hub's default quota."""
        return await self._do(c.PRACTICE_START, scenario_id=scenario_id, preset_name=preset_name)

    async def list(self, *, cursor: str | None = None, limit: int | None = None) -> p.PracticePage:
        """One's own, newest first."""
        return await self._do(c.PRACTICE_LIST, cursor=cursor, limit=limit)


class PracticeSession(Group):
    """Made by :meth:`Hub.practice`; cheap, holds no connection of its own."""

    @property
    def id(self) -> str:
        """Id of the session."""
        return self._session_id

    def events(
        self, *, after: int | None = None, observe: bool = False, confirm: bool = True
    ) -> EventStream:
        """Everything that is said and told here, in order and without a hole; pieces of an answer
        name their `lane`. `after` None begins with a :class:`Snapshot`, whose state is a
        :class:`PracticeState`. `observe`: as staff, who watch and say nothing."""
        role = "observer" if observe else None
        return self._hub.open_stream(self._session_id, after, None, role, confirm and not observe)

    async def send(self, content: str) -> p.Said:
        """Returns once the message is committed; partner and coach follow as events."""
        return (await self._do(c.PRACTICE_SEND, content=content)).user_message

    async def retry(self) -> r.Accepted:
        """After ``practice.failed``: the lane that failed is asked once more."""
        return await self._do(c.PRACTICE_RETRY)

    async def complete(self) -> p.Practice:
        """Ends it; leaving does not."""
        return (await self._do(c.PRACTICE_COMPLETE)).session

    async def get(self) -> p.PracticeShown:
        return await self._do(c.PRACTICE_GET)

    async def messages(self, *, cursor: str | None = None, limit: int | None = None) -> p.SaidPage:
        """Newest first."""
        return await self._do(c.PRACTICE_MESSAGES, cursor=cursor, limit=limit)


class PracticeInvitations(Group):
    """Of staff; the last two of whoever holds the token."""

    async def create(
        self,
        scenario_id: int,
        preset_name: str,
        *,
        label: str | None = None,
        expires_in_days: int | None = None,
        observed: bool | None = None,
    ) -> p.PracticeInvitation:
        """Link and QR code are in this answer and never again."""
        made = await self._do(
            c.PRACTICE_INVITATION_CREATE,
            scenario_id=scenario_id,
            preset_name=preset_name,
            label=label,
            expires_in_days=expires_in_days,
            observed=observed,
        )
        return made.invitation

    async def list(self, *, cursor: str | None = None, limit: int | None = None) -> p.InvitedPage:
        """One's own, newest first; an administrator's are all."""
        return await self._do(c.PRACTICE_INVITATION_LIST, cursor=cursor, limit=limit)

    async def get(self, invitation_id: str) -> p.InvitedShown:
        return await self._do(c.PRACTICE_INVITATION_GET, invitation_id=invitation_id)

    async def revoke(self, invitation_id: str) -> bool:
        """Its practice ends."""
        return (await self._do(c.PRACTICE_INVITATION_REVOKE, invitation_id=invitation_id)).revoked

    async def validate(self, token: str) -> p.InvitedOffered:
        return await self._do(c.PRACTICE_INVITATION_VALIDATE, token=token)

    async def claim(self, token: str) -> p.Claimed:
        """Opens its practice; again by the same user, finds it again."""
        return await self._do(c.PRACTICE_INVITATION_CLAIM, token=token)


class Notes(Group):
    """What researchers write about the practices that they invited to."""

    async def add(
        self, invitation_id: str, content: str, *, session_id: str | None = None
    ) -> p.Note:
        kept = await self._do(
            c.NOTE_ADD, invitation_id=invitation_id, session_id=session_id, content=content
        )
        return kept.note

    async def list(
        self, invitation_id: str, *, cursor: str | None = None, limit: int | None = None
    ) -> p.NotePage:
        """Newest first."""
        return await self._do(c.NOTE_LIST, invitation_id=invitation_id, cursor=cursor, limit=limit)

    async def delete(self, note_id: str) -> r.Deleted:
        """One's own; administrators any."""
        return await self._do(c.NOTE_DELETE, note_id=note_id)
