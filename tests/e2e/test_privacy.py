"""What one person wrote in private reaches neither the other nor any log of the hub."""

from __future__ import annotations

import pytest

from beheard_hub.demo.record import PlayResult
from beheard_hub.journeys import SIDES, Side

from . import haystacks
from .conftest import Town

SENTENCE_CHARS_MIN = 20


def private_texts(result: PlayResult, side: Side) -> set[str]:
    """Sentences that this side wrote and let nobody read."""
    crossed = "\n".join([*result.consented["a"], *result.consented["b"]])
    return {
        text
        for _, text in result.written[side]
        if len(text) >= SENTENCE_CHARS_MIN and text not in crossed
    }


def needles(texts: set[str]) -> dict[bytes, int]:
    """Each text as it stands in a file, and as JSON escapes it; with a number to name it by."""
    found: dict[bytes, int] = {}
    for number, text in enumerate(sorted(texts)):
        found[text.encode()] = number
        found[text.encode("ascii", "backslashreplace")] = number
        found[text.replace("\\", "\\\\").replace('"', '\\"').encode()] = number
    return found


def hits(texts: set[str], haystack: bytes) -> list[int]:
    """Numbers of the texts that are there; never the texts themselves."""
    return sorted({number for needle, number in needles(texts).items() if needle in haystack})


@pytest.mark.parametrize(("writer", "reader"), [SIDES, SIDES[::-1]])
async def test_the_other_never_receives_it(
    friendship: PlayResult, writer: Side, reader: Side
) -> None:
    private = private_texts(friendship, writer)
    assert len(private) > 10
    own = raw(friendship, writer)
    assert hits(private, own), "the search finds nothing even where the texts must be"
    assert hits(private, raw(friendship, reader)) == []


async def test_no_log_holds_it(town: Town, friendship: PlayResult) -> None:
    assert friendship in town.played
    private = {
        text for result in town.played for side in SIDES for text in private_texts(result, side)
    }
    assert len(private) > 10
    for path in haystacks.logs(town):
        assert hits(private, path.read_bytes()) == [], path.name


def raw(result: PlayResult, side: Side) -> bytes:
    """All frames that this side received."""
    frames = result.received[side]
    return b"\n".join(f.encode() if isinstance(f, str) else f for f in frames)
