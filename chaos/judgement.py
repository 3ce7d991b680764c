"""The log of all devices beside what is stored: which promise was broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import asyncpg
import msgspec
from tests.histories.checks import Violation, violations
from tests.histories.log import (
    Effect,
    History,
    Receipt,
    SeatAtEnd,
    Stored,
    StoredEvent,
)

from beheard_hub.testing.messages_api import MessagesApi
from chaos.hub import SQL, HubUnderFire
from chaos.people import Load, Player
from chaos.rehearsed import practices_judged

QUERIES = {
    name: (SQL / f"{name}.sql").read_text()
    for name in ("receipts", "events", "effects", "seats", "threads")
}
HEARD = {
    "session.pause": "session.paused",
    "session.resume": "session.resumed",
    "emotions.record": "emotion.recorded",
}
"""Command → the event that its sender hears of each one that was applied."""


async def judged(hub: HubUnderFire, load: Load, provider: MessagesApi | None) -> list[Violation]:
    """Everything that is wrong with a load that has settled; `provider` was asked for words."""
    connection = await hub.database()
    try:
        stored = await _stored(connection, load)
        practised = await practices_judged(connection, load.seats, provider)
    finally:
        await connection.close()
    history = History(
        entries=load.entries,
        stored=stored,
        final=load.final,
        listening=load.listening,
    )
    counted = [
        Violation("as many events as commands", sentence)
        for player in load.players
        for sentence in _miscounted(player, stored.events)
    ]
    return [*violations(history), *counted, *practised]


async def _stored(connection: asyncpg.Connection, load: Load) -> Stored:
    sessions = sorted({player.session_id for player in load.players})
    rows = {name: await connection.fetch(text, sessions) for name, text in QUERIES.items()}
    marks = {entry for player in load.players for entry in player.marks}
    made = [row for row in rows["effects"] if row["mark"] in marks]
    return Stored(
        receipts=[Receipt(*row.values()) for row in rows["receipts"]],
        events=[StoredEvent(*row.values()) for row in rows["events"]],
        effects=[Effect(row["mark"], order) for order, row in enumerate(made)],
        seats=_seats(rows["seats"]),
        threads=[row["ids"] for row in rows["threads"]],
        private={row[field]: row["userId"] for row in made for field in ("mark", "id")},
    )


def _seats(rows: Sequence[Mapping[str, str]]) -> list[SeatAtEnd]:
    """One for each person: the gates of all stages that are not latched."""
    seats: dict[tuple[str, str], SeatAtEnd] = {}
    for row in rows:
        key = (row["sessionId"], row["userId"])
        gates = dict(seats[key].gates) if key in seats else {}
        gates |= msgspec.json.decode(row["gates"], type=dict[str, bool])
        seats[key] = SeatAtEnd(*key, int(row["stage"]), gates)
    return list(seats.values())


def _miscounted(player: Player, events: Sequence[StoredEvent]) -> list[str]:
    """Of every command one event: as many as were acked, and at most those more whose outcome
    nobody was told."""
    user, session = player.ear.user_id, player.session_id
    names = Counter(e.name for e in events if (e.session_id, e.user_id) == (session, user))
    found = []
    for command, event in HEARD.items():
        least, unknown = player.sent[command], player.unknown[command]
        if command.startswith("session.") and player.side == "b":
            continue  # hears of the partner's; those are counted there
        if not least <= names[event] <= least + unknown:
            found.append(f"{names[event]} times {event} after {least} acks and {unknown} unknown")
    return found
