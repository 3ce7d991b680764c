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
from beheard_hub.persistence.refs import filled, refs_in
from beheard_hub.persistence.stores import PostgresAccounts, PostgresReadStore
from beheard_hub.ports import Actor, Embedder, StateView

Row = Mapping[str, Any]
Shape = Callable[[Row, str], Mapping[str, Json]]
"""(row by database names, id of the viewer) → a shape of spec 5.4."""
Summaries = Callable[[str, Sequence[str]], Awaitable[Mapping[str, Json]]]
"""(user id, session ids) → SessionSummary by session id."""


class KindOfSession(msgspec.Struct, frozen=True):
    """What a session kind brings to be rendered."""

    shapes: Mapping[str, Shape]
    """By kind of `Ref`: the kind's views."""
    summaries: Summaries


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
STAGED = frozenset({"attempt", "common_ground", "strategy", "agreement", "consented_content"})
"""Kinds from the shared vessel, which asks for the reader's stage as a second lock."""
COMPLETED_BY_STATE: Mapping[str, str] = {"session_detail": "session"}
"""Kind → the kind from the state whose fields it has too."""
RECALL: Mapping[int, Sequence[str]] = {
    1: ("user_event", "emotional_reading"),
    2: ("user_event", "emotional_reading", "need"),
    3: ("need",),
}
"""Stage → where a vector may look among one's own things (spec 4.3)."""
RECALL_MAX = 10


