"""A pair against a gate that shows a session and takes what is sent."""

from __future__ import annotations

import pickle

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve

from beheard_hub.load.pairs import CommandRefused, Pair, Phone
from beheard_hub.load.phases import Crew


@pytest.mark.parametrize(
    ("status", "after"), [("PAUSED", "session.resume"), ("ACTIVE", "session.pause")]
)
async def test_after_a_loss_a_pair_goes_on_from_where_its_session_stands(
    status: str, after: str
) -> None:
    """The first command is heard and never answered: the status tells whether it was done."""
    named: list[str] = []

    async def gate(socket: ServerConnection) -> None:
        await socket.send('{"type":"hello"}')
        async for text in socket:
            frame = msgspec.json.decode(text)
            if frame["type"] == "subscribe":
                state = {"session": {"status": status}}
                shown = {"type": "snapshot", "sessionId": "s", "seq": 1, "state": state}
                await socket.send(msgspec.json.encode(shown), text=True)
            elif frame["type"] == "command":
                named.append(frame["name"])
                if len(named) == 1:
                    return
                await socket.send(f'{{"type":"ack","id":"{frame["id"]}","data":{{}}}}')

    async with serve(gate, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        crew = Crew(url, str)
        pair = Pair(await Phone.connect(url, "a"), await Phone.connect(url, "b"), "s")
        crew.pairs = [pair]
        with pytest.raises(ConnectionError):
            await pair.toggle()
        await crew.mended(0)
        await pair.toggle()
        await crew.leave()
    assert named == ["session.pause", after]


def test_a_refusal_says_the_same_in_another_process() -> None:
    """A benchmark runs in a process of its own; what could not be read there broke the pool."""
    refused = pickle.loads(pickle.dumps(CommandRefused("session.pause", "RATE_LIMITED")))
    assert str(refused) == "session.pause was refused: RATE_LIMITED"
    assert refused.code == "RATE_LIMITED"
