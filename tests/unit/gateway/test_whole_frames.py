"""Frames are cut where they end, however their bytes come; only plain ones are taken out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from beheard_hub.gateway.whole_frames import WholeFrames

BYTES_MAX = 70_000
PLAIN = (Opcode.TEXT, Opcode.BINARY)

frames = st.builds(
    Frame,
    st.sampled_from(list(Opcode)),
    st.one_of(
        st.binary(max_size=130),
        st.sampled_from([125, 126, 127, 65_535, 65_536, BYTES_MAX, BYTES_MAX + 1]).map(bytes),
    ),
    st.booleans(),
)


def wire(frame: Frame, *, mask: bool = True) -> bytes:
    if frame.opcode in (Opcode.CLOSE, Opcode.PING, Opcode.PONG):
        frame = Frame(frame.opcode, frame.data[:125])
    return frame.serialize(mask=mask)


class Stream:
    """One peer's: what was offered, taken or not, and what was left to the parser."""

    def __init__(self, *, takes: bool = True) -> None:
        self.offered: list[tuple[bool, bytes]] = []
        self.left: list[bytes] = []
        self._takes = takes
        self._frames = WholeFrames(BYTES_MAX, self._take)

    def _take(self, payload: bytes, is_text: bool) -> bool:
        self.offered.append((is_text, payload))
        return self._takes

    def came(self, data: bytes) -> None:
        for piece in self._frames.rest(data):
            self.left.append(piece)


def plain(found: list[Frame]) -> list[tuple[bool, bytes]]:
    return [
        (frame.opcode is Opcode.TEXT, bytes(frame.data))
        for frame in found
        if frame.opcode in PLAIN and frame.fin and len(frame.data) <= BYTES_MAX
    ]


@given(st.lists(frames, max_size=6))
def test_of_whole_frames_every_plain_one_is_taken_out(sent: list[Frame]) -> None:
    whole = [wire(frame) for frame in sent]  # once: each has a mask of its own
    one_by_one, together = Stream(), Stream()
    for data in whole:
        one_by_one.came(data)
    together.came(b"".join(whole))
    left = [data for frame, data in zip(sent, whole, strict=True) if not plain([frame])]
    for stream in (one_by_one, together):
        assert stream.offered == plain(sent)
        assert stream.left == left


@given(st.lists(frames, max_size=6), st.lists(st.integers(0, 400), max_size=20))
def test_nothing_is_lost_moved_or_taken_for_another_however_it_is_cut(
    sent: list[Frame], cuts: list[int]
) -> None:
    data, stream = b"".join(wire(frame) for frame in sent), Stream(takes=False)
    rest = data
    for cut in cuts:
        stream.came(rest[:cut])
        rest = rest[cut:]
    stream.came(rest)
    assert b"".join(stream.left) == data
    expected = iter(plain(sent))
    assert all(message in expected for message in stream.offered)  # in their order, some left out


@given(frames)
def test_a_frame_without_a_mask_is_left_to_the_parser(frame: Frame) -> None:
    data, stream = wire(frame, mask=False), Stream()
    stream.came(data)
    assert b"".join(stream.left) == data
    assert not stream.offered


def test_what_is_begun_is_left_to_the_parser_and_what_follows_is_not() -> None:
    data, stream = wire(Frame(Opcode.TEXT, b"hello")), Stream()
    stream.came(data[:8])
    stream.came(data[8:] + data)
    assert stream.offered == [(True, b"hello")]
    assert b"".join(stream.left) == data


def test_a_frame_is_offered_only_when_what_came_before_it_was_parsed() -> None:
    order: list[bytes] = []

    def take(payload: bytes, is_text: bool) -> bool:
        order.append(payload)
        return True

    ping, text = wire(Frame(Opcode.PING, b"p")), wire(Frame(Opcode.TEXT, b"t"))
    for piece in WholeFrames(BYTES_MAX, take).rest(ping + text + ping):
        order.append(piece)
    assert order == [ping, b"t", ping]
