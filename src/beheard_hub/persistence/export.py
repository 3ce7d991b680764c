"""Everything that a user owns, as JSON Lines (spec 4.5, ``GET /auth/me/export``).

One object per row: ``{"type": table, "row": {column: value}}``, tables of schema `hub` without the
schema, those of schema `practice` with it. It is read in short pages under row-level security as
that very user, session by session in the stage that the user has come to, so it can show nothing
that the app could not. Vectors stay behind, and columns that are the hub's own working or would
tell of the partner's doing.

`TABLES` and `LEFT_BEHIND` are the decision about every table there is; a test compares them, and
the columns of each query, with the catalogue.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from enum import Enum
from typing import Any

import msgspec

from beheard_hub.persistence.database import Database
from beheard_hub.persistence.stores import PostgresReadStore
from beheard_hub.ports import Actor, StoreUnavailable

PAGE_ROWS = 100


class Scope(Enum):
    """How often a table is read."""

    ACCOUNT = "once"
    SESSION = "once for each session that the user is in"
    BOTH = "once, and once for each session"


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One table of an export; its queries are ``export.<name>`` and ``export.<name>.partner``."""

    scope: Scope = Scope.SESSION
    omitted: frozenset[str] = frozenset()
    """Columns that stay behind."""
    partner: bool = False
    """There is a query of what the partner shares, too."""


VECTOR = frozenset({"embedding", "embeddingModel", "embeddingShort"})
TOUCHED = frozenset({"updatedAt"})
"""Where the partner's doing moves it, or the hub's."""
LOGGED = frozenset({"createdAt"})
"""Where `at` says the same."""


def _account(*omitted: str) -> Table:
    return Table(scope=Scope.ACCOUNT, omitted=frozenset(omitted))


def _session(omitted: frozenset[str] = frozenset(), *, partner: bool = False) -> Table:
    return Table(omitted=omitted, partner=partner)


TABLES: Mapping[str, Table] = {
    "User": _account("pushToken"),
    "ContactMethod": _account(),
    "ExternalIdentity": _account(),
    "Relationship": _account("updatedAt"),
    "RelationshipMember": _account("updatedAt", "seat"),
    "Invitation": _account("updatedAt"),
    "hub.Notification": _account(),
    "hub.Reminder": _account("shard"),
    "hub.Nudge": _account("createdAt"),
    "hub.AiUsage": _account("createdAt"),
    "hub.AuditLog": _account("actorId", "createdAt"),
    "hub.CommandReceipt": Table(scope=Scope.BOTH, omitted=LOGGED | {"digest"}),
    "Session": _session(TOUCHED | {"lastActivityAt", "closeProposedById"}),
    "SessionPrivate": _session(),
    "StageProgress": _session(
        TOUCHED
        | {"gatesLatched", "strategiesReadyRound", "isSynthesisDirty", "synthesisLastUpdated"}
        | {"createdAt"}
    ),
    "UserVessel": _session(TOUCHED | VECTOR | {"erasedAt"}),
    "Message": _session(TOUCHED | VECTOR | {"bundle", "promptVersion", "createdAt"}),
    "UserEvent": _session(VECTOR),
    "EmotionalReading": _session(VECTOR),
    "IdentifiedNeed": _session(VECTOR),
    "NeedClarification": _session(),
    "Boundary": _session(),
    "UserDocument": _session(),
    "EmpathyDraft": _session(),
    "EmotionalExerciseCompletion": _session(TOUCHED),
    "ConsentRecord": _session(),
    "ConsentedContent": _session(VECTOR, partner=True),
    "EmpathyAttempt": _session(TOUCHED, partner=True),
    "EmpathyValidation": _session(TOUCHED, partner=True),
    "CommonGround": _session(TOUCHED | {"stale", "sourceContentIds", "proposedById"}),
    "StrategyProposal": _session(TOUCHED | {"createdByUserId", "consentRecordId"}),
    "StrategyRanking": _session(TOUCHED),
    "Agreement": _session(TOUCHED),
    "hub.SessionEvent": _session(LOGGED),
    "practice.ConversationSession": _account("createdAt", "updatedAt"),
    "practice.Message": _account("createdAt", "updatedAt", "metadata"),
    "practice.Invitation": _account("updatedAt", "token"),
    "practice.UsageLog": _account("createdAt", "updatedAt"),
    "practice.ObservationNote": _account("createdAt", "updatedAt"),
    "practice.TelemetryEvent": _account("updatedAt"),
}
"""What is taken along, in this order."""

LEFT_BEHIND: Mapping[str, str] = {
    "SharedVessel": "a key between a session and what the two share in it",
    "GlobalLibraryItem": "public; what somebody contributed is anonymised in it",
    "practice.Scenario": "the hub's own; what may be shown of it is public",
    "practice.QuotaPreset": "the hub's own",
    "hub.Erasure": "that the user is leaving, or has left",
    "hub.MergedGuest": "ids of the user's own rows as a guest, which are no more",
    "hub.HostLease": "about hosts",
    "hub.ShardOwner": "about hosts",
    "hub.Migration": "about the schema",
}
"""Table → why nothing of it is taken along."""


def name_of(table: str, *, partner: bool = False) -> str:
    """The named query of a table."""
    return f"export.{table.removeprefix('hub.')}" + (".partner" if partner else "")


async def export(db: Database, user_id: str) -> AsyncIterator[bytes]:
    """JSON Lines of everything that the user owns: pieces of whole lines.

    Raises StoreUnavailable, also in the middle; so it does where this was a guest whose rows are
    another user's by now: what is left of them is nothing, or a part. Cancelling, or closing the
    iterator, ends it.
    """
    reads = PostgresReadStore(db)
    account = Actor(user_id)
    await _still_themselves(reads, account)
    async for piece in _tables(reads, account, (Scope.ACCOUNT, Scope.BOTH)):
        yield piece
    async for sessions in pages(reads, account, "export.sessions"):
        for session in sessions:
            actor = Actor(user_id, session_id=session["id"], stage=session["stage"])
            async for piece in _tables(reads, actor, (Scope.SESSION, Scope.BOTH)):
                yield piece
    await _still_themselves(reads, account)


async def _still_themselves(reads: PostgresReadStore, account: Actor) -> None:
    if await reads.read(account, "user.became", {}):
        raise StoreUnavailable


async def _tables(
    reads: PostgresReadStore, actor: Actor, scopes: Sequence[Scope]
) -> AsyncIterator[bytes]:
    for name, table in TABLES.items():
        if table.scope not in scopes:
            continue
        queries = [name_of(name)] + [name_of(name, partner=True)] * table.partner
        for query in queries:
            async for rows in pages(reads, actor, query):
                yield b"".join(_line(name, row) for row in rows)


async def pages(
    reads: PostgresReadStore, actor: Actor, query: str
) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    """Pages of a query, each in a transaction of its own, none of them empty."""
    after: str | None = None
    while True:
        rows = await reads.read(actor, query, {"after_key": after, "limit": PAGE_ROWS})
        if rows:
            yield rows
        if len(rows) < PAGE_ROWS:
            return
        after = rows[-1]["key" if "key" in rows[-1] else "id"]


def _line(table: str, row: Mapping[str, Any]) -> bytes:
    shown = {column: value for column, value in row.items() if column != "key"}
    name = table.removeprefix("hub.")
    return msgspec.json.encode({"type": name, "row": shown}) + b"\n"
