"""What a whole hub answers and tells is what its documents say: every command, every event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from beheard_hub.gateway.documents import asyncapi
from beheard_hub.journeys import SIDES
from tests.unit.gateway.documents.checking import problems

from .canaries import ALL
from .conftest import Town
from .sweep import Author, Sweep

FRAMES_EACH_MAX = 60
"""Of each sort."""
Said = tuple[str, Mapping[str, Any]]
NOT_PLAYED = {
    *(name for name, row in ALL.items() if name.startswith(("library.", "account.", "profile."))),
    *(name for name in ALL if name.startswith(("push_token.", "ably_token.", "notifications."))),
    *(name for name in ALL if name.startswith("user.")),
    "contact.remove",
    "identity.get",
    "identity.link",
    "identity.unlink",
    "document.delete",
    "empathy.accept_feedback",
    "exercises.complete",
    "invitation.resend",
    "message.retry",
    "partner.nudge",
    "session.withdraw",
}
"""Commands that the played session has no use for; the tests over REST ask them."""


@pytest.fixture(scope="module")
async def played(town: Town) -> tuple[Sweep, list[Said]]:
    """A session in which nearly every command is given, and all replies to them."""
    said: list[Said] = []
    do = Author.do

    async def noted(
        self: Author, command: str, data: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        reply = await do(self, command, data)
        said.append((command, reply))
        return reply

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Author, "do", noted)
        sweep = await Sweep(town).play()
    return sweep, said


async def test_replies_are_as_documented(played: tuple[Sweep, list[Said]]) -> None:
    document = asyncapi.document()
    messages = document["components"]["messages"]
    for command, reply in played[1]:
        schema = messages[f"ack.{command}"]["payload"]["properties"]["data"]
        assert problems(document, schema, reply) == [], command
    assert set(ALL) - {command for command, _ in played[1]} <= NOT_PLAYED


FROM_THE_HUB = {"presence": "presence.partner"}
"""Frames that go both ways and are documented under another name on the way to a client."""


async def test_frames_are_as_documented(played: tuple[Sweep, list[Said]]) -> None:
    document = asyncapi.document()
    messages = document["components"]["messages"]
    seen: dict[str, int] = {}
    for side in SIDES:
        for raw in played[0].result.received[side]:
            frame = msgspec.json.decode(raw)
            name = FROM_THE_HUB.get(frame["type"], frame["type"])
            name = name if name != "event" else f"event.{frame['name']}"
            seen[name] = seen.get(name, 0) + 1
            if seen[name] <= FRAMES_EACH_MAX:
                assert problems(document, messages[name]["payload"], frame) == [], name
    assert {"hello", "snapshot", "ack", "error"} <= set(seen)
    assert sum(name.startswith("event.") for name in seen) > 20
