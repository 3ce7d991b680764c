"""From the rows of many turns to the one JSON batch of `hub.flush` (docs/architecture.md).

Rows of one table, operation and column set are merged into one operation, so that a flush of 400
entries is a handful of statements. Merging may move a row to an earlier operation, and that must
never break a foreign key, a unique index or a trigger. The rule is simple: within one session the
order of the rows is kept exactly; between sessions there is no order to keep. The logs
(`hub.SessionEvent`, `hub.CommandReceipt`, `hub.Reminder`) depend on nothing and come last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import msgspec

from beheard_hub.domain.kernel import Delete, Insert, Json, Row, Update

_encode = msgspec.json.Encoder(uuid_format="canonical").encode

LOGS = frozenset({"hub.SessionEvent", "hub.CommandReceipt"})
"""Tables to which rows are only added and on which no other row of a flush depends."""

Shape: TypeAlias = tuple[str, str, tuple[str, ...], tuple[str, ...]]
"""Operation, table, key columns, value columns."""


class PackedRow(msgspec.Struct, frozen=True):
    """A row with its merge key; `raw` is an insert's JSON, `values` what other operations need."""

    shape: Shape
    raw: msgspec.Raw | None
    values: Mapping[str, Json]
    size_bytes: int


@lru_cache(maxsize=1024)
def _insert_shape(table: str, columns: tuple[str, ...]) -> Shape:
    return ("i", table, (), tuple(sorted(columns)))


def pack_row(row: Row) -> PackedRow:
    """Encodes a row as soon as its turn is over, so that the buffer knows its size in bytes."""
    if isinstance(row, Insert):
        raw = _encode(row.values)
        shape = _insert_shape(row.table, tuple(row.values))
        return PackedRow(shape, msgspec.Raw(raw), {}, len(raw))
    if isinstance(row, Update):
        values = {**row.key, **row.values}
        shape = ("u", row.table, tuple(row.key), tuple(sorted(row.values)))
        return PackedRow(shape, None, values, len(_encode(values)))
    assert isinstance(row, Delete)
    return PackedRow(("d", row.table, tuple(row.key), ()), None, row.key, len(_encode(row.key)))


class _Operation:
    """One statement in the making."""

    __slots__ = ("keyed", "rows", "shape")

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.rows: list[Any] = []
        self.keyed: dict[tuple[Any, ...], dict[str, Json]] = {}

    def add(self, row: PackedRow) -> None:
        if row.raw is not None:
            self.rows.append(row.raw)
            return
        # Two updates of one row in one statement would be applied in any order: the later wins.
        key = tuple(row.values[column] for column in self.shape[2])
        self.keyed.setdefault(key, {}).update(row.values)

    def as_json(self) -> dict[str, Json]:
        op, table, key, cols = self.shape
        out: dict[str, Json] = {"t": table, "op": op}
        if key:
            out["key"] = key
        if op != "d":
            out["cols"] = cols
        out["rows"] = self.rows or list(self.keyed.values())
        return out


class _Operations:
    """Merges rows into operations, keeping the order of each session."""

    def __init__(self) -> None:
        self.ordered: list[_Operation] = []
        self._places: dict[Shape, list[int]] = {}
        self._logs: dict[Shape, _Operation] = {}
        self._floor: dict[str, int] = {}

    def add(self, session: str, row: PackedRow) -> None:
        if row.shape[1] in LOGS and row.shape[0] == "i":
            log = self._logs.get(row.shape)
            if log is None:
                log = self._logs[row.shape] = _Operation(row.shape)
            log.add(row)
            return
        floor = self._floor.get(session, 0)
        places = self._places.setdefault(row.shape, [])
        place = next((p for p in places if p >= floor), None)
        if place is None:
            place = len(self.ordered)
            self.ordered.append(_Operation(row.shape))
            places.append(place)
        self.ordered[place].add(row)
        self._floor[session] = place

    def as_json(self) -> list[dict[str, Json]]:
        return [op.as_json() for op in (*self.ordered, *self._logs.values())]


class Part(msgspec.Struct, frozen=True):
    """What one entry brings into a batch."""

    order: str
    """Rows with the same `order` (a session) keep their order."""
    writing: Mapping[str, Sequence[str]]
    """sessionId → users on whose behalf its rows are written."""
    rows: Sequence[PackedRow]
    span: Any = None
    """Of its turn, where that is traced."""


EMPTY = b'{"writing":{},"ops":[]}'
"""The batch of a heartbeat."""


def encode_batch(parts: Iterable[Part]) -> bytes:
    """JSON of one flush."""
    writing: dict[str, dict[str, None]] = {}
    operations = _Operations()
    for part in parts:
        for session, users in part.writing.items():
            writing.setdefault(session, {}).update(dict.fromkeys(users))
        for row in part.rows:
            operations.add(part.order, row)
    return _encode(
        {
            "writing": {session: list(users) for session, users in writing.items()},
            "ops": operations.as_json(),
        }
    )
