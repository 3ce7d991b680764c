"""One session as its member sees it: groups of typed commands and the stream of events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from beheard_hub.client import commands as c
from beheard_hub.client import groups as g
from beheard_hub.client import replies as r
from beheard_hub.client.stream import EventStream

if TYPE_CHECKING:
    from beheard_hub.client.hub import Hub


class VesselEvents(g.Group):
    """What happened, in one's own words; private."""

    async def add(
        self, description: str, attributed_to: str, emotions: Sequence[str] = ()
    ) -> r.EventKept:
        """`attributed_to` SELF, OTHER, MUTUAL or EXTERNAL."""
        return await self._do(
            c.EVENT_ADD,
            description=description,
            attributed_to=attributed_to,
            emotions=list(emotions),
        )

    async def list(self, *, cursor: str | None = None, limit: int | None = None) -> r.EventPage:
        return await self._do(c.EVENT_LIST, cursor=cursor, limit=limit)

    async def edit(self, event_id: str, **fields: Any) -> r.EventKept:
        return await self._do(c.EVENT_EDIT, event_id=event_id, **fields)

    async def delete(self, event_id: str) -> r.Deleted:
        return await self._do(c.EVENT_DELETE, event_id=event_id)


class Boundaries(g.Group):
    """Lines that the user draws; private until shared."""

    async def add(self, description: str, *, non_negotiable: bool = False) -> r.BoundaryKept:
        return await self._do(
            c.BOUNDARY_ADD, description=description, non_negotiable=non_negotiable
        )

    async def list(self, *, cursor: str | None = None, limit: int | None = None) -> r.BoundaryPage:
        return await self._do(c.BOUNDARY_LIST, cursor=cursor, limit=limit)

    async def edit(self, boundary_id: str, **fields: Any) -> r.BoundaryKept:
        return await self._do(c.BOUNDARY_EDIT, boundary_id=boundary_id, **fields)

    async def delete(self, boundary_id: str) -> r.Deleted:
        return await self._do(c.BOUNDARY_DELETE, boundary_id=boundary_id)


class Documents(g.Group):
    """Longer private texts."""

    async def add(self, title: str, content: str, type: str) -> r.DocumentKept:  # noqa: A002
        return await self._do(c.DOCUMENT_ADD, title=title, content=content, type=type)

    async def list(self, *, cursor: str | None = None, limit: int | None = None) -> r.DocumentPage:
        return await self._do(c.DOCUMENT_LIST, cursor=cursor, limit=limit)

    async def edit(self, document_id: str, **fields: Any) -> r.DocumentKept:
        return await self._do(c.DOCUMENT_EDIT, document_id=document_id, **fields)

    async def delete(self, document_id: str) -> r.Deleted:
        return await self._do(c.DOCUMENT_DELETE, document_id=document_id)


class Session(g.Group):
    """Made by :meth:`Hub.session`; cheap, holds no connection of its own."""

    def __init__(self, hub: Hub, session_id: str) -> None:
        super().__init__(hub, session_id)
        self.compact = g.Compact(hub, session_id)
        self.message = g.Messages(hub, session_id)
        self.emotions = g.Emotions(hub, session_id)
        self.empathy = g.Empathy(hub, session_id)
        self.needs = g.Needs(hub, session_id)
        self.common_ground = g.CommonGroundGroup(hub, session_id)
        self.strategies = g.Strategies(hub, session_id)
        self.agreement = g.Agreements(hub, session_id)
        self.consent = g.Consent(hub, session_id)
        self.vessel_events = VesselEvents(hub, session_id)
        self.boundaries = Boundaries(hub, session_id)
        self.documents = Documents(hub, session_id)

    @property
    def id(self) -> str:
        """Id of the session."""
        return self._session_id

    def events(
        self, *, after: int | None = None, device: str | None = None, confirm: bool = True
    ) -> EventStream:
        """Everything that happens here for this user, in order and without a hole.

        `after` None begins with a :class:`Snapshot`, else with what came after that seq.
        `confirm` tells the hub what was taken; what no device confirms is notified of (spec 7).
        One stream per session and client at a time; see :class:`EventStream`.
        """
        return self._hub.open_stream(self._session_id, after, device, None, confirm)

    async def get(self) -> r.SessionShown:
        return await self._do(c.SESSION_GET)

    async def pause(self, *, reason: str | None = None) -> r.SessionPaused:
        """`reason` stays with the caller."""
        return await self._do(c.SESSION_PAUSE, reason=reason)

    async def resume(self) -> r.SessionResumed:
        return await self._do(c.SESSION_RESUME)

    async def withdraw(self) -> r.SessionEntered:
        return await self._do(c.SESSION_WITHDRAW)

    async def resolve(self, *, without_agreement: bool | None = None) -> r.SessionResolved:
        return await self._do(c.SESSION_RESOLVE, without_agreement=without_agreement)

    async def nudge(self) -> r.Nudged:
        """At most once in 6 hours."""
        return await self._do(c.PARTNER_NUDGE)

    async def advance(self, from_stage: int) -> r.StageAdvanced:
        """One stage on. A blocked advance is an answer with `success` False."""
        return await self._do(c.STAGE_ADVANCE, from_stage=from_stage, to_stage=from_stage + 1)

    async def feel_heard(self, confirmed: bool) -> r.FeelHeard:
        return await self._do(c.FEEL_HEARD_CONFIRM, confirmed=confirmed)

    async def progress(self) -> r.ProgressShown:
        return await self._do(c.PROGRESS_GET)

    async def gates(self, stage: int) -> r.GatesShown:
        return await self._do(c.GATES_GET, stage=stage)

    async def recall(self, query: str, *, limit: int | None = None) -> r.MomentsFound:
        return await self._do(c.RECALL_SEARCH, query=query, limit=limit)

    async def presence(self, status: Literal["active", "away", "typing"]) -> None:
        """Tells the user's other devices what this one does; the partner never learns it. Lost
        without harm while not connected."""
        self._hub.send_soon({"type": "presence", "sessionId": self._session_id, "status": status})

    async def received(self, seq: int) -> None:
        """Tells the hub that all up to `seq` was seen here."""
        self._hub.send_soon({"type": "received", "sessionId": self._session_id, "seq": seq})
