"""The answer that is being written, as a stream puts it together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from beheard_hub.client.frames import Delta, Event, Snapshot, Streamed
from beheard_hub.client.stream import Inbox, Writing


def piece(text: str, message_id: str = "m", *, reset: bool = False) -> Delta:
    return Delta("s", message_id, text=text, reset=reset or None)


def created(message_id: str, seq: int = 1) -> Event:
    data = {"message": {"id": message_id}}
    return Event("s", seq, "message.created", data, datetime(2026, 1, 1, tzinfo=UTC))


def shown(*frames: Streamed) -> tuple[str | None, str]:
    writing = Writing()
    for frame in frames:
        writing.took(frame)
    return writing.message_id, writing.text


def test_pieces_are_joined_until_the_message_is_there() -> None:
    assert shown() == (None, "")
    assert shown(piece("a"), piece("b")) == ("m", "ab")
    assert shown(piece("a"), created("mine"), piece("b")) == ("m", "ab")
    assert shown(piece("a"), created("m")) == (None, "")


def test_a_reset_throws_earlier_pieces_away() -> None:
    assert shown(piece("a"), piece("", reset=True)) == (None, "")
    assert shown(piece("a"), piece("so far ", reset=True), piece("b")) == ("m", "so far b")
    assert shown(piece("a"), piece("", "old", reset=True)) == ("m", "a")


def test_another_answer_takes_the_place() -> None:
    assert shown(piece("a"), piece("b", "n")) == ("n", "b")


async def test_who_connects_again_throws_away_what_was_shown() -> None:
    sent: list[Mapping[str, Any]] = []
    inbox = Inbox("s", 0, None, None, sent.append)
    inbox.subscribe()
    inbox.offer(piece("a"), 0.0)
    inbox.disconnected()
    inbox.subscribe()
    inbox.subscribe()
    taken = [await inbox.take(), await inbox.take()]
    assert shown(*taken) == (None, "")
    assert inbox.empty
    inbox.offer(Snapshot("s", 1, {}), 0.0)
    assert len(sent) == 3
