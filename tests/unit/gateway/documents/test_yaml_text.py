"""What is written as YAML is read as the same data by somebody else's reader."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beheard_hub.gateway.documents.yaml_text import dump

yaml: Any = importlib.import_module("yaml")

LEAVES = st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="ascii"))
DATA = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab:\n "), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=60)
@given(st.dictionaries(st.text("abc /$.{}", min_size=1), DATA, min_size=1, max_size=3))
def test_it_comes_back_as_it_was(data: dict[str, Any]) -> None:
    assert yaml.safe_load(dump(data)) == data


@pytest.mark.parametrize(
    "text",
    ["yes", "NO", "null", "1", "1.5", "a: b", "- a", "a #b", "#a", "a\nb\n", " a\n", "", "~", "=",
     "2026-03-02", "0x1f", "{a}", "*a", "&a", "!a", "|", ">", "%a", "@a", "`a`", "'a'", '"a"',
     "a\n\nb\n", "a\n  b\n", "\ta\n", "é\u2028", "Off", "a\\b"],
)  # fmt: skip
def test_text_that_could_be_taken_for_something_else(text: str) -> None:
    assert yaml.safe_load(dump({"a": [text, {"b": text}]})) == {"a": [text, {"b": text}]}


def test_it_reads_well() -> None:
    data = {"paths": {"/a/{id}": {"get": {"tags": ["One"], "text": "a\nb\n", "none": {}}}}}
    assert dump(data) == (
        "paths:\n  /a/{id}:\n    get:\n      tags:\n        - One\n      text: |\n"
        "        a\n        b\n      none: {}\n"
    )
