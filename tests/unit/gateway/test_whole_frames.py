"""Frames are cut where they end, however their bytes come; only plain ones are taken out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from beheard_hub.gateway.whole_frames import Message, Piece, WholeFrames

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


def raw(piece: Piece) -> bytes:
    return piece if isinstance(piece, bytes) else piece.raw


def plain(found: list[Frame]) -> list[tuple[bool, bytes]]:
    return [
        (frame.opcode is Opcode.TEXT, bytes(frame.data))
        for frame in found
        if frame.opcode in PLAIN and frame.fin and len(frame.data) <= BYTES_MAX
    ]


def messages(pieces: list[Piece]) -> list[tuple[bool, bytes]]:
    return [(piece.text, piece.payload) for piece in pieces if isinstance(piece, Message)]


@given(st.lists(frames, max_size=6))
def test_of_whole_frames_every_plain_one_is_taken_out(sent: list[Frame]) -> None:
    stream = WholeFrames(BYTES_MAX)
    pieces = [piece for frame in sent for piece in stream.pieces(wire(frame))]
    assert messages(pieces) == plain(sent)
    together = b"".join(wire(frame) for frame in sent)
    assert messages(list(WholeFrames(BYTES_MAX).pieces(together))) == plain(sent)


@given(st.lists(frames, max_size=6), st.lists(st.integers(0, 400), max_size=20))
def test_nothing_is_lost_moved_or_taken_for_another_however_it_is_cut(
    sent: list[Frame], cuts: list[int]
) -> None:
    data, stream = b"".join(wire(frame) for frame in sent), WholeFrames(BYTES_MAX)
    pieces: list[Piece] = []
    rest = data
    for cut in cuts:
        pieces += stream.pieces(rest[:cut])
        rest = rest[cut:]
    pieces += stream.pieces(rest)
    assert b"".join(map(raw, pieces)) == data
    taken, expected = messages(pieces), iter(plain(sent))
    assert all(message in expected for message in taken)  # in their order, some left out


@given(frames)
def test_a_frame_without_a_mask_is_left_to_the_parser(frame: Frame) -> None:
    data = wire(frame, mask=False)
    assert b"".join(map(raw, WholeFrames(BYTES_MAX).pieces(data))) == data
    assert not messages(list(WholeFrames(BYTES_MAX).pieces(data)))


def test_what_is_begun_is_left_to_the_parser_and_what_follows_is_not() -> None:
    data, stream = wire(Frame(Opcode.TEXT, b"hello")), WholeFrames(BYTES_MAX)
    assert messages([*stream.pieces(data[:8]), *stream.pieces(data[8:] + data)]) == [
        (True, b"hello")
    ]


def test_a_piece_tells_nothing_of_what_it_holds() -> None:
    [piece] = WholeFrames(BYTES_MAX).pieces(wire(Frame(Opcode.TEXT, b"secret")))
    assert "secret" not in repr(piece)
