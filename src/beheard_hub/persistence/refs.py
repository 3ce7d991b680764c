"""Finding and filling the places in a JSON value where a shape is to stand."""

from __future__ import annotations

from collections.abc import Mapping

from beheard_hub.domain.kernel import Json, Ref, as_ref


def refs_in(value: Json) -> list[Ref]:
    """Every `Ref` in a JSON value, in order."""
    ref = as_ref(value)
    if ref is not None:
        return [ref]
    if isinstance(value, Mapping):
        return [ref for part in value.values() for ref in refs_in(part)]
    if isinstance(value, list | tuple):
        return [ref for part in value for ref in refs_in(part)]
    return []


def filled(value: Json, found: Mapping[Ref, Json]) -> Json:
    """`value` with every ref replaced by its shape or null; in a list null is left out."""
    ref = as_ref(value)
    if ref is not None:
        return found.get(ref)
    if isinstance(value, Mapping):
        return {name: filled(part, found) for name, part in value.items()}
    if isinstance(value, list | tuple):
        parts = [(as_ref(part), filled(part, found)) for part in value]
        return [new for ref, new in parts if ref is None or new is not None]
    return value
