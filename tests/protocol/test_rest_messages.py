"""POST /messages and /messages/stream: whose answer is whose, and what ends the wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest

from beheard_hub.domain.refusals import Code
from beheard_hub.gateway.rest.conversation import ANSWERS_FOLLOWED_MAX, ENDS, PAUSE_REASON
from beheard_hub.link_messages import Acked, CommandTo, DeltaFrom

from .conftest import PATIENCE_SECONDS, Hub, StartHub, until
from .fake_host import FakeHost, FakeLink, World
from .test_rest import ONE, Caller, refusal

PLAIN, STREAM = f"{ONE}/messages", f"{ONE}/messages/stream"
BODY = {"content": "We argued again."}
MINE = "m5"


def message(message_id: str, *, mine: bool = False) -> dict[str, Any]:
    sender = "alice" if mine else None
    return {"id": message_id, "senderId": sender, "content": f"text of {message_id}"}


class Talking(FakeHost):
    """Answers `message.send` with the message `MINE`; the test plays the facilitator."""

    thread: list[dict[str, Any]]

    def __init__(self, world: World, host_id: str) -> None:
        super().__init__(world, host_id)
        self.thread = []
        self.so_far: list[str] = []
        """What was said of an answer `m6` before the ack."""
        self.at_once = ""
        """The answer that comes right behind the ack."""

    def ack(self, link: FakeLink, message_: CommandTo) -> None:
        if message_.name == "message.send":
            again = message_.id == "again"
            for index, text in enumerate(self.so_far, 3):
                self.says(text, "m6", MINE, index=index, reset=index == 3)
            reply = {"userMessage": message(MINE, mine=True)}
            link.answer(Acked(message_.rid, reply, 0, again))
            if self.at_once:
                self.answers(self.at_once)
        elif message_.name == "message.list":
            link.answer(Acked(message_.rid, {"messages": self.thread}, 0))
        else:
            super().ack(link, message_)

    @property
    def listened(self) -> bool:
        return any(link.subs for link in self.links)

    def says(self, text: str, answer: str, to: str, *, index: int = 0, reset: bool = False) -> None:
        """A delta."""
        link = self.link
        link.answer(DeltaFrom(list(link.subs), "s1", to, answer, index, text, reset))

    def tells(self, name: str, **data: Any) -> None:
        """An event."""
        self.emit("s1", "alice", name, data)

    def answers(self, message_id: str) -> None:
        """The facilitator's message is stored."""
        self.tells("message.created", message=message(message_id))


@pytest.fixture
async def talking(start_hub: StartHub) -> Hub:
    return await start(start_hub)


async def start(start_hub: StartHub, **bounds: Any) -> Hub:
    world = World()
    world.hosts["h1"] = Talking(world, "h1")
    world.owners = ["h1"] * len(world.owners)
    hub = await start_hub(world, **bounds)
    await until(lambda: hub.gateway.lobby.router.ready, "all shards reachable")
    return hub


def host_of(hub: Hub) -> Talking:
    assert isinstance(hub.host, Talking)
    return hub.host


@asynccontextmanager
async def sent(hub: Hub, path: str = PLAIN, **more: Any) -> AsyncIterator[asyncio.Task[Any]]:
    """A message under way: it is stored and nobody has answered it."""
    hub.host.commands.clear()
    async with Caller(hub) as alice:
        asked = asyncio.create_task(alice.ask("POST", path, json=BODY, **more))
        commands = hub.host.commands
        await until(lambda: any(c.name == "message.send" for c in commands), "the message")
        yield asked
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
    await until(lambda: not host_of(hub).listened, "nobody listens")
    await until(lambda: not hub.gateway.lobby.calls, "nobody waits")


def data_of(response: httpx.Response) -> dict[str, Any]:
    body = response.json()
    assert body["success"] is True
    data: dict[str, Any] = body["data"]
    return data


async def test_plain_waits_for_the_answer(talking: Hub) -> None:
    async with sent(talking) as asked:
        host_of(talking).says("Tell", "m6", MINE)
        host_of(talking).answers("m6")
        data = data_of(await asked)
    assert data == {"userMessage": message(MINE, mine=True), "aiResponse": message("m6")}


async def test_an_answer_right_behind_the_ack(talking: Hub) -> None:
    host_of(talking).at_once = "m6"
    async with sent(talking) as asked:
        assert data_of(await asked)["aiResponse"]["id"] == "m6"


