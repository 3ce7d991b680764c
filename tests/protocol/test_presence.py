"""Presence at the gateway: what goes to the host, what comes to the client, what is kept back."""

from __future__ import annotations

import pytest

from beheard_hub.gateway import confirmations
from beheard_hub.link_messages import (
    DeviceFrom,
    PresenceFrom,
    PresenceTo,
    ReceivedTo,
    ToHost,
    UnsubscribeTo,
)

from .conftest import Hub, until


class Heard:
    """Everything the fake host is told, in order."""

    def __init__(self, hub: Hub) -> None:
        self.messages: list[ToHost] = []
        taken = hub.host.received

        def keep(link: object, message: ToHost) -> None:
            self.messages.append(message)
            taken(link, message)  # type: ignore[arg-type]

        hub.host.received = keep  # type: ignore[method-assign]

    def of(self, kind: type[ToHost]) -> list[ToHost]:
        return [message for message in self.messages if isinstance(message, kind)]


def partner(hub: Hub, word: str) -> None:
    link = hub.host.link
    link.answer(PresenceFrom(sorted(link.subs), "s1", word))


async def test_what_a_device_says_reaches_the_host(hub: Hub) -> None:
    heard = Heard(hub)
    client = await hub.listen()
    [sub] = hub.host.link.subs
    await client.send(type="presence", sessionId="s1", status="typing")
    await client.send(type="received", sessionId="s1", seq=7)
    await client.send(type="presence", sessionId="s2", status="typing")
    await client.still_lives()
    await until(lambda: bool(heard.of(ReceivedTo)), "both at the host")
    assert heard.of(PresenceTo) == [PresenceTo(sub, "typing")]
    assert heard.of(ReceivedTo) == [ReceivedTo(sub, 7)]


@pytest.mark.parametrize("goodbye", [True, False])
async def test_what_a_device_confirmed_is_told_before_it_is_gone(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, goodbye: bool
) -> None:
    """Else what it has were pushed to it once more."""
    monkeypatch.setattr(confirmations, "GATHER_SECONDS", 3600)
    heard = Heard(hub)
    client = await hub.listen()
    [sub] = hub.host.link.subs
    await client.send(type="received", sessionId="s1", seq=7)
    if goodbye:
        await client.send(type="unsubscribe", sessionId="s1")
    else:
        await client.still_lives()
        await client.socket.close()
    await until(lambda: bool(heard.of(UnsubscribeTo)), "gone at the host")
    told = [m for m in heard.messages if isinstance(m, ReceivedTo | UnsubscribeTo)]
    assert told[0] == ReceivedTo(sub, 7)
    assert [type(message) for message in told] == [ReceivedTo, UnsubscribeTo]


async def test_the_partner_is_told_when_it_differs(hub: Hub) -> None:
    client = await hub.listen()
    for word in ("offline", "online", "online", "", "", "online", "offline", "", "offline"):
        partner(hub, word)
    hub.host.emit("s1", "alice", "told", {})
    told = []
    while (frame := await client.next())["type"] == "presence":
        assert frame["sessionId"] == "s1"
        told.append(frame["partner"])
    assert told == ["online", "online", "offline"]


async def test_what_another_device_does_is_passed_on(hub: Hub) -> None:
    client = await hub.listen()
    link = hub.host.link
    link.answer(DeviceFrom(sorted(link.subs), "s1", "away"))
    assert await client.expect("device") == {"type": "device", "sessionId": "s1", "status": "away"}


async def test_a_goodbye_is_told_from_a_loss(hub: Hub) -> None:
    heard = Heard(hub)
    for number, leave in enumerate(("unsubscribe", "close", "close without a code", "break")):
        client = await hub.listen()
        [sub] = hub.host.link.subs
        if leave == "unsubscribe":
            await client.send(type="unsubscribe", sessionId="s1")
        elif leave == "close":
            await client.socket.close(1001)
        elif leave == "close without a code":
            client.socket.transport.write(b"\x88\x80\0\0\0\0")
        else:
            client.socket.transport.abort()
        await until(lambda count=number: len(heard.of(UnsubscribeTo)) > count, leave)  # type: ignore[misc]
        assert heard.of(UnsubscribeTo)[-1] == UnsubscribeTo(sub, clean=leave != "break"), leave


async def test_the_hub_closing_is_no_goodbye_of_the_client(hub: Hub) -> None:
    heard = Heard(hub)
    client = await hub.listen()
    [sub] = hub.host.link.subs
    hub.gateway.lobby.replace("alice")
    await client.closed()
    await until(lambda: bool(heard.of(UnsubscribeTo)), "the subscription ends")
    assert heard.of(UnsubscribeTo) == [UnsubscribeTo(sub, clean=False)]
