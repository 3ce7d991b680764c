"""Puts stored text where an answer has a place for it, read as the person who receives it.

A decision never holds stored text: it holds `Ref`s, or names a `Read`. Here they become shapes,
at the moment of delivery and under row-level security, so that what was revoked or erased since is
simply not there any more (spec 01). Which fields a shape has is decided by the kind's views; this
file knows which query feeds which kind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from beheard_hub.domain.kernel import Json, Read, Ref
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.persistence import sql
from beheard_hub.persistence.paging import BadCursor, Cursor, fitting, packed, unpacked
from beheard_hub.persistence.stores import PostgresReadStore
from beheard_hub.ports import Actor

Row = Mapping[str, Any]
Shape = Callable[[Row, str], Mapping[str, Json]]
"""(row by database names, id of the viewer) → a shape of spec 5.4."""
Summaries = Callable[[str, Sequence[str]], Awaitable[Mapping[str, Json]]]
"""(user id, session ids) → SessionSummary by session id."""


class Viewer(msgspec.Struct, frozen=True):
    """Who receives, where, and in which stage the user is (None: look it up)."""

    user_id: str
    session_id: str = ""
    stage: int | None = None


class ListRead(msgspec.Struct, frozen=True, kw_only=True):
    """How one `Read` is answered."""

    query: str
    kind: str
    field: str
    """The plural under which the reply holds the rows."""
    at: str = ""
    """Column of the cursor; empty where the list has no pages."""
    limit: int = 50
    limit_max: int = 100
    filters: Sequence[str] = ()
    """Arguments that go from the command to the query."""


LISTS: Mapping[str, ListRead] = {
    "message.list": ListRead(
        query="message.list", kind="message", field="messages", at="timestamp", filters=("stage",)
    ),
    "emotions.list": ListRead(
        query="reading.list", kind="reading", field="readings", at="timestamp", limit=100
    ),
    "event.list": ListRead(query="event.list", kind="event", field="events", at="timestamp"),
    "boundary.list": ListRead(
        query="boundary.list", kind="boundary", field="boundaries", at="createdAt"
    ),
    "document.list": ListRead(
        query="document.list", kind="document", field="documents", at="createdAt", limit=10
    ),
    "consent.pending": ListRead(
        query="consent.pending", kind="consent_request", field="pendingRequests"
    ),
    "consent.history": ListRead(
        query="consent.history", kind="consent_record", field="records", at="decidedAt"
    ),
    "agreement.list": ListRead(query="agreement.list", kind="agreement", field="agreements"),
    "notifications.unread": ListRead(
        query="notifications.unread", kind="notification", field="notifications", at="createdAt"
    ),
}

DERIVED_STATUS: Mapping[str, str] = {"WAITING": "ACTIVE"}
"""Shown status → stored status (spec 2.1)."""
TREND = ((1, "INCREASING"), (0, "STABLE"), (-1, "DECREASING"))


class PostgresRenderer:
    """Reads as the viewer. Every method raises StoreUnavailable."""

    def __init__(
        self, reads: PostgresReadStore, shapes: Mapping[str, Shape], summaries: Summaries
    ) -> None:
        self._reads = reads
        self._shapes = shapes
        self._summaries = summaries

    async def refs(self, viewer: Viewer, refs: Iterable[Ref]) -> Mapping[Ref, Json]:
        """Shape of every ref, None where the viewer may not (or no longer) see it; all in one
        transaction."""
        wanted: dict[str, list[str]] = defaultdict(list)
        for ref in dict.fromkeys(refs):
            wanted[ref.kind].append(ref.id)
        actor = await self._actor(viewer)
        answers = await self._reads.read_many(
            actor, [(f"by_id.{kind}", {"ids": ids}) for kind, ids in wanted.items()]
        )
        found: dict[Ref, Json] = {
            Ref(kind, row["id"]): self._shapes[kind](row, viewer.user_id)
            for kind, rows in zip(wanted, answers, strict=True)
            for row in rows
        }
        return {
            Ref(k, name): found.get(Ref(k, name)) for k, names in wanted.items() for name in names
        }

    async def read(self, viewer: Viewer, read: Read) -> Mapping[str, Json] | Refusal:
        """The reply of a reading command. Raises KeyError for one that nobody answers here."""
        special = {"session.list": self._sessions, "shared.list": self._shared}
        try:
            if read.query in special:
                return await special[read.query](viewer, read.args)
            return await self._list(viewer, LISTS[read.query], read)
        except BadCursor:
            return Refusal(Code.VALIDATION_ERROR, {"cursor": "not a cursor of this list"})

    async def _list(self, viewer: Viewer, row: ListRead, read: Read) -> Mapping[str, Json]:
        limit = min(int(read.args.get("limit") or row.limit), row.limit_max)
        args: dict[str, Json] = {name: read.args.get(name) for name in row.filters}
        if row.at:
            args |= {"limit": limit + 1, **_after(read.args.get("cursor"))}
        actor = await self._actor(viewer)
        wanted: list[tuple[str, Mapping[str, Json]]] = [(row.query, args)]
        if read.query == "emotions.list":
            wanted.append(("reading.summary", {}))
        rows, *extra = await self._reads.read_many(actor, wanted)
        shaped = [self._shapes[row.kind](found, viewer.user_id) for found in rows]
        count = fitting(shaped, limit) if row.at else len(shaped)
        reply: dict[str, Json] = {row.field: shaped[:count]}
        if row.at:
            reply |= _page(rows, count, row.at)
        for [summary] in extra:
            reply |= _trend(summary)
        return reply

    async def _sessions(self, viewer: Viewer, args: Mapping[str, Json]) -> Mapping[str, Json]:
        """Summaries come from the states, so that they say the same as everywhere else."""
        limit = min(int(args.get("limit") or 20), 50)
        status = args.get("status")
        stored = DERIVED_STATUS.get(status, status) if status else None
        cursor = args.get("cursor")
        kept: list[tuple[Row, Json]] = []
        while len(kept) <= limit:
            asked = {"status": stored, "limit": limit + 1, **_after(cursor)}
            rows = await self._reads.read(Actor(viewer.user_id), "session.list", asked)
            shown = await self._summaries(viewer.user_id, [row["id"] for row in rows])
            kept += [
                (row, shown[row["id"]])
                for row in rows
                if row["id"] in shown and status in (None, shown[row["id"]]["status"])
            ]
            if len(rows) <= limit:
                break
            cursor = packed(Cursor(rows[-1]["createdAt"], rows[-1]["id"]))
        count = fitting([summary for _, summary in kept], limit)
        page = _page([row for row, _ in kept], count, "createdAt")
        return {"sessions": [summary for _, summary in kept[:count]], **page}

    async def _shared(self, viewer: Viewer, _args: Mapping[str, Json]) -> Mapping[str, Json]:
        rows = await self._reads.read(await self._actor(viewer), "shared.list", {})
        shape = self._shapes["consented_content"]
        return {
            field: [shape(row, viewer.user_id) for row in rows if row["mine"] is mine]
            for field, mine in (("mine", True), ("partner", False))
        }

    async def _actor(self, viewer: Viewer) -> Actor:
        actor = Actor(viewer.user_id, session_id=viewer.session_id, stage=viewer.stage)
        if viewer.stage is not None or not viewer.session_id:
            return actor
        rows = await self._reads.read(actor, "progress.own", {})
        stage = max((row["stage"] for row in rows), default=None)
        return Actor(viewer.user_id, session_id=viewer.session_id, stage=stage)


def kinds() -> frozenset[str]:
    """Kinds of `Ref` that can be rendered: those with a query."""
    return frozenset(
        name.removeprefix("by_id.") for name in sql.queries() if name.startswith("by_id.")
    )


def refs_in(value: Json) -> list[Ref]:
    """Every `Ref` in a JSON value, also in its stored form ``{"$": "ref", ...}``."""
    if isinstance(value, Ref):
        return [value]
    if isinstance(value, Mapping):
        if value.get("$") == "ref":
            return [Ref(value["kind"], value["id"])]
        return [ref for part in value.values() for ref in refs_in(part)]
    if isinstance(value, list | tuple):
        return [ref for part in value for ref in refs_in(part)]
    return []


def filled(value: Json, found: Mapping[Ref, Json]) -> Json:
    """`value` with every ref replaced; refs in a list that show nothing leave the list."""
    if isinstance(value, Ref):
        return found.get(value)
    if isinstance(value, Mapping):
        if value.get("$") == "ref":
            return found.get(Ref(value["kind"], value["id"]))
        return {name: filled(part, found) for name, part in value.items()}
    if isinstance(value, list | tuple):
        parts = [(part, filled(part, found)) for part in value]
        return [new for old, new in parts if new is not None or not refs_in(old)]
    return value


def _after(cursor: str | None) -> Mapping[str, Json]:
    if not cursor:
        return {}
    last = unpacked(cursor)
    return {"before_at": last.at, "before_id": last.id}


def _page(rows: Sequence[Row], count: int, at: str) -> Mapping[str, Json]:
    more = len(rows) > count
    last = rows[count - 1] if more else None
    return {"cursor": packed(Cursor(last[at], last["id"])) if last else None, "hasMore": more}


def _trend(summary: Row) -> Mapping[str, Json]:
    change = (summary["newest"] or 0) - (summary["first"] or 0)
    sign = (change > 0) - (change < 0)
    direction = dict(TREND)[sign]
    return {
        "trend": {"direction": direction, "changeFromStart": change},
        "averageIntensity": summary["average"],
    }
