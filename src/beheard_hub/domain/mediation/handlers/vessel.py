"""Events, boundaries and documents of the own vessel: one implementation, three rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from beheard_hub.domain.kernel import Json, Read
from beheard_hub.domain.limits import INTENSITY_HIGH, INTENSITY_RISE_WINDOW, VESSEL_ITEMS_MAX
from beheard_hub.domain.mediation.contract import recalled
from beheard_hub.domain.mediation.handlers.thread import paged
from beheard_hub.domain.mediation.state import Seat
from beheard_hub.domain.mediation.turn import Handler, Outcome, Turn, no
from beheard_hub.domain.refusals import Code
from beheard_hub.domain.validation import Data, refused


class Item(msgspec.Struct, frozen=True):
    """One sort of vessel content."""

    kind: str
    """Name of the commands, of the shape and of the reply's field."""
    table: str
    listed: str
    ids: Callable[[Seat], list[str]]
    dated: bool = False
    """Has a time of its own."""


ITEMS = (
    Item("event", "UserEvent", "event.list", lambda seat: seat.events, dated=True),
    Item("boundary", "Boundary", "boundary.list", lambda seat: seat.boundaries),
    Item("document", "UserDocument", "document.list", lambda seat: seat.documents),
)


def _columns(data: Data, *without: str) -> dict[str, Json]:
    """Given fields by their database names, which are the wire's."""
    return {
        field.encode_name: list(value) if isinstance(value, tuple) else value
        for field in msgspec.structs.fields(data)
        if field.name not in without and (value := getattr(data, field.name)) is not None
    }


def _add(item: Item) -> Handler:
    def add(turn: Turn) -> Outcome:
        owned = item.ids(turn.me)
        if len(owned) >= VESSEL_ITEMS_MAX:
            return no(Code.CONFLICT, limit=str(VESSEL_ITEMS_MAX))
        row: dict[str, Json] = {"id": turn.ids.ordered(), **_columns(turn.command.data)}
        if item.dated:
            row["timestamp"] = turn.now
        turn.insert(item.table, vesselId=turn.me.vessel_id, **row)
        owned.append(row["id"])
        turn.mark_dirty()
        return {item.kind: turn.ref(item.kind, row["id"], row)}

    return add


def _edit(item: Item) -> Handler:
    key = f"{item.kind}_id"

    def edit(turn: Turn) -> Outcome:
        row_id: str = getattr(turn.command.data, key)
        if row_id not in item.ids(turn.me):
            return no(Code.NOT_FOUND)
        columns = _columns(turn.command.data, key)
        if not columns:
            return refused({"data": "at least one field to change"})
        turn.update(item.table, {"id": row_id}, **columns)
        turn.mark_dirty()
        return {item.kind: turn.ref(item.kind, row_id)}

    return edit


def _delete(item: Item) -> Handler:
    key = f"{item.kind}_id"

    def delete(turn: Turn) -> Outcome:
        row_id: str = getattr(turn.command.data, key)
        if row_id not in item.ids(turn.me):
            return no(Code.NOT_FOUND)
        turn.delete(item.table, row_id)
        item.ids(turn.me).remove(row_id)
        turn.mark_dirty()
        return {"deleted": True}

    return delete


def _list(item: Item) -> Handler:
    return lambda turn: paged(turn, item.listed)


def recall(turn: Turn) -> Outcome:
    """recall.search: own moments of this session, under the contract of the own stage. Right after
    a reading as strong as that nothing is recalled, here as in the thread (spec 4.3)."""
    data = turn.command.data
    newest = turn.me.readings[:1]
    strong = any(
        reading.intensity >= INTENSITY_HIGH and turn.now - reading.at <= INTENSITY_RISE_WINDOW
        for reading in newest
    )
    kinds = [] if strong else list(recalled(turn.me.stage))
    return Read("recall.search", {"query": data.query, "kinds": kinds, "limit": data.limit})


VESSEL: Mapping[str, Handler] = {
    **{f"{item.kind}.add": _add(item) for item in ITEMS},
    **{f"{item.kind}.edit": _edit(item) for item in ITEMS},
    **{f"{item.kind}.delete": _delete(item) for item in ITEMS},
    **{f"{item.kind}.list": _list(item) for item in ITEMS},
    "recall.search": recall,
}
