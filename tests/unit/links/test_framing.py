"""Frames: whatever way the bytes are cut, the same messages come out."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beheard_hub.domain.limits import LINK_FRAME_BYTES_MAX
from beheard_hub.links import framing
from beheard_hub.links.framing import FrameReader, MalformedFrame, next_frames


def frames_of(messages: list[bytes]) -> bytes:
    parts = [msgspec.msgpack.encode(message) for message in messages]
    out = b""
    while parts:
        frame, count = next_frames(parts)
        out += frame
        del parts[:count]
    return out


@given(
    messages=st.lists(st.binary(max_size=60), max_size=30),
    cuts=st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=20),
)
def test_messages_survive_any_cutting(messages: list[bytes], cuts: list[int]) -> None:
    data = frames_of(messages)
    reader, got, at, turn = FrameReader(), [], 0, 0
    while at < len(data):
        step = cuts[turn % len(cuts)]
        for payload in reader.feed(data[at : at + step]):
            got += msgspec.msgpack.decode(payload)
        at, turn = at + step, turn + 1
    assert got == messages


@pytest.mark.parametrize("size", [10, 262_130, 262_140, 262_144, 700_000])
def test_no_frame_exceeds_its_bound(size: int) -> None:
    messages = [b"a", b"x" * size, b"b"]
    data, at = frames_of(messages), 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big") & ~framing.CONTINUES
        assert length + 4 <= LINK_FRAME_BYTES_MAX
        at += 4 + length
    got = [m for payload in FrameReader().feed(data) for m in msgspec.msgpack.decode(payload)]
    assert got == messages


def test_endless_continuation_is_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MESSAGES_BYTES_MAX", 1_000)
    reader = FrameReader()
    piece = (framing.CONTINUES | 400).to_bytes(4, "big") + b"x" * 400
    reader.feed(piece)
    reader.feed(piece)
    with pytest.raises(MalformedFrame):
        reader.feed(piece)
