"""What apps count, and what administrators see of it (spec 08)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TypeAlias

from beheard_hub.client import commands as c
from beheard_hub.client import telemetry_shapes as t
from beheard_hub.client.groups import Group

Property: TypeAlias = str | int | float | bool | None


class Telemetry(Group):
    """`since` and `to` bound a span, which `to` is not part of. All but `record` is for
    administrators alone."""

    async def record(
        self,
        name: str,
        properties: Mapping[str, Property] | None = None,
        *,
        session_id: str | None = None,
    ) -> bool:
        """Never what somebody said. The hub's own names are refused."""
        told = await self._do(
            c.TELEMETRY_RECORD, name=name, properties=properties, session_id=session_id
        )
        return told.recorded

    async def summary(
        self,
        *,
        since: datetime | None = None,
        to: datetime | None = None,
        name: str | None = None,
        user_id: str | None = None,
    ) -> t.Summary:
        return await self._do(c.TELEMETRY_SUMMARY, from_=since, to=to, name=name, user_id=user_id)

    async def events(
        self,
        *,
        since: datetime | None = None,
        to: datetime | None = None,
        name: str | None = None,
        user_id: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> t.HappenedPage:
        """Newest first."""
        return await self._do(
            c.TELEMETRY_EVENTS, from_=since, to=to, name=name, user_id=user_id,
            cursor=cursor, limit=limit,
        )  # fmt: skip

    async def series(
        self,
        *,
        since: datetime | None = None,
        to: datetime | None = None,
        name: str | None = None,
        user_id: str | None = None,
    ) -> Mapping[date, int]:
        """How much happened on every day of the span, in UTC."""
        told = await self._do(c.TELEMETRY_SERIES, from_=since, to=to, name=name, user_id=user_id)
        return {day.date: day.count for day in told.series}

    async def top_scenarios(
        self,
        *,
        since: datetime | None = None,
        to: datetime | None = None,
        name: str | None = None,
        user_id: str | None = None,
    ) -> Sequence[t.ScenarioCount]:
        """In which most happened; `name` None: conversations that began."""
        told = await self._do(
            c.TELEMETRY_TOP_SCENARIOS, from_=since, to=to, name=name, user_id=user_id
        )
        return told.scenarios
