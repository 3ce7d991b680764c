"""The batch: rows merge between sessions and keep their order within one."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from beheard_hub.domain.kernel import Delete, Insert, Row, Update
from beheard_hub.persistence.batch import EMPTY, Part, encode_batch, pack_row


def batch(*parts: tuple[str, list[Row]]) -> Any:
    """Decoded batch of (session, rows)."""
    encoded = encode_batch(Part(s, {s: ["ann"]}, [pack_row(r) for r in rows]) for s, rows in parts)
    return msgspec.json.decode(encoded)


def test_rows_of_many_sessions_become_one_operation_each() -> None:
    turns: list[tuple[str, list[Row]]] = [
        (f"s{n}", [
            Insert("Message", {"id": f"m{n}", "content": "x"}),
            Update("Session", {"id": f"s{n}"}, {"status": "ACTIVE"}),
            Insert("hub.CommandReceipt", {"commandId": f"c{n}"}),
        ])
        for n in range(50)
    ]  # fmt: skip
    ops = batch(*turns)["ops"]
    assert [(op["t"], op["op"], len(op["rows"])) for op in ops] == [
        ("Message", "i", 50), ("Session", "u", 50), ("hub.CommandReceipt", "i", 50),
    ]  # fmt: skip
    assert ops[0]["cols"] == ["content", "id"]
    assert ops[1]["key"] == ["id"]
    assert ops[1]["cols"] == ["status"]


def test_updates_of_one_row_are_merged() -> None:
    rows: list[Row] = [
        Update("Session", {"id": "s"}, {"status": status}) for status in ("ACTIVE", "PAUSED")
    ]
    ops = batch(("s", rows))["ops"]
    assert ops == [
        {"t": "Session", "op": "u", "key": ["id"], "cols": ["status"],
         "rows": [{"id": "s", "status": "PAUSED"}]}
    ]  # fmt: skip


def test_who_writes_is_named_per_session() -> None:
    parts = [Part("s", {"s": [user]}, []) for user in ("ann", "bob", "ann")]
    assert msgspec.json.decode(encode_batch(parts)) == {
        "writing": {"s": ["ann", "bob"]}, "ops": [],
    }  # fmt: skip
    assert msgspec.json.decode(EMPTY) == {"writing": {}, "ops": []}


tables = st.sampled_from(["A", "B", "C"])
rows = st.one_of(
    st.builds(lambda t, n: Insert(t, {"id": n}), tables, st.integers(0, 3)),
    st.builds(lambda t, n, v: Update(t, {"id": n}, {"v": v}), tables, st.integers(0, 3),
              st.integers()),
    st.builds(lambda t, n: Delete(t, {"id": n}), tables, st.integers(0, 3)),
)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(["s1", "s2", "s3"]), rows), max_size=40))
def test_the_order_within_a_session_is_kept(turns: list[tuple[str, Row]]) -> None:
    """Each session's rows, marked by their session, are applied in the order decided."""
    marked: list[tuple[str, list[Row]]] = []
    for session, row in turns:
        if isinstance(row, Insert):
            row = Insert(row.table, {**row.values, "s": session})
        elif isinstance(row, Update):
            row = Update(row.table, {**row.key, "s": session}, row.values)
        else:
            row = Delete(row.table, {**row.key, "s": session})
        marked.append((session, [row]))
    ops = batch(*marked)["ops"]
    for session in ("s1", "s2", "s3"):
        applied = [
            (op["t"], op["op"], row["id"], row.get("v"))
            for op in ops for row in op["rows"] if row["s"] == session
        ]  # fmt: skip
        wanted = [entry(row) for s, (row,) in marked if s == session]
        assert merged(applied) == merged(wanted)


def entry(row: Row) -> tuple[str, str, int, Any]:
    """Table, operation, id, value."""
    if isinstance(row, Insert):
        return row.table, "i", row.values["id"], None
    if isinstance(row, Update):
        return row.table, "u", int(row.key["id"]), row.values["v"]
    return row.table, "d", int(row.key["id"]), None


def merged(entries: list[tuple[str, str, int, Any]]) -> list[tuple[str, str, int, Any]]:
    """What one statement may merge: neighbours of one table and operation on one row."""
    out: list[dict[tuple[str, str, int], Any]] = []
    last: tuple[str, str] | None = None
    for table, op, row_id, value in entries:
        if (table, op) != last or op == "i":
            out.append({})
        out[-1][table, op, row_id] = value
        last = (table, op)
    return [(*key, value) for group in out for key, value in sorted(group.items())]
