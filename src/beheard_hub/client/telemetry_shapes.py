"""Telemetry as administrators see it: what its commands answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from beheard_hub.client.replies import Page
from beheard_hub.client.shapes import Shape


class Happened(Shape, frozen=True, kw_only=True):
    """Something that was counted."""

    id: str
    name: str
    properties: Mapping[str, Any]
    user_id: str | None = None
    session_id: str | None = None
    created_at: datetime


class NameCount(Shape, frozen=True, kw_only=True):
    name: str
    count: int


class DayCount(Shape, frozen=True, kw_only=True):
    date: date
    count: int


class ScenarioCount(Shape, frozen=True, kw_only=True):
    slug: str
    name: str
    count: int


class Recorded(Shape, frozen=True, kw_only=True):
    recorded: bool


class Summary(Shape, frozen=True, kw_only=True):
    """What happened in a span; `names` the most frequent first."""

    total: int
    users: int
    sessions: int
    names: Sequence[NameCount]
    started: int
    ended: int
    average_duration_ms: int | None = None
    input_tokens: int
    output_tokens: int


class HappenedPage(Page, frozen=True, kw_only=True):
    events: Sequence[Happened]


class Series(Shape, frozen=True, kw_only=True):
    series: Sequence[DayCount]


class TopScenarios(Shape, frozen=True, kw_only=True):
    scenarios: Sequence[ScenarioCount]
