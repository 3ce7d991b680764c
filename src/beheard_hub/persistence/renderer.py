"""Puts stored text where an answer has a place for it, read as the person who receives it.

A decision never holds stored text: it holds `Ref`s, or names a `Read`. Here they become shapes,
at the moment of delivery and under row-level security, so that what was revoked or erased since is
simply not there any more (spec 01). Which queries a read needs and which fields a shape has is the
kind's affair (`KindOfSession`); this file asks the database and hands on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from beheard_hub.domain.kernel import Json, Read, Ref
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.persistence import sql
from beheard_hub.persistence.refs import filled, refs_in
from beheard_hub.persistence.stores import PostgresAccounts, PostgresReadStore
from beheard_hub.ports import Actor, Embedder, StateView

Row = Mapping[str, Any]
Parts = Mapping[str, Sequence[Row]]


class KindOfSession(msgspec.Struct, frozen=True):
    """What a session kind brings to be rendered: its views."""

    queries: Callable[[str], Mapping[str, str]]
    """Name of a read → its parts, each a named query."""
    reply: Callable[[Read, Parts, StateView | None, str], Mapping[str, Json]]
    """(read, rows of its parts, view, viewer's id) → the reply; may hold `Ref`s."""
    shape: Callable[[str, Row, StateView | None, str], Mapping[str, Json]]
    """(kind of `Ref`, row by database names, view, viewer's id) → a shape of spec 5.4."""
    summaries: Callable[[str, Sequence[str]], Awaitable[Mapping[str, Json]]]
    """(user id, session ids) → SessionSummary by session id."""


STAGED = frozenset(
    {
        *("by_id.attempt", "by_id.common_ground", "by_id.strategy", "by_id.agreement"),
        *("by_id.consented_content", "attempt.partner", "common_ground.list", "strategy.list"),
        *("agreement.list", "shared.list", "recall.vessel"),
    }
)
"""Queries on the shared vessel, which asks for the reader's stage as a second lock."""
AS_ADMIN = frozenset(
    {
        *("library.list", "by_id.library_item", "user.list", "by_id.person"),
        *("preset.list", "by_id.practice_scenario", "by_id.practice_preset"),
    }
)
"""Queries that are asked as an administrator: the database looks whether the user is one."""
ONE_ROW = frozenset(
    {
        *("session.get", "invitation.get", "identity.get", "user.get"),
        *("practice.scenario", "practice_invitation.get"),
    }
)
"""Reads of one thing: NOT_FOUND where there is none."""
AS_ROLE = "as_role"
"""Argument of a read: the role in which its rows are read, where that is not the user's own."""
ROLES: Mapping[str | None, Literal["staff", "admin"]] = {"STAFF": "staff", "ADMIN": "admin"}
"""Roles in which more is read; the database looks whether the user has it."""
BEFORE_ANYBODY = frozenset({"invitation.preview"})
"""Queries that nobody in particular may ask."""


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
        views = self._kinds[kind]
        listed = [ref for ref in refs if ref.kind == "session" and ref not in found]
        if listed:
            shown = await views.summaries(user_id, [ref.id for ref in listed])
            found |= {ref: shown.get(ref.id) for ref in listed}
        rest = [ref for ref in refs if ref not in found]
        for ref, row in (await self._rows(user_id, session_id, rest)).items():
            found[ref] = views.shape(ref.kind, row, view, user_id)
        return filled(data, found)

    async def read(
        self, kind: str, view: StateView | None, user_id: str, session_id: str, read: Read
    ) -> Mapping[str, Json] | Refusal:
        """See the port. Raises KeyError for a read that the kind does not know."""
        views = self._kinds[kind]
        actor = Actor(user_id, session_id=session_id)
        if (role := ROLES.get(read.args.get(AS_ROLE))) is not None:
            actor = Actor(user_id, role, session_id)
        parts = await self._parts(actor, views.queries(read.query), read.args)
        if read.query in ONE_ROW and not parts["rows"]:
            return Refusal(Code.NOT_FOUND)
        reply = views.reply(read, parts, view, user_id)
        shown = await self.render(kind, view, user_id, session_id, reply)
        if read.query == "session.list":
            shown["sessions"] = _of_status(shown["sessions"], read.args.get("shown"))
        return dict(shown)

    async def _rows(self, user_id: str, session_id: str, refs: Iterable[Ref]) -> Mapping[Ref, Row]:
        """The rows that the user may see, all read in one transaction."""
        wanted: dict[str, list[str]] = defaultdict(list)
        for ref in refs:
            wanted[ref.kind].append(ref.id)
        queries = {kind: f"by_id.{kind}" for kind in wanted}
        asked = [(queries[kind], {"ids": ids}) for kind, ids in wanted.items()]
        actor = await self._claiming(Actor(user_id, session_id=session_id), queries.values())
        answers = await self._reads.read_many(actor, asked) if asked else []
        return {
            Ref(kind, row["id"]): row
            for kind, rows in zip(wanted, answers, strict=True)
            for row in rows
        }

    async def _parts(
        self, actor: Actor, queries: Mapping[str, str], args: Mapping[str, Json]
    ) -> Parts:
        if not BEFORE_ANYBODY.isdisjoint(queries.values()):
            found = await self._accounts.invitation_preview(str(args["invitation_id"]))
            return {"rows": [] if found is None else [found]}
        actor = await self._claiming(actor, queries.values())
        wanted = [(name, await self._args(actor, name, args)) for name in queries.values()]
        answers = await self._reads.read_many(actor, wanted)
        return dict(zip(queries, answers, strict=True))

    async def _args(
        self, actor: Actor, query: str, given: Mapping[str, Json]
    ) -> Mapping[str, Json]:
        """Those of the read's arguments that the query asks for, and what it needs besides."""
        asked = sql.queries()[query].args
        args = {name: given[name] for name in asked if name in given}
        if "ids" in asked:
            args.setdefault("ids", [actor.session_id])
        if "vector" in asked:
            [vector] = await self._embedder.embed([str(given["query"])])
            args["vector"] = f"[{','.join(map(str, vector))}]"
            args["model"] = self._embedder.model
        return args

    async def _claiming(self, actor: Actor, queries: Iterable[str]) -> Actor:
        """The same actor with what the queries want to know besides: the stage, or the role."""
        if not AS_ADMIN.isdisjoint(queries):
            return Actor(actor.id, "admin")
        return await self._in_stage(actor) if not STAGED.isdisjoint(queries) else actor

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


def _of_status(sessions: Sequence[Row], status: str | None) -> Sequence[Row]:
    """Some statuses are derived: the page is filtered by what it shows, and may get shorter."""
    return [one for one in sessions if status in (None, one["status"])]
