"""The assembler: what one model call may see, by the retrieval contract (spec 4.3).

What is not in the bundle cannot slip out of it, so this is the narrow place of the facilitator.
Rows come from reads that were already made as role ``ai`` of one user; here every one of them must
show where it comes from (source, type, id, time, consent, stage, and whose it is where it comes
from a vessel), must be of a type that the stage allows, and must fit that type's row of
`contract.TABLE`. What does not fit is left out and named, by id and reason, for the audit log; the
rest goes on. Nothing here trusts the queries: a partner's row that a wrong query brought is
refused as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from beheard_hub.ai.memory_intent import Intent
from beheard_hub.domain.mediation.contract import ROWS, Row, Vessel
from beheard_hub.facilitation import Bundle, Item

_STATES = frozenset({"active", "not_applicable"})
"""Consent states that an item may have at all."""


class Refused(msgspec.Struct, frozen=True):
    """An item that was left out: for the audit log; no text."""

    type: str
    id: str
    reason: str
    """``provenance``, ``owner``, ``contract``, ``consent``, ``stage``, ``session``, ``field``,
    ``intent``."""


class Assembled(msgspec.Struct, frozen=True):
    """A bundle, and what was kept out of it."""

    bundle: Bundle
    refused: Sequence[Refused] = ()


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """For whom a bundle is made; the facts that every prompt may state."""

    user_id: str
    session_id: str
    user_name: str | None = None
    partner_name: str | None = None
    gates: Mapping[str, bool] = {}
    """Own gates of the current stage as they truly are."""


def assemble(
    stage: int, intent: Intent | str, rows: Sequence[Mapping[str, Any]], frame: Frame
) -> Assembled:
    """Builds the bundle of one call: `rows` are candidate items as mappings with `Item`'s names,
    and with ``owner`` where they come from a user's vessel. One id is taken once, the first time.

    Ordering: items by time, then id. Pure: the same rows give the same bundle.
    """
    avoid = Intent(intent) is Intent.AVOID_RECALL
    kept: dict[str, Item] = {}
    refused: list[Refused] = []
    for row in rows:
        item = _item(row)
        reason = _flaw(row) if item is None else _objection(item, row, stage, avoid, frame)
        if item is None or reason is not None:
            refused.append(Refused(_name(row, "type"), _name(row, "id"), reason or "provenance"))
        else:
            kept.setdefault(item.id, item)
    bundle = Bundle(
        user_id=frame.user_id,
        user_name=frame.user_name,
        partner_name=frame.partner_name,
        session_id=frame.session_id,
        stage=stage,
        intent=str(intent),
        gates=dict(frame.gates),
        items=_newest(list(kept.values())),
    )
    return Assembled(bundle, refused)


def provenance(bundle: Bundle) -> list[dict[str, Any]]:
    """What the audit log keeps of a bundle: types, ids, sources, consent; no text."""
    return [provenance_of(item) for item in bundle.items]


def provenance_of(item: Item) -> dict[str, Any]:
    """The same of one item."""
    return {
        "source": item.source,
        "type": item.type,
        "id": item.id,
        "consent": item.consent,
        "stage": item.stage,
    }


def _name(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""


def _flaw(row: Mapping[str, Any]) -> str:
    """Why a row is no item: its consent is over, or something is missing."""
    consent = row.get("consent")
    return "consent" if isinstance(consent, str) and consent not in _STATES else "provenance"


def _item(row: Mapping[str, Any]) -> Item | None:
    """The row as an item, or None where provenance is missing or malformed."""
    texts = [row.get(key) for key in ("source", "type", "id", "consent")]
    if not all(isinstance(value, str) and value for value in texts):
        return None
    created, stage = row.get("created_at"), row.get("stage")
    if not isinstance(created, datetime) or not isinstance(stage, int) or isinstance(stage, bool):
        return None
    try:
        return msgspec.convert({"text": "", **row}, Item)
    except msgspec.ValidationError:
        return None


def _objection(
    item: Item, given: Mapping[str, Any], stage: int, avoid_recall: bool, frame: Frame
) -> str | None:
    """Why an item may not be seen in this stage, or None."""
    row = ROWS.get(item.type)
    if row is None or item.source != row.source or stage not in row.stages:
        return "contract"
    if row.vessel is Vessel.USER and given.get("owner") != frame.user_id:
        return "owner"
    if item.consent != row.consent:
        return "consent"
    if stage in row.same_stage and item.stage != stage:
        return "stage"
    if row.vessel is Vessel.USER and item.stage > stage:
        return "stage"
    if not _of_the_session(row, given, stage, frame):
        return "session"
    wanted = row.requires.get(stage, {})
    if any(item.fields.get(key) not in values for key, values in wanted.items()):
        return "field"
    if row.hidden & item.fields.keys():
        return "field"
    return "intent" if avoid_recall and not row.kept else None


def _of_the_session(row: Row, given: Mapping[str, Any], stage: int, frame: Frame) -> bool:
    """Whether a row of a vessel is of this session, or of an earlier one where those are meant."""
    if row.vessel is not Vessel.USER:
        return True
    here = given.get("session") == frame.session_id
    return here is not (stage in row.earlier)


def _newest(items: Sequence[Item]) -> list[Item]:
    """At most `count_max` of each type, the newest ones, in the order of time."""
    seen: Counter[str] = Counter()
    kept: list[Item] = []
    for item in sorted(items, key=lambda i: (i.created_at, i.id), reverse=True):
        seen[item.type] += 1
        if seen[item.type] <= ROWS[item.type].count_max:
            kept.append(item)
    return kept[::-1]
