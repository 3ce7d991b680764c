"""The hub proves its walls to itself before it serves: a wrong set-up must not succeed in silence.

In one transaction that is rolled back, two probe users are put into a session, each with a message,
by the very flush that serves everybody; then each looks for both messages, and nobody does. The
lease and the flush number are tried too. Nothing of it stays (spec 4.2, last paragraph).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import msgspec

from beheard_hub.persistence import sql
from beheard_hub.persistence.database import Database, Rehearsal
from beheard_hub.ports import Actor
from beheard_hub.settings import SetupError

HINT = "Run `beheard migrate` as the owner and start again; do not serve until this is mended."


class _Failed(Exception):
    """One proof did not hold."""


class _Probe(msgspec.Struct, frozen=True):
    """Ids of the probe session."""

    host: str
    session: str
    users: tuple[str, str]
    messages: tuple[str, str]


async def prove(db: Database) -> None:
    """Raises SetupError naming the wall that does not hold, StoreUnavailable when the database is
    away. Takes some twenty statements, a few milliseconds."""
    try:
        async with db.rehearsal() as stage:
            await _roles_are_weak(stage)
            probe = await _set_up(stage)
            await _each_sees_the_own(stage, probe)
            await _stale_hosts_are_refused(stage, probe)
    except _Failed as failed:
        raise SetupError(f"The database does not keep people apart: {failed}.", HINT) from None
    except asyncpg.PostgresError as wrong:
        raise SetupError(
            f"The database refuses what the hub needs (SQLSTATE {wrong.sqlstate}).", HINT
        ) from None


async def _roles_are_weak(stage: Rehearsal) -> None:
    strong = [row["role"] for row in await stage.query("proof.strong_roles", {})]
    _hold(not strong, f"role {', '.join(strong)} has the powers of the owner")
    bare = [row["name"] for row in await stage.query("proof.open_tables", {})]
    _hold(not bare, f"table {', '.join(bare)} has no forced row-level security")
    reads = await stage.fetchval(sql.text("proof.writer_reads"))
    _hold(not reads, "the write-behind role may read messages")


async def _set_up(stage: Rehearsal) -> _Probe:
    await stage.act("nobody")
    users = []
    for _ in range(2):
        args = {"provider": "self-proof", "subject": _new(), "admin_emails": []}
        [row] = await stage.query("user.log_in", args)
        users.append(row["userId"])
    probe = _Probe(_new(), _new(), (users[0], users[1]), (_new(), _new()))
    await stage.act("ops")
    epoch = await stage.fetchval(sql.text("lease.open"), probe.host, "self-proof")
    await stage.act("writer")
    said = await _flush(stage, probe, epoch, 1)
    _hold(said == "ok", "a fresh lease cannot write")
    said = await _flush(stage, probe, epoch, 1)
    _hold(said == "already", "a repeated flush is not recognised")
    return probe


async def _each_sees_the_own(stage: Rehearsal, probe: _Probe) -> None:
    for user, message in zip(probe.users, probe.messages, strict=True):
        for role in ("user", "ai"):
            actor = Actor(user, role=role, session_id=probe.session, stage=4)
            await stage.act(role, actor)
            seen = await _seen(stage, probe)
            _hold(message in seen, f"as {role} the own message is not visible")
            _hold(seen == [message], f"as {role} the message of another is visible")
    await stage.act("nobody")
    _hold(await _seen(stage, probe) == [], "messages are visible to nobody in particular")
    await stage.act("user", Actor(_new(), session_id=probe.session, stage=4))
    _hold(await _seen(stage, probe) == [], "messages are visible to a stranger")


async def _stale_hosts_are_refused(stage: Rehearsal, probe: _Probe) -> None:
    await stage.act("writer")
    said = await _flush(stage, probe, 0, 2)
    _hold(said == "fenced", "a stale epoch can write")


async def _seen(stage: Rehearsal, probe: _Probe) -> Sequence[str]:
    rows = await stage.query("proof.messages", {"ids": list(probe.messages)})
    return [row["id"] for row in rows]


async def _flush(stage: Rehearsal, probe: _Probe, epoch: int, number: int) -> str:
    said: str = await stage.fetchval(sql.text("flush"), probe.host, epoch, number, _batch(probe))
    return said


def _batch(probe: _Probe) -> Mapping[str, Any]:
    one, other = probe.users
    relationship = _new()
    members = [
        {"id": _new(), "relationshipId": relationship, "userId": one, "partnerId": other},
        {"id": _new(), "relationshipId": relationship, "userId": other, "partnerId": one},
    ]
    session = {"id": probe.session, "relationshipId": relationship, "createdById": one}
    vessels = [{"id": _new(), "userId": u, "sessionId": probe.session} for u in probe.users]
    messages = [
        {
            "id": message,
            "sessionId": probe.session,
            "forUserId": user,
            "senderId": user,
            "role": "USER",
            "content": "probe",
            "stage": 1,
        }
        for user, message in zip(probe.users, probe.messages, strict=True)
    ]
    stamp = "2000-01-01T00:00:00Z"
    tables: list[tuple[str, list[dict[str, Any]]]] = [
        ("Relationship", [{"id": relationship}]),
        ("RelationshipMember", [{**row, "joinedAt": stamp, "role": "member"} for row in members]),
        ("Session", [session]),
        ("UserVessel", vessels),
        ("Message", [{**row, "timestamp": stamp} for row in messages]),
    ]
    return {
        "writing": {probe.session: list(probe.users)},
        "ops": [
            {"t": table, "op": "i", "cols": list(rows[0]), "rows": rows} for table, rows in tables
        ],
    }


def _hold(condition: bool, failure: str) -> None:
    if not condition:
        raise _Failed(failure)


def _new() -> str:
    return str(uuid.uuid4())
