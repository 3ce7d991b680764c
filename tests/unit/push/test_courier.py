"""The real SDK against the stand-in: what leaves, to the byte, and what each failure becomes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from beheard_hub.courier import CourierDown, CourierRefused, Device, DeviceGone, Note
from beheard_hub.push import ably
from beheard_hub.push.ably import AblyCourier
from beheard_hub.settings import Push
from beheard_hub.testing.ably_api import FAULTS, AblyApi, served

KEY = "aBcDeF.gHiJkL:not-a-real-secret"
NOTE = Note("n1", "ana", "s1", "partner.joined")
PHONE = Device("the-token", "ios")
DOWN = {"rate_limited", "server_error", "unavailable", "cut", "cut_after", "garbled", "key_revoked",
        "forbidden"}  # fmt: skip

Send = Callable[[AblyCourier], Awaitable[None]]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still for a while cannot make the stand-in unreachable."""
    monkeypatch.setattr(ably, "CONNECT_SECONDS_MAX", 30.0)


@asynccontextmanager
async def opened(key: str = KEY, seconds_max: float = 30.0) -> AsyncIterator[Door]:
    """A courier at the door of a stand-in that knows `KEY`."""
    api = AblyApi(KEY)
    async with served(api) as url:
        port = int(url.rpartition(":")[2])
        push = Push(ably_api_key=key, rest_host="127.0.0.1", port=port, tls=False)
        courier = AblyCourier(key, push, seconds_max)
        try:
            yield Door(api, courier)
        finally:
            await courier.close()


class Door:
    def __init__(self, api: AblyApi, courier: AblyCourier) -> None:
        self.api = api
        self.courier = courier


async def publish(courier: AblyCourier) -> None:
    await courier.publish(NOTE)


async def push(courier: AblyCourier) -> None:
    await courier.push(NOTE, "A text.", PHONE)


async def test_a_channel_gets_three_ids_and_nothing_else() -> None:
    async with opened() as door:
        await publish(door.courier)
        [request] = door.api.published
    assert request.channel == "beheard:user:ana"
    assert request.data == {"notificationId": "n1", "type": "partner.joined", "sessionId": "s1"}
    assert request.body.keys() == {"id", "name", "data", "encoding"}
    assert (request.body["id"], request.body["name"]) == ("n1:0", "notification")


@pytest.mark.parametrize(
    ("platform", "recipient"),
    [
        ("ios", {"transportType": "apns", "deviceToken": "the-token"}),
        ("android", {"transportType": "fcm", "registrationToken": "the-token"}),
        (None, {"clientId": "ana"}),
    ],
)
async def test_a_push_gets_a_text_and_two_ids(
    platform: str | None, recipient: dict[str, str]
) -> None:
    async with opened() as door:
        await door.courier.push(NOTE, "A text.", Device("the-token", platform))
        [request] = door.api.pushed
    assert request.body == {
        "recipient": recipient,
        "notification": {"title": "BeHeard", "body": "A text.", "collapseKey": "s1"},
        "data": {"notificationId": "n1", "sessionId": "s1"},
    }


@pytest.mark.parametrize("send", [publish, push])
@pytest.mark.parametrize("name", sorted(DOWN))
async def test_a_service_that_is_down_is_tried_again(name: str, send: Send) -> None:
    async with opened() as door:
        door.api.script("[cp]*", FAULTS[name])
        with pytest.raises(CourierDown) as caught:
            await send(door.courier)
        assert not str(caught.value), "nothing of what was sent"
        await send(door.courier)
        assert len(door.api.done) >= 2


@pytest.mark.parametrize("send", [publish, push])
async def test_a_service_that_says_nothing_is_left(send: Send) -> None:
    async with opened(seconds_max=0.2) as door:
        door.api.script("[cp]*", FAULTS["stall"])
        with pytest.raises(CourierDown):
            await send(door.courier)


async def test_a_service_that_is_not_there() -> None:
    courier = AblyCourier(KEY, Push(KEY, "127.0.0.1", 1, tls=False))
    for send in (publish, push):
        with pytest.raises(CourierDown):
            await send(courier)
    await courier.close()


@pytest.mark.parametrize("send", [publish, push])
async def test_what_is_refused_is_not_tried_again(send: Send) -> None:
    async with opened() as door:
        door.api.script("[cp]*", FAULTS["bad_request"])
        with pytest.raises(CourierRefused) as caught:
            await send(door.courier)
    assert caught.value.code == 40000


@pytest.mark.parametrize("name", ["token_invalid", "registration_expired"])
async def test_a_device_that_is_gone(name: str) -> None:
    async with opened() as door:
        door.api.script("push", FAULTS[name])
        with pytest.raises(DeviceGone):
            await push(door.courier)


async def test_another_key_opens_nothing() -> None:
    async with opened("aBcDeF.gHiJkL:another-secret") as door:
        with pytest.raises(CourierDown):
            await publish(door.courier)
        assert not door.api.done


async def test_a_token_that_ran_out_is_renewed() -> None:
    async with opened() as door:
        await publish(door.courier)
        door.api.forget_tokens()
        await publish(door.courier)
        assert len(door.api.published) == 2
        assert door.api.strangers == 1


async def test_no_channel_is_kept() -> None:
    async with opened() as door:
        for number in range(5):
            await door.courier.publish(Note("n1", f"user-{number}", "s1", "partner.joined"))
        assert list(door.courier._rest.channels) == []


def test_a_device_is_not_shown() -> None:
    assert "the-token" not in repr(PHONE)
