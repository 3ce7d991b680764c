"""How sessions of kind mediation, and lists of them, are rendered: by the domain's own views."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from beheard_hub.domain.kernel import Json, Read
from beheard_hub.domain.mediation import reads, views
from beheard_hub.persistence.renderer import KindOfSession, Parts, Row
from beheard_hub.ports import StateView

Summaries = Callable[[str, Sequence[str]], Awaitable[Mapping[str, Json]]]


def rendered_kinds(summaries: Summaries) -> Mapping[str, KindOfSession]:
    """By the names of the kinds; `summaries` is a `StoredSummaries` of mediation."""
    mediation = KindOfSession(
        queries=lambda name: reads.READS[name].queries,
        reply=_reply,
        shape=shape_of,
        summaries=summaries,
    )
    directory = KindOfSession(
        queries=mediation.queries,
        reply=lambda read, parts, _view, user_id: _reply(read, parts, None, user_id),
        shape=lambda kind, row, _view, user_id: shape_of(kind, row, None, user_id),
        summaries=summaries,
    )
    return {"mediation": mediation, "directory": directory}


def _reply(read: Read, parts: Parts, view: StateView | None, user_id: str) -> Mapping[str, Json]:
    state, names = (None, {}) if view is None else (view.state, view.names)
    return reads.reply(read, parts, state, user_id, names)


def shape_of(kind: str, row: Row, view: StateView | None, user_id: str) -> Mapping[str, Json]:
    """One row, as this user may see it."""
    if view is not None:
        return views.shape(kind, row, views.viewer_of(view.state, user_id))
    seat = "A" if row.get("viewerIsA", True) else "B"
    return views.shape(kind, row, views.Viewer(user_id, seat))
