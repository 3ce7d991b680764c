"""How long, how much, how dear: figures of a run, by stage and by call."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from math import ceil
from pathlib import Path

import msgspec

from beheard_hub.evaluation.recording import Call
from beheard_hub.facilitation import Spoken, Usage
from beheard_hub.settings import SetupError

MILLION = 1_000_000


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """US dollars per million tokens."""

    input: float
    output: float
    cached: float


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A price list and its day."""

    as_of: str
    models: Mapping[str, Price]

    def cost(self, model: str, usage: Usage) -> float | None:
        """Dollars; None where the model is not in the list."""
        names = [name for name in self.models if model.startswith(name)]
        if not names:
            return None
        price = self.models[max(names, key=len)]
        return (
            usage.input * price.input + usage.output * price.output + usage.cached * price.cached
        ) / MILLION


def load_prices(path: Path | None = None) -> Prices:
    """The list that comes with the hub, or another of the same shape. Raises SetupError."""
    own = resources.files(__package__ or "").joinpath("prices.toml")
    try:
        text = (path or own).read_text(encoding="utf-8")
        return msgspec.convert(tomllib.loads(text), Prices)
    except (OSError, ValueError) as wrong:
        raise SetupError(f"{path} is no price list: {wrong}.") from None


class Spread(msgspec.Struct, frozen=True):
    """Milliseconds: median and 95th percentile of `count` measurements."""

    count: int
    p50: float
    p95: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of one stage, or of one call."""

    calls: int
    answers: int
    """Messages to a user."""
    failed: int
    resets: int
    first: Spread | None
    """To the first word of a message; None without one."""
    total: Spread | None
    requests: int
    """That cost tokens."""
    input: int
    output: int
    cached: int
    cost: float | None
    """US dollars; None where a model has no price here."""


def spread(values: Sequence[float]) -> Spread | None:
    """None without values. The 95th percentile is a value that was measured."""
    ordered = sorted(values)
    if not ordered:
        return None

    def at(part: float) -> float:
        return round(ordered[max(0, ceil(part * len(ordered)) - 1)], 2)

    return Spread(len(ordered), at(0.5), at(0.95))


def figures(calls: Sequence[Call], prices: Prices) -> Figures:
    """Of these calls together."""
    used = [entry for call in calls for entry in call.used]
    costs = [prices.cost(entry.model, entry.usage) for entry in used]
    known = [cost for cost in costs if cost is not None]
    return Figures(
        calls=len(calls),
        answers=sum(isinstance(call.made, Spoken) for call in calls),
        failed=sum(call.failed for call in calls),
        resets=sum(call.resets for call in calls),
        first=spread([call.first_ms for call in calls if call.first_ms is not None]),
        total=spread([call.total_ms for call in calls if call.total_ms is not None]),
        requests=len(used),
        input=sum(entry.usage.input for entry in used),
        output=sum(entry.usage.output for entry in used),
        cached=sum(entry.usage.cached for entry in used),
        cost=round(sum(known), 6) if len(known) == len(costs) else None,
    )


def grouped(
    calls: Sequence[Call], key: Callable[[Call], str], prices: Prices
) -> dict[str, Figures]:
    """The same for each group, in the order of their names."""
    names = sorted({key(call) for call in calls})
    return {name: figures([c for c in calls if key(c) == name], prices) for name in names}
