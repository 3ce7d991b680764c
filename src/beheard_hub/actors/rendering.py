"""Puts shapes where a reply or an event holds a `Ref`, as far as that needs no read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beheard_hub.domain.kernel import Json, Ref
from beheard_hub.ports import StateView


def as_ref(value: Any) -> Ref | None:
    """A `Ref`, also one that comes back from stored JSON."""
    if isinstance(value, Ref):
        return value
    if isinstance(value, Mapping) and value.get("$") == "ref":
        return Ref(str(value["kind"]), str(value["id"]))
    return None


def resolve(
    data: Json, fresh: Mapping[tuple[str, str], Json], view: StateView | None
) -> tuple[Json, bool]:
    """`data` with every `Ref` that is known replaced, and whether nothing is left to be read.

    A fresh shape may itself hold refs; what is left stays a `Ref`.
    """
    if isinstance(data, str | int | float) or data is None:
        return data, True
    if (ref := as_ref(data)) is not None:
        return _resolve_ref(ref, fresh, view)
    complete = True
    if isinstance(data, Mapping):
        shapes = {}
        for key, value in data.items():
            shapes[key], whole = resolve(value, fresh, view)
            complete = complete and whole
        return shapes, complete
    if isinstance(data, list | tuple):
        items = []
        for value in data:
            item, whole = resolve(value, fresh, view)
            items.append(item)
            complete = complete and whole
        return items, complete
    return data, True


def _resolve_ref(
    ref: Ref, fresh: Mapping[tuple[str, str], Json], view: StateView | None
) -> tuple[Json, bool]:
    if (ref.kind, ref.id) in fresh:
        rest = {key: shape for key, shape in fresh.items() if key != (ref.kind, ref.id)}
        return resolve(fresh[ref.kind, ref.id], rest, view)
    shape = view.shape(ref) if view is not None else None
    return (ref, False) if shape is None else (shape, True)
