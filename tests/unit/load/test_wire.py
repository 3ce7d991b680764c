"""The generator's own websocket: frames however they are cut, and what it sends."""

from __future__ import annotations

import asyncio
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import SERVER, Protocol

from beheard_hub.load.wire import Wire

UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"

texts = st.lists(
    st.one_of(st.binary(max_size=130), st.sampled_from([125, 126, 65_535, 65_536]).map(bytes)),
    max_size=5,
)


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def opened() -> tuple[Wire, Transport, list[bytes]]:
    heard: list[bytes] = []
    wire, transport = Wire(heard.append, lambda: None), Transport()
    wire.connection_made(cast("asyncio.Transport", transport))
    return wire, transport, heard


@given(texts, st.lists(st.integers(0, 200), max_size=20))
def test_every_text_is_heard_once_however_the_bytes_come(
    sent: list[bytes], cuts: list[int]
) -> None:
    async def play() -> None:
        wire, transport, heard = await opened()
        rest = UPGRADED + b"".join(
            Frame(Opcode.TEXT, text).serialize(mask=False)
            + Frame(Opcode.PING, b"still there?").serialize(mask=False)
            for text in sent
        )
        for cut in cuts:
            wire.data_received(rest[:cut])
            rest = rest[cut:]
        wire.data_received(rest)
        assert heard == sent
        answers = [frame for frame in received(transport.written) if frame.opcode is Opcode.PONG]
        assert [bytes(frame.data) for frame in answers] == [b"still there?"] * len(sent)

    asyncio.run(play())


@given(st.lists(st.sampled_from([0, 1, 125, 126, 65_535]).map(bytes), max_size=4))
def test_a_server_reads_what_it_sends(texts: list[bytes]) -> None:
    async def play() -> None:
        wire, transport, _ = await opened()
        for text in texts:
            wire.send(text)
        await asyncio.sleep(0)
        assert [bytes(frame.data) for frame in received(transport.written)] == texts

    asyncio.run(play())


async def test_a_close_is_answered_and_its_reason_kept() -> None:
    wire, transport, heard = await opened()
    close = Frame(Opcode.CLOSE, (4408).to_bytes(2, "big")).serialize(mask=False)
    wire.data_received(UPGRADED + close)
    assert (wire.close_code, transport.closed, heard) == (4408, True, [])
    assert [frame.opcode for frame in received(transport.written)] == [Opcode.CLOSE]


def received(data: bytes) -> list[Frame]:
    """What a server would have read."""
    server = Protocol(SERVER)
    server.receive_data(data)
    return [event for event in server.events_received() if isinstance(event, Frame)]
