"""Somebody who only speaks REST: the same player as with a websocket, on requests alone.

What a websocket would tell is looked for instead: the own thread and the session are read until the
awaited is there, so this person's events are made of what was read, in the order in which it was
found.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import msgspec

from beheard_hub.client import Event
from beheard_hub.client.frames import Ack
from beheard_hub.demo.phone import AWAIT_SECONDS_MAX, Phone, Unplayable
from beheard_hub.demo.record import PlayResult, Unwatched
from beheard_hub.domain.refusals import CODES, Code
from beheard_hub.gateway.rest.routes import PREFIX, ROUTES, SESSION, Answer, Route
from beheard_hub.journeys import Side

POLL_SECONDS = 0.1
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""All is plain HTTP: nobody waits until the authorities of the world are read."""

AGAIN_SECONDS = (0.1, 0.4, *[1.0] * 30)
"""How long to wait before each time that is asked again."""
UNAVAILABLE = CODES[Code.SERVICE_UNAVAILABLE].http_status

BY_COMMAND: Mapping[str, Route] = {
    route.command: route for route in reversed(ROUTES) if route.answer is not Answer.STREAM
}


SIGNS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], bool]]] = {
    "partner.joined": ("session.get", lambda r: r["session"]["partner"]["id"] is not None),
    "session.resolved": ("session.get", lambda r: r["session"]["status"] == "RESOLVED"),
    "session.close_proposed": ("session.get", lambda r: r["session"]["status"] == "ACTIVE"),
    "partner.empathy_feedback": ("empathy.feedback", lambda r: r["feedback"] is not None),
    "agreement.proposed": (
        "agreement.list", lambda r: any(not one["agreedByMe"] for one in r["agreements"])
    ),
}  # fmt: skip
"""Event → what it is read from. Nothing shows that the partner proposed to close: one may agree."""


class Refusal(Exception):
    """The hub said no."""

    def __init__(self, status: int, error: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {error}")
        self.status = status
        self.error = error


class Patient(httpx.AsyncHTTPTransport):
    """Asks again where the hub says that it cannot just now, as every client should (spec 5.3): on
    a machine that stands still for two seconds a host may not answer until it has flushed."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The first other answer, or the last one of this kind. Only what has no second effect is
        sent again."""
        again = request.method == "GET" or "Idempotency-Key" in request.headers
        for pause in (*AGAIN_SECONDS, None):
            response = await super().handle_async_request(request)
            if not again or response.status_code != UNAVAILABLE or pause is None:
                break
            await response.aclose()
            await asyncio.sleep(pause)
        return response


class Rest:
    """Commands as requests. Without patience nothing is sent again."""

    def __init__(self, gateway: str, token: str | None, *, patient: bool = True) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = (Patient if patient else httpx.AsyncHTTPTransport)(verify=NO_TLS)
        self.http = httpx.AsyncClient(
            base_url=gateway + PREFIX, headers=headers, timeout=90.0, transport=transport
        )

    async def __aenter__(self) -> Rest:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def send(
        self, command: str, data: Mapping[str, Any] | None = None, session_id: str | None = None
    ) -> httpx.Response:
        """The request of a command."""
        return await self.request(BY_COMMAND[command], data, session_id)

    async def request(
        self, route: Route, data: Mapping[str, Any] | None = None, session_id: str | None = None
    ) -> httpx.Response:
        """The request of a row."""
        left = dict(data or {})
        fields = {name: field.name for name, field in route.path_fields.items()}
        values = {name: str(left.pop(field)) for name, field in fields.items()}
        values[SESSION] = session_id or ""
        path = re.sub(r"\{(\w+)\}", lambda found: values[found[1]], route.path)
        query = {
            key: msgspec.json.encode(left.pop(f.name)).decode().strip('"')
            for key, f in route.query.items()
            if f.name in left
        }
        more: dict[str, Any] = {"json": left} if route.body and left else {}
        headers = {"Idempotency-Key": uuid4().hex}
        return await self.http.request(route.method, path, params=query, headers=headers, **more)

    async def ask(
        self, command: str, data: Mapping[str, Any] | None = None, session_id: str | None = None
    ) -> Mapping[str, Any]:
        """The reply. Raises Refusal."""
        response = await self.send(command, data, session_id)
        body = response.json()
        if not body["success"]:
            raise Refusal(response.status_code, body["error"])
        reply: Mapping[str, Any] = body["data"]
        return reply


class RestPhone(Phone):
    """Plays with `Rest` where others have a connection."""

    def __init__(self, side: Side, name: str, rest: Rest, result: PlayResult) -> None:
        super().__init__(side, name, self, result, Unwatched())  # type: ignore[arg-type]
        self.rest = rest
        self.streams = False
        """The next message is sent to the stream."""
        self._seen: set[str] = set()

    def listen(self) -> None:
        """There is nothing to listen to."""

    async def command(
        self, name: str, data: Mapping[str, Any], *, session_id: str | None, timeout: float
    ) -> Ack:
        """What `Phone` asks of its connection; `seq` counts what was found so far."""
        if name == "message.send":
            self.streams = not self.streams
            reply = await (self._stream if self.streams else self._plain)(data)
        else:
            reply = await self.rest.ask(name, data, session_id)
        return Ack(id="", data=reply, seq=len(self._events))

    async def _plain(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        reply = await self.rest.ask("message.send", data, self.session_id)
        assert reply["aiResponse"] is not None, "the facilitator said nothing"
        for message in (reply["userMessage"], reply["aiResponse"]):
            self._found_message(message)
        return reply

    async def _stream(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        path, chunks, reply = f"/sessions/{self.session_id}/messages/stream", "", {}
        key = {"Idempotency-Key": uuid4().hex}
        async with self.rest.http.stream("POST", path, json=data, headers=key) as response:
            assert response.status_code == 200, await response.aread()
            async for name, told in _events(response):
                if name == "chunk":
                    chunks = ("" if told.get("reset") else chunks) + told["text"]
                else:
                    self._found_message(told["message"])
                    reply[name] = told["message"]
        assert chunks == reply["complete"]["content"]
        return {"userMessage": reply["user_message"]}

    def _found(self, name: str, data: Mapping[str, Any]) -> None:
        assert self.session_id is not None
        seq, now = len(self._events) + 1, datetime.now(UTC)
        self._events.append(
            Event(session_id=self.session_id, seq=seq, name=name, data=data, at=now)
        )

    def _found_message(self, message: Mapping[str, Any]) -> None:
        if message["id"] not in self._seen:
            self._seen.add(message["id"])
            self._found("message.created", {"message": message})

    async def event(self, what: str, matches: Callable[[Event], bool], after: int = 0) -> Event:
        """What was found, or is found by looking."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + AWAIT_SECONDS_MAX
        while loop.time() < deadline:
            for event in self._events:
                if event.seq > after and matches(event):
                    return event
            await self._look(what)
            await asyncio.sleep(POLL_SECONDS)
        raise Unplayable(f"{self.name} looked for {what} in vain")

    async def _look(self, what: str) -> None:
        listed = await self.rest.ask("message.list", None, self.session_id)
        for message in reversed(listed["messages"]):
            self._found_message(message)
        if what in SIGNS and what not in self._seen:
            command, shows = SIGNS[what]
            if shows(await self.rest.ask(command, None, self.session_id)):
                self._seen.add(what)
                self._found(what, {})


async def _events(response: httpx.Response) -> Any:
    name = ""
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, msgspec.json.decode(line.removeprefix("data: "))
