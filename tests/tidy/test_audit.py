"""An audit that could not ask is never taken for one that found nothing."""

from __future__ import annotations

import pytest

from tests.tidy.audit import NotAsked, holes

CLEAN = b'{"name": "ray", "version": "2", "vulns": []}'
SKIPPED = b'{"name": "ably", "skip_reason": "not found"}'
HOLED = b'{"name": "ably", "version": "3", "vulns": [{"id": "X-1", "fix_versions": ["4", "5"]}]}'


def answer(*packages: bytes) -> bytes:
    return b'{"dependencies": [' + b", ".join(packages) + b'], "fixes": []}'


def test_known_holes_are_named() -> None:
    assert holes(answer(CLEAN)) == []
    assert holes(answer(CLEAN, HOLED)) == ["ably 3: X-1, mended in 4, 5"]


@pytest.mark.parametrize("silence", [b"", b"Traceback", answer(), answer(CLEAN, SKIPPED)])
def test_what_was_not_asked_is_not_clean(silence: bytes) -> None:
    with pytest.raises(NotAsked):
        holes(silence)
