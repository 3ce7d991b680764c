"""The library as data: enough of it, spread out, and every item has a time and a measure."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import beheard_hub.persistence

_SQL = (
    Path(beheard_hub.persistence.__file__).parent / "migrations" / "0100_library.sql"
).read_text("utf-8")
_TEXT = r"'((?:[^']|'')*)'"
_ITEMS = re.findall(rf"\(\s*{_TEXT}, {_TEXT}, {_TEXT},\s*{_TEXT}\s*\)", _SQL)
_CATEGORIES = {
    "communication",
    "quality-time",
    "conflict-resolution",
    "appreciation",
    "household",
    "space-and-autonomy",
    "repair-after-argument",
}


def test_enough_items_and_every_one_is_read() -> None:
    assert len(_ITEMS) >= 40
    assert len(_ITEMS) == _SQL.count("'lib-")


def test_every_category_has_several() -> None:
    counts = Counter(category for _, category, _, _ in _ITEMS)
    assert set(counts) == _CATEGORIES
    assert min(counts.values()) >= 5


def test_ids_titles_and_texts_are_unique() -> None:
    for column in (0, 2, 3):
        values = [item[column] for item in _ITEMS]
        assert len(set(values)) == len(values)


def test_each_is_timed_reversible_and_measured() -> None:
    for item in _ITEMS:
        text = item[3]
        assert re.search(r"Try it for [^;.]{3,100}; either of you may stop it at any time\.", text)
        assert re.search(r"It has helped if [^.]{10,300}\.$", text)
        assert len(text) + len(item[2]) <= 790


def test_it_can_run_twice() -> None:
    assert "ON CONFLICT (id) DO NOTHING" in _SQL
