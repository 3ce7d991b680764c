"""Ably, through its official SDK."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
from ably import AblyRest
from ably.types.message import Message
from ably.util.exceptions import AblyException

from beheard_hub.courier import CourierDown, CourierRefused, Device, DeviceGone, Note
from beheard_hub.domain.kernel import Json
from beheard_hub.domain.limits import ABLY_TOKEN_AGE_MAX
from beheard_hub.domain.mediation import channels
from beheard_hub.ports import Clock
from beheard_hub.push.texts import TITLE
from beheard_hub.settings import Push

SEND_SECONDS_MAX: Final = 10.0
"""One request with all that the SDK does for it: a token, other hosts of Ably."""
CONNECT_SECONDS_MAX: Final = 4.0

EVENT: Final = "notification"
"""Name of the message on a channel."""

GONE: Final = frozenset({41001, 103005})
"""Ably's codes for a device that is not there: registration expired, token invalid."""
PASSING: Final = frozenset({401, 403, 408, 429})
"""Statuses below 500 that somebody may mend, as an operator does with a key."""
KEY_REFUSED: Final = frozenset({400, 401, 403, 404})
"""Statuses by which Ably says that it does not know a key."""

RECIPIENTS: Final[Mapping[str, tuple[str, str]]] = {
    "ios": ("apns", "deviceToken"),
    "android": ("fcm", "registrationToken"),
}
"""Platform → Ably's transport, and its word for the token."""


class AblyTokens:
    """Signs with the hub's key what apps exchange for tokens of their own; asks nobody."""

    def __init__(self, key: str, clock: Clock) -> None:
        self._rest = AblyRest(key=key)
        self._clock = clock

    async def token_request(
        self, user_id: str, capability: Mapping[str, Sequence[str]]
    ) -> Mapping[str, Json]:
        """A TokenRequest for this user, in Ably's own words: a `reactions.tools.SignToken`."""
        made = await self._rest.auth.create_token_request(
            {
                "client_id": user_id,
                "capability": {channel: list(may) for channel, may in capability.items()},
                "ttl": ABLY_TOKEN_AGE_MAX,
                "timestamp": int(self._clock.now().timestamp() * 1000),
            }
        )
        request: Mapping[str, Json] = made.to_dict()
        return request


class AblyCourier:
    """Implements `ports.Courier`."""

    def __init__(self, key: str, push: Push, seconds_max: float = SEND_SECONDS_MAX) -> None:
        options: dict[str, Any] = {
            "tls": push.tls,
            # The SDK sends its key over TLS only; a stand-in without it gives it a token instead.
            "use_token_auth": None if push.tls else True,
            "http_open_timeout": min(CONNECT_SECONDS_MAX, seconds_max),
            "http_request_timeout": seconds_max,
            "http_max_retry_duration": seconds_max,
        }
        if push.rest_host is not None:
            options["endpoint"] = push.rest_host
        if push.port is not None:
            options["tls_port" if push.tls else "port"] = push.port
        self._rest = AblyRest(key=key, **options)
        self._seconds_max = seconds_max

    async def publish(self, note: Note) -> None:
        """See the port. The id lets Ably drop a repetition that follows within minutes."""
        name = channels.of_user(note.user_id)
        data = {"notificationId": note.id, "type": note.type, "sessionId": note.session_id}
        try:
            async with self._judged():
                channel = self._rest.channels.get(name)
                await channel.publish(Message(name=EVENT, id=f"{note.id}:0", data=data))
        finally:
            self._rest.channels.release(name)  # the SDK would keep one for every user

    async def push(self, note: Note, text: str, device: Device) -> None:
        """See the port."""
        notification = {"title": TITLE, "body": text}
        if note.session_id is not None:
            notification["collapseKey"] = note.session_id
        data = {
            "notification": notification,
            "data": {"notificationId": note.id, "sessionId": note.session_id or ""},
        }
        async with self._judged(GONE):
            await self._rest.push.admin.publish(_recipient(note, device), data)

    async def key_taken(self) -> bool:
        """Whether Ably lets this key in; sends nothing of anybody. Raises CourierDown."""
        try:
            async with asyncio.timeout(self._seconds_max):
                await self._rest.auth.request_token()
        except AblyException as wrong:
            if int(wrong.status_code or 0) in KEY_REFUSED:
                return False
            raise CourierDown from None
        except (httpx.HTTPError, OSError, TimeoutError, ValueError):
            raise CourierDown from None
        return True

    async def close(self) -> None:
        """Lets go of the connections."""
        await self._rest.close()

    @asynccontextmanager
    async def _judged(self, gone: frozenset[int] = frozenset()) -> AsyncIterator[None]:
        """What goes wrong inside becomes one of three words; `gone` are the codes of the third.
        What Ably says of it stays out of them, because it may repeat what it was sent."""
        try:
            async with asyncio.timeout(self._seconds_max):
                yield
        except AblyException as wrong:
            code, status = int(wrong.code or 0), int(wrong.status_code or 0)
            if code in gone:
                raise DeviceGone from None
            if 400 <= status < 500 and status not in PASSING:
                raise CourierRefused(code) from None
            raise CourierDown from None
        except (httpx.HTTPError, OSError, TimeoutError, ValueError):
            raise CourierDown from None


def _recipient(note: Note, device: Device) -> Mapping[str, str]:
    known = RECIPIENTS.get(device.platform or "")
    if known is None:
        return {"clientId": note.user_id}
    transport, word = known
    return {"transportType": transport, word: device.token}
