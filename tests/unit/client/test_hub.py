"""The client against a scripted hub: reconnect, resume, resend, refusals, draining, renewal."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from beheard_hub.client import (
    CommandTimeout,
    ConnectionLost,
    Event,
    Hub,
    HubError,
    Refused,
    Snapshot,
    socket,
)
from beheard_hub.client.frames import Codec
from beheard_hub.client.socket import Socket
from beheard_hub.client.stream import EventStream
from tests.unit.client.standin import AT, Line, standing_in


async def seqs(stream: EventStream, count: int) -> list[int]:
    taken: list[int] = []
    async with asyncio.timeout(30):
        async for frame in stream:
            if isinstance(frame, Event):
                taken.append(frame.seq)
            if len(taken) == count:
                return taken
    raise AssertionError("the stream ended early")


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_a_typed_command_and_its_reply(codec: Codec) -> None:
    async def script(line: Line) -> None:
        await line.greet()
        command = await line.expect("command")
        assert command["name"] == "emotions.record"
        assert command["sessionId"] == "s"
        assert command["data"] == {"intensity": 8}
        reading = {"id": "r", "intensity": 8, "context": None, "stage": 1, "timestamp": AT}
        await line.ack(
            command, reading=reading, offerSupport=True, supportType="BREATHING_EXERCISE"
        )
        await line.until_closed()

    async with (
        standing_in(script) as hub_there,
        Hub.connect(hub_there.url, "t", codec=codec) as hub,
    ):
        reply = await hub.session("s").emotions.record(8)
    assert reply.support_type == "BREATHING_EXERCISE"
    assert reply.reading.timestamp is not None
    assert reply.reading.timestamp.year == 2026


async def test_the_library_belongs_to_no_session() -> None:
    item = {
        "id": "i", "title": "A quiet hour", "description": "Without screens.", "category": "x",
        "source": "CURATED", "isActive": True, "contributedBy": None, "contributionConsent": None,
        "createdAt": AT, "updatedAt": AT,
    }  # fmt: skip
    asked: list[tuple[str, object]] = []

    async def script(line: Line) -> None:
        await line.greet()
        for reply in ({"item": item}, {"items": [item], "cursor": None, "hasMore": False},
                      {"removed": True}):  # fmt: skip
            command = await line.expect("command")
            assert "sessionId" not in command
            asked.append((command["name"], command["data"]))
            await line.ack(command, **reply)
        await line.until_closed()

    async with standing_in(script) as hub_there, Hub.connect(hub_there.url, "t") as hub:
        edited = (await hub.library.edit("i", is_active=True)).item
        [listed] = (await hub.library.list(limit=1)).items
        assert await hub.library.remove("i")
    assert (edited.title, listed.is_active) == ("A quiet hour", True)
    assert asked == [
        ("library.edit", {"itemId": "i", "isActive": True}),
        ("library.list", {"limit": 1}),
        ("library.remove", {"itemId": "i"}),
    ]


async def test_unanswered_commands_are_sent_again_with_their_ids_and_in_order() -> None:
    seen: list[list[str]] = [[], []]

    async def cut(line: Line) -> None:
        await line.greet()
        seen[0] = [(await line.expect("command"))["id"] for _ in range(3)]
        line.socket.transport.abort()

    async def answer(line: Line) -> None:
        await line.greet()
        for _ in range(3):
            command = await line.expect("command")
            seen[1].append(command["id"])
            await line.ack(command)
        await line.until_closed()

    async with standing_in(cut, answer) as there, Hub.connect(there.url, "t") as hub:
        await asyncio.gather(*(hub.command("x", session_id="s", id=f"id{n}") for n in range(3)))
    assert seen == [["id0", "id1", "id2"]] * 2


async def test_a_retryable_refusal_is_tried_again_and_holds_back_its_session_only() -> None:
    order: list[str] = []

    async def script(line: Line) -> None:
        await line.greet()
        first = await line.expect("command")
        await line.refuse(first, "SERVICE_UNAVAILABLE", retryable=True, retryAfterMs=15_000)
        for _ in range(3):
            command = await line.expect("command")
            order.append(command["id"])
            await line.ack(command)
        await line.until_closed()

    async with standing_in(script) as there, Hub.connect(there.url, "t") as hub:
        first = asyncio.create_task(hub.command("x", session_id="s", id="first"))
        while not any(p.attempts for p in hub._ledger._by_id.values()):
            await asyncio.wait_for(hub._wake.wait(), 20)
            await asyncio.sleep(0)
        second = asyncio.create_task(hub.command("x", session_id="s", id="second"))
        await hub.command("x", session_id="other", id="elsewhere")
        hub._ledger._by_id["first"].not_before = 0.0
        hub._wake.set()
        await asyncio.gather(first, second)
    assert order == ["elsewhere", "first", "second"]


async def test_a_refusal_of_the_domain_is_raised_at_once() -> None:
    async def script(line: Line) -> None:
        await line.greet()
        command = await line.expect("command")
        await line.refuse(command, "INVALID_STAGE", retryable=False, details={"yours": "1"})
        await line.until_closed()

    async with standing_in(script) as there, Hub.connect(there.url, "t") as hub:
        with pytest.raises(Refused) as refused:
            await hub.session("s").needs.list()
    assert refused.value.code == "INVALID_STAGE"
    assert refused.value.details == {"yours": "1"}
    assert isinstance(refused.value, HubError)


async def test_a_refusal_that_would_outlast_the_command_is_raised_at_once() -> None:
    async def script(line: Line) -> None:
        await line.greet()
        command = await line.expect("command")
        await line.refuse(command, "RATE_LIMITED", retryable=True, retryAfterMs=6 * 3_600_000)
        await line.until_closed()

    async with standing_in(script) as there, Hub.connect(there.url, "t") as hub:
        with pytest.raises(Refused, match="RATE_LIMITED"):
            await hub.session("s").nudge()


async def test_a_command_without_an_answer_times_out_and_names_itself() -> None:
    async def silent(line: Line) -> None:
        await line.greet()
        await line.until_closed()

    async with standing_in(silent) as there, Hub.connect(there.url, "t") as hub:
        with pytest.raises(CommandTimeout, match=r"session\.get .*0\.05 s"):
            await hub.command("session.get", session_id="s", timeout=0.05)
        assert len(hub._ledger) == 0


async def test_a_stream_resumes_after_the_last_event_it_took() -> None:
    async def cut(line: Line) -> None:
        await line.greet()
        assert "after" not in await line.expect("subscribe")
        await line.say("snapshot", sessionId="s", seq=4, state={"session": {}})
        await line.event(5)
        await line.event(6)
        await line.socket.close(1011)

    async def resumed(line: Line) -> None:
        await line.greet()
        assert (await line.expect("subscribe"))["after"] == 6
        await line.event(6)
        await line.event(7)
        await line.until_closed()

    async with standing_in(cut, resumed) as there, Hub.connect(there.url, "t") as hub:
        stream = hub.session("s").events()
        first = await anext(stream)
        assert isinstance(first, Snapshot)
        assert first.seq == 4
        assert await seqs(stream, 3) == [5, 6, 7]


async def test_a_hole_is_asked_for_again_and_never_shown() -> None:
    async def script(line: Line) -> None:
        await line.greet()
        assert (await line.expect("subscribe"))["after"] == 1
        await line.event(2)
        await line.event(4)
        await line.event(5)
        assert (await line.expect("subscribe"))["after"] == 2
        for seq in (3, 4, 5):
            await line.event(seq)
        await line.until_closed()

    async with standing_in(script) as there, Hub.connect(there.url, "t") as hub:
        stream = hub.session("s").events(after=1, confirm=False)
        assert await seqs(stream, 4) == [2, 3, 4, 5]


async def test_a_full_queue_unsubscribes_and_comes_back_without_a_hole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("beheard_hub.client.stream.Inbox.__init__.__defaults__", (3,))

    async def script(line: Line) -> None:
        await line.greet()
        await line.expect("subscribe")
        behind_the_events = await line.expect("command")
        for seq in range(1, 8):
            await line.event(seq)
        await line.ack(behind_the_events)
        await line.expect("unsubscribe")
        assert (await line.expect("subscribe"))["after"] == 3
        for seq in range(4, 7):
            await line.event(seq)
        await line.until_closed()

    async with standing_in(script) as there, Hub.connect(there.url, "t") as hub:
        stream = hub.session("s").events(after=0, confirm=False)
        await hub.command("x")
        taken = await seqs(stream, 6)
    assert taken == [1, 2, 3, 4, 5, 6]
    assert all(later == earlier + 1 for earlier, later in pairwise(taken))


async def test_a_refused_subscription_ends_its_stream() -> None:
    async def script(line: Line) -> None:
        await line.greet()
        await line.expect("subscribe")
        details = {"sessionId": "s"}
        await line.say("error", code="NOT_FOUND", message="No.", retryable=False, details=details)
        await line.until_closed()

    async with standing_in(script) as there, Hub.connect(there.url, "t") as hub:
        with pytest.raises(Refused, match="NOT_FOUND"):
            await anext(hub.session("s").events())


async def test_draining_finishes_what_is_under_way_and_sends_the_rest_elsewhere() -> None:
    began = 0.0

    async def drains(line: Line) -> None:
        nonlocal began
        await line.greet()
        under_way = await line.expect("command")
        began = time.monotonic()
        await line.say("draining", reconnectAfterMs=200)
        await line.ack(under_way)
        await line.until_closed()

    async def next_one(line: Line) -> None:
        await line.greet()
        await line.ack(await line.expect("command"))
        await line.until_closed()

    async with standing_in(drains, next_one) as there, Hub.connect(there.url, "t") as hub:
        await hub.command("x")
        await there.passed(0)
        await hub.command("y")
        assert time.monotonic() - began >= 0.2
        assert there.connections == 2


async def test_a_connection_is_used_until_the_time_to_leave_it() -> None:
    async def drains(line: Line) -> None:
        await line.greet()
        await line.say("draining", reconnectAfterMs=30_000)
        await line.ack(await line.expect("command"))
        await line.until_closed()

    async def next_one(line: Line) -> None:
        await line.greet()
        await line.until_closed()

    async with standing_in(drains, next_one) as there, Hub.connect(there.url, "t") as hub:
        await hub.command("x")
        assert there.connections == 1
        assert hub._leave_at is not None
        hub._leave_at = asyncio.get_running_loop().time()
        hub._wake.set()
        await there.passed(0)


async def test_a_refused_token_is_asked_for_anew() -> None:
    tokens = iter(["old", "new"])

    async def fresh() -> str:
        return next(tokens)

    async def refuses(line: Line) -> None:
        assert (await line.expect("auth"))["token"] == "old"
        await line.say("error", code="UNAUTHORIZED", message="No.", retryable=False)
        await line.socket.close(4401)

    async def accepts(line: Line) -> None:
        assert await line.greet() == "new"
        await line.until_closed()

    async with standing_in(refuses, accepts) as there, Hub.connect(there.url, fresh):
        assert there.connections == 2


async def test_a_hub_that_cannot_check_tokens_just_now_is_asked_again() -> None:
    async def without_database(line: Line) -> None:
        await line.expect("auth")
        await line.say("error", code="SERVICE_UNAVAILABLE", message="Later.", retryable=True)
        await line.until_closed()

    async def with_it(line: Line) -> None:
        await line.greet()
        await line.ack(await line.expect("command"))
        await line.until_closed()

    async with standing_in(without_database, with_it) as stand_in:
        async with Hub.connect(stand_in.url, "t") as hub:
            await hub.command("profile.get")
        assert stand_in.connections == 2


async def test_a_token_function_that_fails_is_not_waited_for() -> None:
    def fails() -> str:
        raise KeyError("no such account")

    async with standing_in() as there:
        with pytest.raises(ConnectionLost, match="KeyError") as lost:
            async with asyncio.timeout(20), Hub.connect(there.url, fails):
                raise AssertionError("it cannot have connected")
    assert isinstance(lost.value.__cause__, KeyError)


async def test_a_token_function_that_fails_later_ends_what_waits() -> None:
    tokens = ["first"]

    async def closes(line: Line) -> None:
        await line.greet()
        await line.expect("command")
        await line.socket.close(1011)

    async with standing_in(closes) as there, Hub.connect(there.url, tokens.pop) as hub:
        with pytest.raises(ConnectionLost, match="IndexError"):
            async with asyncio.timeout(20):
                await hub.command("x")


@pytest.mark.parametrize("code", [4400, 4401, 4403, 4409, 1009])
async def test_what_would_end_the_same_way_is_not_tried_again(code: int) -> None:
    async def closes(line: Line) -> None:
        await line.greet()
        await line.socket.close(code)

    async with standing_in(closes) as there, Hub.connect(there.url, "fixed") as hub:
        with pytest.raises(ConnectionLost) as lost:
            await anext(hub.session("s").events())
        assert lost.value.close_code == code
        with pytest.raises(ConnectionLost):
            await hub.command("x")
        assert there.connections == 1


async def test_a_token_is_renewed_on_the_live_connection() -> None:
    async def script(line: Line) -> None:
        assert await line.greet() == "first"
        assert await line.greet() == "second"
        await line.until_closed()

    async with standing_in(script) as there, Hub.connect(there.url, "first") as hub:
        await hub.renew("second")
        assert there.connections == 1


async def test_nobody_waits_for_a_renewal_that_nobody_could_check() -> None:
    async def script(line: Line) -> None:
        await line.greet()
        await line.expect("auth")
        await line.say("error", code="SERVICE_UNAVAILABLE", message="Later.", retryable=True)
        await line.until_closed()

    async with standing_in(script) as there, Hub.connect(there.url, "first") as hub:
        async with asyncio.timeout(20):
            with pytest.raises(Refused, match="SERVICE_UNAVAILABLE"):
                await hub.renew("second")


async def test_a_refused_stream_may_be_asked_for_again() -> None:
    async def script(line: Line) -> None:
        await line.greet()
        for _ in range(2):
            await line.expect("subscribe")
            told = {"message": "No.", "retryable": False, "details": {"sessionId": "s"}}
            await line.say("error", code="NOT_FOUND", **told)
        await line.until_closed()

    async with standing_in(script) as there, Hub.connect(there.url, "t") as hub:
        streams = []
        for _ in range(2):
            streams.append(hub.practice("s").events(observe=True))
            with pytest.raises(Refused, match="NOT_FOUND"):
                await anext(streams[-1])


def token_for(seconds: float) -> str:
    """One that ends so much later."""
    claims = json.dumps({"exp": time.time() + seconds}).encode()
    return f"h.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.s"


async def test_the_end_of_a_token_is_told_by_the_hubs_clock() -> None:
    of = Socket("ws://here", lambda: token_for(-300), "json")
    await of.fresh_token()
    ours = datetime.now(UTC)
    late = of.renew_in_seconds(ours - timedelta(seconds=600))
    assert late == pytest.approx(240, abs=60), "ours is ten minutes ahead"
    assert of.renew_in_seconds(None) == of.renew_in_seconds(ours) == 1.0, "not at once for ever"


async def test_a_token_that_ends_soon_is_renewed_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "RENEW_AGAIN_SECONDS_MIN", 0.05)
    given = [token_for(0.2), token_for(3600)]
    tokens = iter(given)

    async def script(line: Line) -> None:
        assert await line.greet() == given[0]
        assert await line.greet() == given[1]

    async with standing_in(script) as there, Hub.connect(there.url, lambda: next(tokens)):
        await there.passed(0)


async def test_closing_ends_whoever_waits() -> None:
    async def silent(line: Line) -> None:
        await line.greet()
        await line.until_closed()

    async with standing_in(silent) as there:
        async with Hub.connect(there.url, "t") as hub:
            waiting = asyncio.create_task(hub.command("x"))
            stream = hub.session("s").events()
            await asyncio.sleep(0)
        with pytest.raises(ConnectionLost):
            await waiting
        with pytest.raises(ConnectionLost):
            await anext(stream)


async def test_a_cancelled_command_is_not_sent_again() -> None:
    again: list[str] = []
    arrived = asyncio.Event()

    async def cut(line: Line) -> None:
        await line.greet()
        await line.expect("command")
        arrived.set()
        await line.expect("presence")
        line.socket.transport.abort()

    async def answer(line: Line) -> None:
        await line.greet()
        command = await line.expect("command")
        again.append(command["id"])
        await line.ack(command)
        await line.until_closed()

    async with standing_in(cut, answer) as there, Hub.connect(there.url, "t") as hub:
        task = asyncio.create_task(hub.command("x", id="cancelled"))
        await asyncio.wait_for(arrived.wait(), 20)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await hub.session("s").presence("active")
        await there.passed(0)
        await hub.command("x", id="later")
    assert again == ["later"]


async def test_no_hub_at_all_is_said_in_time() -> None:
    with pytest.raises(ConnectionLost, match="no hub answered"):
        async with Hub.connect("ws://127.0.0.1:9/v1/ws", "t", connect_timeout=0.3):
            pass


async def test_unknown_frames_and_the_tap() -> None:
    heard: list[str | bytes] = []

    async def script(line: Line) -> None:
        await line.greet()
        await line.say("from.the.future", anything=1)
        await line.ack(await line.expect("command"))
        await line.until_closed()

    async with standing_in(script) as there, Hub.connect(there.url, "t", tap=heard.append) as hub:
        await hub.command("x")
    assert len(heard) == 3