async def test_an_answer_to_earlier_words_is_not_ours(talking: Hub) -> None:
    host = host_of(talking)
    async with sent(talking) as asked:
        host.answers("m3")
        host.says("old", "m6", "m2")
        host.answers("m6")
        host.says("new", "m7", MINE)
        host.answers("m8")
        host.answers("m7")
        assert data_of(await asked)["aiResponse"]["id"] == "m7"


async def test_who_asks_again_in_the_middle_of_the_answer_gets_all_of_it(talking: Hub) -> None:
    """What was told before the ack counts, too."""
    host = host_of(talking)
    host.so_far = ["Tell ", "me "]
    async with sent(talking, STREAM, headers={"Idempotency-Key": "again"}) as asked:
        host.says("more.", "m6", MINE, index=5)
        host.answers("m6")
        response = await asked
    assert [data for name, data in events_of(response.content) if name == "chunk"] == [
        {"messageId": "m6", "index": 4, "text": "Tell me ", "reset": True},
        {"messageId": "m6", "index": 5, "text": "more."},
    ]


async def test_an_answer_to_later_words_is_ours_too(talking: Hub) -> None:
    async with sent(talking) as asked:
        host_of(talking).says("both", "m7", "m6")
        host_of(talking).answers("m7")
        assert data_of(await asked)["aiResponse"]["id"] == "m7"


async def test_an_answer_of_which_no_piece_was_seen(talking: Hub) -> None:
    async with sent(talking) as asked:
        host_of(talking).tells("message.created", message=message(MINE, mine=True))
        host_of(talking).answers("m6")
        assert data_of(await asked)["aiResponse"]["id"] == "m6"


async def test_a_pause_is_suggested(talking: Hub) -> None:
    async with sent(talking) as asked:
        host_of(talking).tells("support.offered", supportType="PAUSE_SESSION")
        host_of(talking).answers("m6")
        data = data_of(await asked)
    assert (data["suggestPause"], data["pauseReason"]) == (True, PAUSE_REASON)


@pytest.mark.parametrize("name", ENDS)
async def test_what_ends_the_wait_without_an_answer(talking: Hub, name: str) -> None:
    async with sent(talking) as asked:
        host_of(talking).tells(name)
        assert data_of(await asked)["aiResponse"] is None
    async with sent(talking, STREAM) as asked:
        host_of(talking).tells(name)
        [_, (kind, error)] = events_of((await asked).content)
    assert (kind, error["code"]) == ("error", ENDS[name])


@pytest.mark.parametrize("path", [PLAIN, STREAM])
async def test_a_facilitator_that_says_nothing(start_hub: StartHub, path: str) -> None:
    hub = await start(start_hub, facilitator_seconds_max=0.05)
    async with sent(hub, path) as asked:
        response = await asked
    if path == PLAIN:
        assert data_of(response)["aiResponse"] is None
    else:
        assert events_of(response.content)[-1][1]["code"] == "SERVICE_UNAVAILABLE"


@pytest.mark.parametrize("path", [PLAIN, STREAM])
async def test_a_refused_message_is_an_ordinary_refusal(talking: Hub, path: str) -> None:
    talking.host.refuses = Code.INVALID_STAGE
    async with Caller(talking) as alice:
        response = await alice.ask("POST", path, json=BODY)
    assert refusal(response)["code"] == "INVALID_STAGE"
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", [PLAIN, STREAM])
async def test_a_session_that_refuses_to_be_heard(talking: Hub, path: str) -> None:
    talking.host.refuses = Code.NOT_FOUND
    async with Caller(talking) as alice:
        other = await alice.ask("POST", path.replace("s1", "other"), json=BODY)
        same = await alice.ask("POST", path, json=BODY)
    assert refusal(other) == refusal(same)
    assert (await_codes := (other.status_code, same.status_code)) == (404, 404), await_codes


@pytest.mark.parametrize("path", [PLAIN, STREAM])
async def test_a_message_sent_again_after_its_answer(talking: Hub, path: str) -> None:
    later = [message("m7"), message("m6"), message(MINE, mine=True), message("m4")]
    host_of(talking).thread = later
    async with sent(talking, path, headers={"Idempotency-Key": "again"}) as asked:
        response = await asked
    assert response.headers["Idempotent-Replayed"] == "true"
    if path == PLAIN:
        assert data_of(response)["aiResponse"]["id"] == "m6"
    else:
        assert events_of(response.content)[-1] == ("complete", {"message": message("m6")})


