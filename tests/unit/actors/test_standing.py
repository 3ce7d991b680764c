"""Whether something that a reader should see shows nothing."""

from __future__ import annotations

import pytest

from beheard_hub.actors.standing import lacks
from beheard_hub.domain.kernel import Json, Ref

REF = Ref("message", "1")


@pytest.mark.parametrize(
    ("data", "shape", "expected"),
    [
        (REF, {"id": "1"}, False),
        (REF, None, True),
        ({"message": REF, "by": None}, {"message": {"id": "1"}, "by": None}, False),
        ({"message": REF}, {"message": None}, True),
        ([REF, REF], [{"id": "1"}, {"id": "1"}], False),
        ([REF, REF], [{"id": "1"}], True),
        ([{"message": REF}], [{"message": None}], True),
        ({"count": 0, "empty": []}, {"count": 0, "empty": []}, False),
    ],
)  # fmt: skip
def test_what_lacks(data: Json, shape: Json, expected: bool) -> None:
    assert lacks(data, shape) is expected
