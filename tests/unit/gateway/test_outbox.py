"""The outbox: bounded, in order, deltas merged."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.frames import CODECS, DEFAULT_CODEC, Delta, Event, Outgoing, Pong
from beheard_hub.gateway.outbox import Outbox


def event(seq: int, text: str = "") -> Event:
    return Event(session_id="s", seq=seq, name="n", data={"t": text}, at="now")


def delta(index: int, text: str, message_id: str = "m", *, reset: bool = False) -> Delta:
    return Delta(
        session_id="s", reply_to="r", message_id=message_id, index=index, text=text, reset=reset
    )


def drain(outbox: Outbox) -> list[dict[str, object]]:
    found = []
    while (payload := outbox.take()) is not None:
        found.append(msgspec.json.decode(payload))
    return found


def filled(*frames: Outgoing, bounds: Bounds | None = None) -> Outbox:
    outbox = Outbox(DEFAULT_CODEC, bounds or Bounds())
    for frame in frames:
        outbox.put(frame)
    return outbox


def test_order_is_kept() -> None:
    assert [frame["seq"] for frame in drain(filled(*map(event, range(50))))] == list(range(50))


def test_a_waiting_delta_absorbs_the_next_of_its_message() -> None:
    outbox = filled(delta(0, "a"), event(1), delta(0, "x", "other"), delta(1, "b"), delta(2, "c"))
    found = drain(outbox)
    assert [frame["type"] for frame in found] == ["delta", "event", "delta"]
    assert (found[0]["text"], found[0]["index"]) == ("abc", 2)
    assert outbox.size_bytes == 0


def test_a_delta_that_left_absorbs_nothing() -> None:
    outbox = filled(delta(0, "a"))
    outbox.take()
    outbox.put(delta(1, "b"))
    assert [frame["text"] for frame in drain(outbox)] == ["b"]


def test_a_reset_throws_the_waiting_pieces_away_and_stays_a_reset() -> None:
    [found] = drain(filled(delta(0, "a"), delta(1, "b", reset=True), delta(2, "c")))
    assert (found["text"], found["reset"], found["index"]) == ("bc", True, 2)


def test_too_many_frames() -> None:
    outbox = filled(*map(event, range(3)), bounds=Bounds(outbox_frames_max=3))
    assert not outbox.overflowed
    outbox.put(Pong())
    assert outbox.overflowed
    assert (len(outbox), outbox.size_bytes, outbox.take()) == (0, 0, None)


def test_too_many_bytes() -> None:
    assert not filled(event(1, "x" * 900)).overflowed
    assert filled(event(1, "x" * 900), bounds=Bounds(outbox_bytes_max=900)).overflowed
    assert filled(event(1, "ü" * 500), bounds=Bounds(outbox_bytes_max=900)).overflowed
    deltas = (delta(index, "x" * 100) for index in range(10))
    assert filled(*deltas, bounds=Bounds(outbox_bytes_max=900)).overflowed


def test_crowded_is_more_than_half() -> None:
    bounds = Bounds(outbox_frames_max=4)
    assert not filled(Pong(), Pong(), bounds=bounds).crowded
    assert filled(Pong(), Pong(), Pong(), bounds=bounds).crowded


FRAMES = st.one_of(
    st.builds(event, st.integers(0, 100), st.text(max_size=20)),
    st.builds(delta, st.integers(0, 9), st.text(max_size=9), st.sampled_from("mn")),
    st.none(),
)


@given(st.lists(FRAMES, max_size=60), st.sampled_from(sorted(CODECS)))
def test_the_count_of_bytes_ends_at_nothing(steps: list[Outgoing | None], codec: str) -> None:
    outbox = Outbox(CODECS[codec], Bounds())
    put = {"m": "", "n": ""}
    for frame in steps:
        if frame is None:
            outbox.take()
            continue
        outbox.put(frame)
        if isinstance(frame, Delta):
            put[frame.message_id] += frame.text
        assert 0 <= outbox.size_bytes <= Bounds().outbox_bytes_max
    while outbox.take() is not None:
        assert outbox.size_bytes >= 0
    assert (len(outbox), outbox.size_bytes) == (0, 0)
