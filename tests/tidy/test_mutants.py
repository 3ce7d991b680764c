"""A weakening whose passage was rewritten weakens nothing, and would be found out only by hand."""

from __future__ import annotations

import pytest

from tests.mutants.__main__ import PACKAGE, ROOT
from tests.mutants.weakenings import TEXT, WEAKENINGS, Text, Weakening


@pytest.mark.parametrize("weakening", TEXT, ids=lambda weakening: weakening.name)
def test_what_is_to_be_weakened_is_there_once(weakening: Text) -> None:
    passage = (ROOT / PACKAGE / weakening.file).read_text()
    assert passage.count(weakening.old) == 1


@pytest.mark.parametrize("weakening", WEAKENINGS, ids=lambda weakening: weakening.name)
def test_who_is_to_see_it_is_there(weakening: Weakening) -> None:
    for test in weakening.tests:
        path, _, name = test.partition("::")
        assert (ROOT / path).exists(), test
        if name:
            assert f"def {name.partition('[')[0]}" in (ROOT / path).read_text(), test
