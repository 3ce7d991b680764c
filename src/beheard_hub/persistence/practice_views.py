"""How practices and lists of them are rendered: by the domain's own views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from beheard_hub.domain.kernel import Json, Read
from beheard_hub.domain.practice import reads, views
from beheard_hub.persistence import mediation_views
from beheard_hub.persistence.renderer import KindOfSession, Parts, Row
from beheard_hub.ports import StateView


def rendered_kinds() -> Mapping[str, KindOfSession]:
    """By the names of the kinds."""
    practice = KindOfSession(
        queries=reads.queries,
        reply=_reply,
        shape=_shape,
        summaries=_no_summaries,
    )
    return {"practice": practice, "practice_directory": practice}


def _reply(read: Read, parts: Parts, view: StateView | None, user_id: str) -> Mapping[str, Json]:
    return reads.reply(read, parts)


def _shape(kind: str, row: Row, view: StateView | None, user_id: str) -> Mapping[str, Json]:
    if kind == views.USER_REF:
        return mediation_views.shape_of(kind, row, None, user_id)
    return views.shape(kind, row)


async def _no_summaries(user_id: str, session_ids: Sequence[str]) -> Mapping[str, Json]:
    """A practice is shown whole, by a `Ref` of its own."""
    return {}
