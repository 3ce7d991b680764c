"""Puts shapes where a reply or an event holds a `Ref`, as far as that needs no read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from beheard_hub.domain.kernel import Json, Ref, as_ref
from beheard_hub.ports import StateView

SCALARS = frozenset({str, int, float, bool, type(None), datetime})


def resolve(
    data: Json, fresh: Mapping[tuple[str, str], Json], view: StateView | None
) -> tuple[Json, bool]:
    """`data` with every `Ref` that is known replaced, and whether nothing is left to be read.

    A fresh shape may itself hold refs (never itself); what is left stays a `Ref`. What holds no
    ref comes back as it is, not copied: this runs several times per command.
    """
    kind = type(data)
    if kind in SCALARS:
        return data, True
    if kind is dict and data.get("$") != "ref":
        return _resolve_items(data, data.items(), fresh, view)
    if kind is list or kind is tuple:
        shapes, whole = _resolve_items(data, enumerate(data), fresh, view)
        return (data if shapes is data else list(shapes.values())), whole
    if (ref := as_ref(data)) is not None:
        return _resolve_ref(ref, fresh, view)
    if isinstance(data, Mapping):
        return resolve(dict(data), fresh, view)
    return data, True


def _resolve_items(
    data: Json, items: Iterable[tuple[Any, Json]], fresh: Mapping[tuple[str, str], Json],
    view: StateView | None,
) -> tuple[Any, bool]:  # fmt: skip
    """The items as a dict where one of them changed, else `data` itself."""
    whole = True
    changed: dict[Any, Json] = {}
    for key, value in items:
        if type(value) in SCALARS:
            continue
        shape, complete = resolve(value, fresh, view)
        whole = whole and complete
        if shape is not value:
            changed[key] = shape
    if not changed:
        return data, whole
    old = data.items() if isinstance(data, dict) else enumerate(data)
    return dict(old) | changed, whole


def _resolve_ref(
    ref: Ref, fresh: Mapping[tuple[str, str], Json], view: StateView | None
) -> tuple[Json, bool]:
    shape = fresh.get((ref.kind, ref.id)) if fresh else None
    if shape is not None:
        return resolve(shape, fresh, view)
    shape = view.shape(ref) if view is not None else None
    return (ref, False) if shape is None else (shape, True)
