"""How sessions of kind mediation are rendered: by the domain's own reads and views."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from beheard_hub.domain.kernel import Json, Read
from beheard_hub.domain.mediation import reads, views
from beheard_hub.persistence.renderer import KindOfSession, Parts, Row
from beheard_hub.ports import StateView


def mediation(
    summaries: Callable[[str, Sequence[str]], Awaitable[Mapping[str, Json]]],
) -> KindOfSession:
    """The kind's views, for `PostgresRenderer`; `summaries` is a `StoredSummaries` of it."""
    return KindOfSession(
        queries=lambda name: reads.READS[name].queries,
        reply=_reply,
        shape=_shape,
        summaries=summaries,
    )


def _reply(read: Read, parts: Parts, view: StateView | None, user_id: str) -> Mapping[str, Json]:
    state, names = (None, {}) if view is None else (view.state, view.names)
    return reads.reply(read, parts, state, user_id, names)


def _shape(kind: str, row: Row, view: StateView | None, user_id: str) -> Mapping[str, Json]:
    if view is not None:
        return views.shape(kind, row, views.viewer_of(view.state, user_id))
    seat = "A" if row.get("viewerIsA", True) else "B"
    return views.shape(kind, row, views.Viewer(user_id, seat))