class PostgresRenderer:
    """Implements `ports.Renderer`. Every method raises StoreUnavailable."""

    def __init__(
        self,
        reads: PostgresReadStore,
        accounts: PostgresAccounts,
        embedder: Embedder,
        kinds: Mapping[str, KindOfSession],
    ) -> None:
        self._reads = reads
        self._accounts = accounts
        self._embedder = embedder
        self._kinds = kinds

    async def render(
        self, kind: str, view: StateView | None, user_id: str, session_id: str, data: Json
    ) -> Json:
        """See the port. In a list a ref that shows nothing is left out."""
        refs = list(dict.fromkeys(refs_in(data)))
        known = {ref: view.shape(ref) for ref in refs} if view is not None else {}
        found: dict[Ref, Json] = {ref: shape for ref, shape in known.items() if shape is not None}
        rest = [ref for ref in refs if ref not in found]
        shapes = self._kinds[kind].shapes
        for ref, row in (await self._rows(user_id, session_id, rest)).items():
            shape = shapes[ref.kind](row, user_id)
            found[ref] = {**_from_state(view, ref), **shape}
        return filled(data, found)

    async def read(
        self, kind: str, view: StateView | None, user_id: str, session_id: str, read: Read
    ) -> Mapping[str, Json] | Refusal:
        """See the port. Raises KeyError for a query that nobody answers here."""
        actor = Actor(user_id, session_id=session_id)
        try:
            if read.query in LISTS:
                return await self._list(kind, actor, read)
            return await self._special[read.query](kind, actor, read.args)
        except BadCursor:
            return Refusal(Code.VALIDATION_ERROR, {"cursor": "not a cursor of this list"})

    @property
    def _special(
        self,
    ) -> Mapping[
        str, Callable[[str, Actor, Mapping[str, Json]], Awaitable[Mapping[str, Json] | Refusal]]
    ]:
        return {
            "session.list": self._sessions,
            "shared.list": self._shared,
            "invitation.get": self._invitation,
            "recall.search": self._recall,
        }

    async def _rows(self, user_id: str, session_id: str, refs: Iterable[Ref]) -> Mapping[Ref, Row]:
        """The rows that the user may see, all read in one transaction."""
        wanted: dict[str, list[str]] = defaultdict(list)
        for ref in refs:
            wanted[ref.kind].append(ref.id)
        if not wanted:
            return {}
        actor = Actor(user_id, session_id=session_id)
        if wanted.keys() & STAGED:
            actor = await self._in_stage(actor)
        answers = await self._reads.read_many(
            actor, [(f"by_id.{kind}", {"ids": ids}) for kind, ids in wanted.items()]
        )
        return {
            Ref(kind, row["id"]): row
            for kind, rows in zip(wanted, answers, strict=True)
            for row in rows
        }

    async def _list(self, kind: str, actor: Actor, read: Read) -> Mapping[str, Json]:
        row = LISTS[read.query]
        limit = min(int(read.args.get("limit") or row.limit), row.limit_max)
        args: dict[str, Json] = {name: read.args.get(name) for name in row.filters}
        if row.at:
            args |= {"limit": limit + 1, **_after(read.args.get("cursor"))}
        if row.kind in STAGED:
            actor = await self._in_stage(actor)
        wanted: list[tuple[str, Mapping[str, Json]]] = [(row.query, args)]
        if read.query == "emotions.list":
            wanted.append(("reading.summary", {}))
        rows, *extra = await self._reads.read_many(actor, wanted)
        shape = self._kinds[kind].shapes[row.kind]
        shaped = [shape(found, actor.id) for found in rows]
        count = fitting(shaped, limit) if row.at else len(shaped)
        reply: dict[str, Json] = {row.field: shaped[:count]}
        if row.at:
            reply |= _page(rows, count, row.at)
        for [summary] in extra:
            reply |= _trend(summary)
        return reply

    async def _sessions(
        self, kind: str, actor: Actor, args: Mapping[str, Json]
    ) -> Mapping[str, Json]:
        """Summaries come from the states, so that they say the same as everywhere else."""
        limit = min(int(args.get("limit") or 20), 50)
        status = args.get("status")
        stored = DERIVED_STATUS.get(status, status) if status else None
        cursor = args.get("cursor")
        kept: list[tuple[Row, Json]] = []
        while len(kept) <= limit:
            asked = {"status": stored, "limit": limit + 1, **_after(cursor)}
            rows = await self._reads.read(actor, "session.list", asked)
            shown = await self._kinds[kind].summaries(actor.id, [row["id"] for row in rows])
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

    async def _shared(
        self, kind: str, actor: Actor, _args: Mapping[str, Json]
    ) -> Mapping[str, Json]:
        rows = await self._reads.read(await self._in_stage(actor), "shared.list", {})
        shape = self._kinds[kind].shapes["consented_content"]
        return {
            field: [shape(row, actor.id) for row in rows if row["mine"] is mine]
            for field, mine in (("mine", True), ("partner", False))
        }

    async def _invitation(
        self, _kind: str, _actor: Actor, args: Mapping[str, Json]
    ) -> Mapping[str, Json] | Refusal:
        preview = await self._accounts.invitation_preview(str(args.get("invitationId")))
        return Refusal(Code.NOT_FOUND) if preview is None else {"invitation": preview}

    async def _recall(
        self, _kind: str, actor: Actor, args: Mapping[str, Json]
    ) -> Mapping[str, Json]:
        actor = await self._in_stage(actor)
        kinds = RECALL.get(actor.stage or 0, ())
        if not kinds:
            return {"moments": []}
        [vector] = await self._embedder.embed([str(args.get("query"))])
        found = await self._reads.read(
            actor,
            "recall.vessel",
            {
                "kinds": list(kinds),
                "vector": f"[{','.join(map(str, vector))}]",
                "model": self._embedder.model,
                "limit": min(int(args.get("limit") or RECALL_MAX), RECALL_MAX),
            },
        )
        return {"moments": found}

    async def _in_stage(self, actor: Actor) -> Actor:
        """The same actor in the stage that the user has come to, by the user's own rows."""
        rows = await self._reads.read(actor, "progress.own", {})
        stage = max((row["stage"] for row in rows), default=None)
        return Actor(actor.id, session_id=actor.session_id, stage=stage)


def kinds() -> frozenset[str]:
    """Kinds of `Ref` that can be rendered: those with a query."""
    return frozenset(
        name.removeprefix("by_id.") for name in sql.queries() if name.startswith("by_id.")
    )


def _from_state(view: StateView | None, ref: Ref) -> Mapping[str, Json]:
    base = COMPLETED_BY_STATE.get(ref.kind)
    if base is None or view is None:
        return {}
    return view.shape(Ref(base, ref.id)) or {}


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
