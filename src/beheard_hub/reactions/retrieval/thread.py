"""The own thread, and what a turn must know before it plans: names, stage, what waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from beheard_hub.domain.limits import UNANSWERED_MESSAGES_MAX
from beheard_hub.domain.mediation.contract import ROWS, Way, allows
from beheard_hub.domain.mediation.vocabulary import GATE_PENDING, IN_PROGRESS
from beheard_hub.ports import Actor, ReadStore

DbRow = Mapping[str, Any]

_MESSAGE = ROWS["message"]
_STANDING_TYPES = frozenset({"consented_content", "common_ground", "strategy"})
"""Shared items that can be taken back after a reply was made from them."""


class People(msgspec.Struct, frozen=True):
    """The two names that a prompt may hold."""

    own: str | None
    partner: str | None


async def people(reads: ReadStore, actor: Actor) -> People:
    """Names of the two, as the acting user may see them."""
    rows = await reads.read(actor, "bundle.people", {})
    names = {bool(row["own"]): row["name"] for row in rows}
    return People(names.get(True), names.get(False))


async def stage_of(
    reads: ReadStore, actor: Actor, wanted: int | None = None
) -> tuple[int, Mapping[str, bool]]:
    """`wanted`, if the user has come so far, else the user's stage (spec 2.1: the highest that is
    under way); and the gates of that stage as they are."""
    rows = {int(row["stage"]): row for row in await reads.read(actor, "bundle.progress", {})}
    current = max(
        (stage for stage, row in rows.items() if row["status"] in (IN_PROGRESS, GATE_PENDING)),
        default=0,
    )
    stage = wanted if wanted in rows and wanted < current else current
    gates = rows[stage]["gatesSatisfied"] if stage in rows else {}
    return stage, {key: True for key, true in gates.items() if true}


def closed(stage: int, written_in: int) -> bool:
    """Whether a message of another stage is out of sight in `stage`."""
    return stage in _MESSAGE.same_stage and written_in != stage


async def unanswered(reads: ReadStore, actor: Actor) -> Sequence[DbRow]:
    """Id, stage, text and time of the own messages that no reply has answered, oldest first."""
    rows = await reads.read(actor, "bundle.unanswered", {"limit": UNANSWERED_MESSAGES_MAX})
    return rows[::-1]


async def conversation(
    reads: ReadStore, actor: Actor, stage: int, waiting: frozenset[str]
) -> list[dict[str, Any]]:
    """The newest of the own thread as candidate items, oldest first; `waiting` are the ids that no
    reply has answered. Replies made from what was taken back since are left out."""
    if not allows("message", Way.STRUCTURED, stage):
        return []
    only = stage if stage in _MESSAGE.same_stage else None
    args = {"stage": only, "limit": _MESSAGE.count_max}
    rows = await reads.read(actor, "bundle.messages", args)
    standing = await _without_revoked(reads, actor, rows)
    return [_message(row, waiting) for row in reversed(standing)]


async def told(reads: ReadStore, actor: Actor, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Own answered messages of stages 1 and 2 as candidate items, oldest first."""
    rows = await reads.read(actor, "bundle.told", {"ids": list(ids)})
    return [_message(row, frozenset()) for row in rows]


def _message(row: DbRow, waiting: frozenset[str]) -> dict[str, Any]:
    return {
        "type": "message",
        "source": "user",
        "id": row["id"],
        "owner": row["owner"],
        "session": row["session"],
        "consent": "not_applicable",
        "created_at": row["createdAt"],
        "stage": row["stage"],
        "text": row["text"],
        "fields": {"role": row["role"], "answered": row["id"] not in waiting},
    }


async def _without_revoked(reads: ReadStore, actor: Actor, rows: Sequence[DbRow]) -> list[DbRow]:
    """Leaves out replies that were made from content which was taken back since (spec 2.4)."""
    used = {row["id"]: shared_ids(row["bundle"]) for row in rows if row["bundle"]}
    ids = sorted(set().union(*used.values()))
    if not ids:
        return list(rows)
    standing = {row["id"] for row in await reads.read(actor, "bundle.standing", {"ids": ids})}
    return [row for row in rows if used.get(row["id"], set()) <= standing]


def shared_ids(bundle: Mapping[str, Any]) -> set[str]:
    """What can be taken back of a stored bundle: ``{"items": provenance, "answers": [id]}``."""
    return {item["id"] for item in bundle["items"] or () if item["type"] in _STANDING_TYPES}