async def test_a_message_sent_again_before_its_answer(talking: Hub) -> None:
    host = host_of(talking)
    host.thread = [message(MINE, mine=True), message("m4")]
    async with sent(talking, headers={"Idempotency-Key": "again"}) as asked:
        await until(lambda: host.commands[-1].name == "message.list", "a look at the thread")
        host.answers("m6")
        assert data_of(await asked)["aiResponse"]["id"] == "m6"


# ---- streams


def events_of(content: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Name and data of each event; comments are passed over."""
    found = []
    for block in content.decode().split("\n\n"):
        if block and not block.startswith(":"):
            name, data = block.split("\n")
            told = msgspec.json.decode(data.removeprefix("data: "))
            found.append((name.removeprefix("event: "), told))
    return found


async def test_a_stream_tells_piece_by_piece(talking: Hub) -> None:
    host = host_of(talking)
    async with sent(talking, STREAM) as asked:
        host.says("not ", "m4", "m3")
        host.says("Tell ", "m6", MINE)
        host.says("", "m6", MINE, index=1, reset=True)
        host.says("So ", "m6", MINE)
        host.answers("m6")
        response = await asked
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["X-Request-Id"]
    assert events_of(response.content) == [
        ("user_message", {"message": message(MINE, mine=True)}),
        ("chunk", {"messageId": "m6", "index": 0, "text": "Tell "}),
        ("chunk", {"messageId": "m6", "index": 1, "text": "", "reset": True}),
        ("chunk", {"messageId": "m6", "index": 0, "text": "So "}),
        ("complete", {"message": message("m6")}),
    ]


async def test_a_quiet_stream_has_a_heartbeat(start_hub: StartHub) -> None:
    hub = await start(start_hub, beat_seconds=0.02)
    async with Caller(hub) as alice, alice.http.stream("POST", STREAM, json=BODY) as response:
        seen = b""
        async for piece in response.aiter_bytes():
            seen += piece
            if seen.count(b": beat\n\n") == 3:
                break
    assert events_of(seen) == [("user_message", {"message": message(MINE, mine=True)})]


async def test_a_client_that_goes_is_heard_of_no_more(talking: Hub) -> None:
    async with Caller(talking) as alice, alice.http.stream("POST", STREAM, json=BODY) as response:
        await anext(response.aiter_bytes())
        assert host_of(talking).listened
    await until(lambda: not host_of(talking).listened, "the subscription ended")
    await until(lambda: not talking.gateway.lobby.calls, "nobody waits")


async def test_a_reader_too_slow_ends_its_own_stream_only(start_hub: StartHub) -> None:
    hub = await start(start_hub, outbox_frames_max=4, crowded_seconds_max=0.2)
    host = host_of(hub)
    other = await hub.listen()
    _, writer = await asyncio.open_connection("127.0.0.1", hub.gateway.port, limit=1024)
    body = msgspec.json.encode(BODY)
    writer.write(
        f"POST /api/v1{STREAM} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer alice\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    commands = hub.host.commands
    await until(lambda: any(c.name == "message.send" for c in commands), "the message")
    for index in range(100):
        for _ in range(10):
            host.says("x" * 20_000, "m6", MINE, index=index)
        assert (await other.next())["type"] == "delta"
        if not hub.gateway.lobby.calls:
            break
    await until(lambda: not hub.gateway.lobby.calls, "the slow one was given up")
    writer.close()
    await other.still_lives()


async def test_a_drain_ends_a_stream_with_a_word(start_hub: StartHub) -> None:
    hub = await start(start_hub, drain_seconds_max=0.05)
    async with Caller(hub) as alice, alice.http.stream("POST", STREAM, json=BODY) as response:
        pieces = response.aiter_bytes()
        seen = await anext(pieces)
        await hub.gateway.drain()
        async for piece in pieces:
            seen += piece
    assert [name for name, _ in events_of(seen)] == ["user_message", "error"]


async def test_many_answers_at_once_are_bounded(talking: Hub) -> None:
    host = host_of(talking)
    async with sent(talking) as asked:
        for number in range(ANSWERS_FOLLOWED_MAX * 2):
            host.says("other", f"m1{number:03}", "m0")
        host.answers("m6")
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert data_of(await asked)["aiResponse"]["id"] == "m6"
