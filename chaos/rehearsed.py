"""The log of all practices beside what is stored: which promise was broken."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
from tests.histories.checks import Violation
from tests.histories.practice_checks import practice_violations
from tests.histories.practice_log import (
    Asked,
    Charge,
    Event,
    Message,
    PracticeHistory,
    Receipt,
    Rehearsal,
    Stored,
)

from beheard_hub.testing.messages_api import MessagesApi
from chaos.hub import SQL
from chaos.practising import Seat, Stage

EVENTS = (SQL / "events.sql").read_text()
QUERIES = {
    name: (SQL / f"practice_{name}.sql").read_text()
    for name in ("rehearsals", "messages", "charges", "receipts", "waiting", "gone")
}
PARTNER = "practice_partner"
"""The partner's call."""


async def practices_judged(
    connection: asyncpg.Connection, seats: Sequence[Seat], provider: MessagesApi | None
) -> list[Violation]:
    """Everything that is wrong with practices that have settled; `provider` was asked for words."""
    if not seats:
        return []
    stage, asked = seats[0].stage, provider.requests if provider is not None else ()
    history = PracticeHistory(
        entries=stage.log,
        stored=await _stored(connection, stage),
        owners=stage.owners,
        merged=stage.merged,
        marks=stage.marks,
        allowed=stage.allowed,
        listening=stage.listening,
        partner_was_given=["\n".join(t for _, t in r.turns) for r in asked if r.call == PARTNER],
    )
    return practice_violations(history)


async def _stored(connection: asyncpg.Connection, stage: Stage) -> Stored:
    sessions = sorted(stage.owners)
    commands = sorted({one.command_id for one in stage.log if isinstance(one, Asked)})

    async def rows(name: str, of: Sequence[str]) -> list[asyncpg.Record]:
        found: list[asyncpg.Record] = await connection.fetch(QUERIES[name], of)
        return found

    return Stored(
        rehearsals=[
            Rehearsal(
                session_id=row["sessionId"],
                user_id=row["userId"],
                status=row["status"],
                invited=row["invited"],
                used=row["used"],
            )
            for row in await rows("rehearsals", sessions)
        ],
        messages=[Message(*row.values()) for row in await rows("messages", sessions)],
        charges=[Charge(*row.values()) for row in await rows("charges", sessions)],
        events=[Event(*row.values()) for row in await connection.fetch(EVENTS, sessions)],
        receipts=[Receipt(*row.values()) for row in await rows("receipts", commands)],
        waiting=[row["sessionId"] for row in await rows("waiting", sessions)],
        gone=[row["id"] for row in await rows("gone", sorted(stage.merged))],
    )
