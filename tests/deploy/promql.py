"""What a query of Prometheus speaks of, read without an engine: metrics, labels, functions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from beheard_hub.observability.metrics import EVERY

FUNCTIONS = {"histogram_quantile", "increase", "max", "or", "rate", "sum", "topk", "up", "vector"}
"""What our queries may use; `up` is Prometheus's own metric."""
FROM_PROMETHEUS = {"instance", "job", "le", "process"}
"""Labels that scraping, or the page of all processes, adds."""

_METRIC = re.compile(r"\bbeheard_\w+")
_BRACES = re.compile(r"\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
_GROUPED = re.compile(r"\bby\s*\(([^)]*)\)")
_STRING = re.compile(r'"[^"]*"')
_RANGE = re.compile(r"\[[^\]]*\]")
_WORD = re.compile(r"[A-Za-z_]\w*")


def samples() -> Mapping[str, frozenset[str]]:
    """Every sample name that the hub can show, and its labels."""
    found: dict[str, frozenset[str]] = {}
    for registry in EVERY:
        for one in cast(Any, registry)._collector_to_names:
            labels = frozenset(getattr(one, "_labelnames", ())) | FROM_PROMETHEUS
            for family in one.describe() if hasattr(one, "describe") else one.collect():
                for ending in _ENDINGS[family.type]:
                    found[family.name + ending] = labels
    return found


_ENDINGS: Mapping[str, tuple[str, ...]] = {
    "gauge": ("",),
    "counter": ("_total",),
    "histogram": ("_bucket", "_count", "_sum"),
}


def metrics(query: str) -> set[str]:
    """Names of ours in a query."""
    return set(_METRIC.findall(_STRING.sub('""', query)))


def labels(query: str) -> set[str]:
    """Labels by which a query chooses or groups."""
    chosen = {name for braces in _BRACES.findall(query) for name, _ in _MATCHER.findall(braces)}
    return chosen | {name.strip() for group in _GROUPED.findall(query) for name in group.split(",")}


def faults(query: str) -> Iterator[str]:
    """What is wrong with a query, in words."""
    known = samples()
    for name in sorted(metrics(query) - set(known)):
        yield f"no metric {name}"
    allowed = frozenset(FROM_PROMETHEUS).union(*(known.get(n, frozenset()) for n in metrics(query)))
    for label in sorted(labels(query) - allowed):
        yield f"no label {label}"
    bare = _GROUPED.sub("", _RANGE.sub("", _BRACES.sub("", _STRING.sub("", query))))
    for word in sorted(set(_WORD.findall(bare)) - FUNCTIONS - metrics(query)):
        yield f"unknown word {word}"
    for opened, closed in ("()", "[]", "{}"):
        if query.count(opened) != query.count(closed):
            yield f"{opened} without {closed}"
    for name in metrics(query):
        grows = name.endswith(("_total", "_bucket")) and f"sum({name})" not in query
        if grows and not re.search(rf"(rate|increase)\({name}", query):
            yield f"{name} only grows: it needs rate or increase"
