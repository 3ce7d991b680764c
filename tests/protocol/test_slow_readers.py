"""Backpressure: who reads slowly is closed or paced, and nobody else notices (spec 5.2)."""

from __future__ import annotations

import asyncio

import pytest

from beheard_hub.gateway import wire

from .conftest import PATIENCE_SECONDS, Client, Hub, StartHub, until

BLOB = "x" * 20_000


async def silent_listener(hub: Hub, token: str, **more: object) -> Client:
    """A subscribed client whose library stops reading from the socket at once."""
    client = await hub.open(token, max_queue=1)
    await client.expect("hello")
    await client.send(type="subscribe", sessionId="s1", **more)
    return client


@pytest.fixture
def patient_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is closed has as long to read why as the tests have to look."""
    monkeypatch.setattr(wire, "CLOSE_SECONDS_MAX", 10 * PATIENCE_SECONDS)


@pytest.mark.usefixtures("patient_close")
async def test_a_slow_reader_is_closed_4408_and_others_hear_everything(hub: Hub) -> None:
    slow = await silent_listener(hub, "alice")
    quick = await hub.listen("bob")
    await until(lambda: len(hub.host.subscribes) == 2, "both subscriptions")
    for number in range(400):
        hub.host.emit("s1", "alice", "big", {"text": BLOB})
        hub.host.emit("s1", "bob", "big", {"number": number})
        await asyncio.sleep(0)
    for number in range(400):
        event = await quick.expect("event")
        assert (event["seq"], event["data"]["number"]) == (number + 1, number)
    assert await slow.closed() == 4408
    assert slow.socket.close_reason == "too-slow"


async def test_a_reader_that_never_reads_is_cut_off(hub: Hub) -> None:
    slow = await silent_listener(hub, "alice")
    await until(lambda: len(hub.host.subscribes) == 1, "the subscription")
    slow.socket.transport.pause_reading()
    for _ in range(400):
        hub.host.emit("s1", "alice", "big", {"text": BLOB})
        await asyncio.sleep(0)
    await until(lambda: len(hub.gateway.lobby) == 0, "the connection to be forgotten")
    slow.socket.transport.abort()


@pytest.mark.usefixtures("patient_close")
async def test_more_frames_than_the_outbox_holds_close_4408(start_hub: StartHub) -> None:
    hub = await start_hub(outbox_frames_max=10, outbox_bytes_max=1 << 40)
    client = await hub.listen()
    for number in range(400):  # without a breath: more than the socket's buffers and ten frames
        hub.host.tell("s1", "alice", number + 1, "burst", {"text": BLOB})
    assert await client.closed() == 4408


async def test_a_long_replay_is_paced_by_its_reader(start_hub: StartHub) -> None:
    hub = await start_hub(outbox_frames_max=100)
    for _ in range(2_000):
        hub.host.emit("s1", "alice", "old", {"text": BLOB})
    client = await hub.listen(after=0)
    seqs = [(await client.expect("event"))["seq"] for _ in range(2_000)]
    assert seqs == list(range(1, 2_001))
    hub.host.emit("s1", "alice", "new", {})
    assert (await client.expect("event"))["seq"] == 2_001
    assert len(hub.host.subscribes) > 1


async def test_replies_of_many_pages_reach_a_reader_that_reads(hub: Hub) -> None:
    client = await hub.enter()
    page = {"text": "y" * 200_000}
    for number in range(20):
        await client.send(type="command", id=str(number), name="echo", data=page, sessionId="s1")
    acks = [await client.expect("ack") for _ in range(20)]
    assert [ack["id"] for ack in acks] == [str(number) for number in range(20)]


async def test_deltas_that_wait_are_merged(hub: Hub) -> None:
    client = await hub.listen()
    events = 0
    while hub.gateway.lobby.idle:  # until the socket takes no more
        hub.host.emit("s1", "alice", "big", {"text": BLOB})
        events += 1
        await asyncio.sleep(0)
    for index in range(3_000):
        hub.host.delta("s1", f"{index} ", index)
    for _ in range(events):
        await client.expect("event")
    text, frames, last = "", 0, -1
    while last < 2_999:
        delta = await client.expect("delta")
        assert delta["index"] > last
        text, frames, last = text + delta["text"], frames + 1, delta["index"]
    assert text == "".join(f"{index} " for index in range(3_000))
    assert frames < 3_000
