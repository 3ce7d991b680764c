"""Suggestions: small experiments of the library, nearest to what both have in common."""

from __future__ import annotations

import re
from collections.abc import Sequence

from beheard_hub.ai.offline.similarity import similarities
from beheard_hub.ai.offline.words import shortened
from beheard_hub.facilitation import Item, Suggestion
from beheard_hub.ports import Embedder

COUNT_MAX = 5
DESCRIPTION_CHARS_MAX = 800
DURATION_CHARS_MAX = 100
MEASURE_CHARS_MAX = 300
NEEDS_MAX = 3
_FOCUS_WEIGHT = 1.5

_DURATION = re.compile(r"Try it for ([^;.]+)")
_MEASURE = re.compile(r"It has helped if ([^.]+)\.")
_DEFAULT_DURATION = "one week"
_DEFAULT_MEASURE = "afterwards both of you say that you would do it once more"
_REVERSIBLE = "Either of you may stop it at any time."


async def suggest(
    common: Sequence[str],
    focus: Sequence[str],
    library: Sequence[Item],
    count: int,
    embedder: Embedder,
) -> list[Suggestion]:
    """1-5 experiments, nearest first, of as many categories as the library allows."""
    wanted = [*focus, *common]
    texts = [f"{_title(i)} {i.text}" for i in library]
    rows = await similarities(embedder, texts, wanted)
    weights = [_FOCUS_WEIGHT] * len(focus) + [1.0] * len(common)
    order = sorted(
        range(len(library)),
        key=lambda i: (-sum(w * max(0.0, s) for w, s in zip(weights, rows[i], strict=True)),
                       library[i].id),
    )  # fmt: skip
    chosen = _spread(order, library, max(1, min(count, COUNT_MAX)))
    shared = len(focus)
    return [_filled(library[i], common, rows[i][shared:]) for i in chosen]


def _spread(order: Sequence[int], library: Sequence[Item], count: int) -> list[int]:
    """The best of each category first, then the best of the rest."""
    seen: set[object] = set()
    firsts: list[int] = []
    for i in order:
        category = library[i].fields.get("category")
        if category not in seen:
            seen.add(category)
            firsts.append(i)
    rest = [i for i in order if i not in firsts]
    return [*firsts, *rest][:count]


def _filled(item: Item, common: Sequence[str], row: Sequence[float]) -> Suggestion:
    """Specific, time-bound, reversible, measurable; what the library leaves open is filled in.

    Both will read it, so it names what both have in common and not what the asker looks for.
    """
    duration, measure = _DURATION.search(item.text), _MEASURE.search(item.text)
    title = _title(item)
    parts = [f"{title}: {item.text}" if title else item.text]
    if "stop" not in item.text.lower():
        parts.append(_REVERSIBLE)
    nearest = sorted(range(len(common)), key=lambda j: -row[j])[:NEEDS_MAX]
    addressed = [common[j] for j in sorted(nearest) if row[j] > 0] or list(common[:1])
    return Suggestion(
        description=shortened(" ".join(parts), DESCRIPTION_CHARS_MAX),
        needs_addressed=list(dict.fromkeys(addressed)),
        duration=shortened(duration[1] if duration else _DEFAULT_DURATION, DURATION_CHARS_MAX),
        measure_of_success=shortened(
            measure[1] if measure else _DEFAULT_MEASURE, MEASURE_CHARS_MAX
        ),
    )


def _title(item: Item) -> str:
    return str(item.fields.get("title") or "")
