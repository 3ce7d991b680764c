"""One person at both doors: every way to give a command, and all that its answer shows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import httpx

from beheard_hub.client import Hub, Refused, Session
from beheard_hub.client.frames import Ack
from beheard_hub.gateway.rest.routes import ROUTES, Route
from beheard_hub.gateway.rest.routes import Answer as Kind
from tests.e2e.rest_phone import Rest

Answer = tuple[Any, ...]
DIFFERS_ANYWAY = frozenset({"date", "x-request-id"})
"""Headers of which only the length is compared."""


class Way(Protocol):
    """A command by one door."""

    @property
    def label(self) -> str:
        """Says which."""

    async def ask(self, data: Mapping[str, Any], session_id: str | None = None) -> Answer:
        """All that the answer tells, the code first."""


class BySocket:
    """As a frame."""

    def __init__(self, hub: Hub, command: str) -> None:
        self._hub = hub
        self._command = command

    @property
    def label(self) -> str:
        """The command's name."""
        return self._command

    async def ask(self, data: Mapping[str, Any], session_id: str | None = None) -> Answer:
        """Code, sentence, details; or the reply."""
        try:
            ack = await self._hub.command(self._command, data, session_id=session_id)
        except Refused as refused:
            return refused.code, refused.message, refused.details, refused.retryable
        return "ack", ack.data, ack.seq


class BySubscription:
    """Not a command, but asked about a session all the same; `observe`: as staff who watch."""

    def __init__(self, hub: Hub, observe: bool = False) -> None:
        self._hub = hub
        self._observe = observe

    @property
    def label(self) -> str:
        """Says as whom."""
        return "observe" if self._observe else "subscribe"

    async def ask(self, data: Mapping[str, Any], session_id: str | None = None) -> Answer:
        """The refusal, or the first frame."""
        assert session_id is not None
        of = self._hub.practice(session_id)
        async with of.events(observe=self._observe) as stream:
            try:
                return "frame", type(await anext(stream))
            except Refused as refused:
                details = {**refused.details, "sessionId": len(refused.details["sessionId"])}
                return refused.code, refused.message, details, refused.retryable


class ByRequest:
    """As a request of one row."""

    def __init__(self, rest: Rest, route: Route) -> None:
        self._rest = rest
        self.route = route

    @property
    def label(self) -> str:
        """Method and path."""
        return f"{self.route.method} {self.route.path}"

    async def ask(self, data: Mapping[str, Any], session_id: str | None = None) -> Answer:
        """Code, status, headers and the body to the last byte."""
        response = await self._rest.request(self.route, data, session_id)
        lines = self.route.answer is Kind.LINES and response.is_success
        body: Any = {"success": True} if lines else response.json()
        code = "ack" if body["success"] else body["error"]["code"]
        return code, response.status_code, _headers(response), response.content


class Visitor:
    """Somebody who comes by both doors."""

    def __init__(self, hub: Hub, rest: Rest) -> None:
        self._hub = hub
        self._rest = rest

    def subscription(self, observe: bool = False) -> Way:
        """Not to send, but to listen."""
        return BySubscription(self._hub, observe)

    def ways(self, command: str) -> Iterator[Way]:
        """Each way to give it."""
        yield BySocket(self._hub, command)
        for route in ROUTES:
            if route.command == command:
                yield ByRequest(self._rest, route)


FOLLOWED = frozenset({"message.send", "stage.advance"})
"""Commands after which the facilitator speaks."""


class RestHub:
    """A client whose commands are requests; it listens by its websocket. Keeps every answer."""

    def __init__(self, hub: Hub, rest: Rest) -> None:
        self._hub = hub
        self._rest = rest
        self.answers: list[str] = []
        """As JSON, with all that they show."""

    def session(self, session_id: str) -> Session:
        """To listen to."""
        return self._hub.session(session_id)

    async def command(
        self, name: str, data: Mapping[str, Any] | None = None, *, session_id: str | None = None
    ) -> Ack:
        """The reply. A response holds no seq, so the websocket is asked for the newest: before what
        the facilitator answers, after everything else. Raises Refused."""
        seq = await self._newest(session_id) if name in FOLLOWED else 0
        response = await self._rest.send(name, data, session_id)
        answer = {"type": "answer", "name": name, "status": response.status_code}
        shown = {**answer, "headers": _headers(response), "body": response.json()}
        self.answers.append(json.dumps(shown, ensure_ascii=False))
        body = response.json()
        if not body["success"]:
            error = body["error"]
            raise Refused(error["code"], error["message"], details=error.get("details"))
        return Ack(id="", data=body["data"], seq=seq or await self._newest(session_id))

    async def _newest(self, session_id: str | None) -> int:
        if session_id is None:
            return 0
        return (await self._hub.command("progress.get", session_id=session_id)).seq


def _headers(response: httpx.Response) -> list[tuple[str, str | int]]:
    return sorted(
        (name, len(value) if name in DIFFERS_ANYWAY else value)
        for name, value in response.headers.items()
    )
