"""The REST door of one gateway: a request comes in, the command's answer goes out.

The order in which a request is judged is the same for every row: draining, token, rates, body,
fields, then the host. Whatever goes wrong here is a 500 with a reference; nothing of the request is
logged.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, cast
from uuid import uuid4

from litestar import Request, Response

from beheard_hub import telemetry
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.domain.sharding import NOBODY
from beheard_hub.gateway import frames
from beheard_hub.gateway.connection import IDENTIFY_SECONDS_MAX
from beheard_hub.gateway.connection_protocol import Submit
from beheard_hub.gateway.guests import GuestKey
from beheard_hub.gateway.lobby import Lobby, address_of
from beheard_hub.gateway.rest import envelope, streamed
from beheard_hub.gateway.rest.calls import Call
from beheard_hub.gateway.rest.conversation import COMPLETE, Conversation, over
from beheard_hub.gateway.rest.envelope import Answered
from beheard_hub.gateway.rest.requests import Asked, bearer, command_of
from beheard_hub.gateway.rest.routes import Answer, Route
from beheard_hub.observability.metrics import REQUESTS
from beheard_hub.ports import Exports, StoreUnavailable, Unauthenticated

HttpRequest = Request[Any, Any, Any]
GUEST = "GUEST"
"""Role of whom only the hub knows: it alone can give them a token."""
LOCAL = "local"
"""The address of peers on this machine that no proxy speaks for."""
RETRY_CALLS_MS = 1_000

_log = telemetry.logger("gateway.rest")


class Refused(Exception):
    """The request gets this answer, and nothing else of it is looked at."""

    def __init__(self, error: frames.Error) -> None:
        super().__init__(error.code)
        self.error = error


class Door:
    """Answers requests. `exports` None: this gateway has none to give; `guests` None: nor tokens
    for guests."""

    def __init__(
        self, lobby: Lobby, exports: Exports | None = None, guests: GuestKey | None = None
    ) -> None:
        self.lobby = lobby
        self.exports = exports
        self.guests = guests
        self._under_way: Counter[str] = Counter()

    async def answer(self, route: Route, request: HttpRequest) -> Response[bytes]:
        """The response to one request. Cancelling leaves open whether the command was applied."""
        try:
            response = await self._answer(route, request)
        except Refused as refused:
            response = respond(request, envelope.failure(refused.error))
        except Exception as failure:  # ours, whatever it is: answered, never shown
            response = broken(request, failure)
        REQUESTS.labels(str(response.status_code)).inc()
        return response

    async def _answer(self, route: Route, request: HttpRequest) -> Response[bytes]:
        if self.lobby.draining:
            raise Refused(frames.error_frame(Code.SERVICE_UNAVAILABLE))
        headers = {name.lower(): value for name, value in request.headers.items()}
        user_id = await self._user(route, request, headers)
        asked = Asked(
            path=request.path_params,
            query=request.scope["query_string"],
            headers=headers,
            body=await self._body(request, headers),
        )
        command = command_of(route, asked, uuid4().hex)
        if isinstance(command, frames.Error):
            raise Refused(command)
        if self._under_way[user_id] >= self.lobby.bounds.calls_per_user_max:
            raise Refused(frames.error_frame(Code.RATE_LIMITED, retry_after_ms=RETRY_CALLS_MS))
        self._under_way[user_id] += 1
        handed_on = False
        try:
            response = await _ANSWERS[route.answer](self, route, request, user_id, command)
            handed_on = isinstance(response, streamed.Streamed)
            return response
        finally:
            if not handed_on:
                self._leave(user_id)

    def _leave(self, user_id: str) -> None:
        self._under_way[user_id] -= 1
        if not self._under_way[user_id]:
            del self._under_way[user_id]

    # ---- who asks, how often, and what

    async def _user(self, route: Route, request: HttpRequest, headers: Mapping[str, str]) -> str:
        address = _address(request, headers)
        token = bearer(headers)
        if route.public or (route.open and token is None):
            self._count(f"@{address}", route, address)
            return NOBODY + uuid4().hex
        if token is None:
            raise Refused(frames.error_frame(Code.UNAUTHORIZED))
        try:
            async with asyncio.timeout(IDENTIFY_SECONDS_MAX):
                identity = await self.lobby.identities.identify(token)
        except Unauthenticated:
            raise Refused(frames.error_frame(Code.UNAUTHORIZED)) from None
        except Exception as failure:  # the port's outside world: the client may try again
            _log.warning("identify_failed", error=type(failure).__name__)
            raise Refused(frames.error_frame(Code.SERVICE_UNAVAILABLE)) from None
        self._count(identity.user_id, route, "")
        self.lobby.visited(identity.user_id)
        return identity.user_id

    def _count(self, holder: str, route: Route, address: str) -> None:
        now = self.lobby.clock.mono()
        if wait := self.lobby.rates.command(holder, route.command, now, address):
            raise Refused(frames.error_frame(Code.RATE_LIMITED, retry_after_ms=wait))

    async def _body(self, request: HttpRequest, headers: Mapping[str, str]) -> bytes:
        """All of it, whole and bounded."""
        most = self.lobby.bounds.request_bytes_max
        announced = headers.get("content-length", "0")
        if not announced.isdecimal() or int(announced) > most:
            raise Refused(frames.error_frame(Code.PAYLOAD_TOO_LARGE))
        body = bytearray()
        try:
            async with asyncio.timeout(self.lobby.bounds.body_seconds_max):
                while True:
                    message: Any = await request.receive()
                    if message["type"] == "http.disconnect":
                        raise Refused(
                            frames.error_frame(Code.SERVICE_UNAVAILABLE)
                        )  # read by nobody
                    body += message.get("body", b"")
                    if len(body) > most:
                        raise Refused(frames.error_frame(Code.PAYLOAD_TOO_LARGE))
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            details = {"body": "the whole body, in time"}
            raise Refused(frames.error_frame(Code.VALIDATION_ERROR, details=details)) from None

    # ---- the ways to answer

    async def _reply(
        self, route: Route, request: HttpRequest, user_id: str, command: Submit
    ) -> Response[bytes]:
        return respond(request, _shown(route, await self._called(request, user_id, command)))

    async def _called(
        self, request: HttpRequest, user_id: str, command: Submit
    ) -> frames.Ack | frames.Error | None:
        """The answer to one command; None: the client is gone."""
        call = Call()
        self.lobby.calls.add(call)
        try:
            self.lobby.router.submit(call, user_id, command)
            return await streamed.unless_gone(call.answer, request.receive)
        finally:
            call.closed = True
            self.lobby.calls.discard(call)
            self.lobby.stirred()

    async def _welcome(
        self, route: Route, request: HttpRequest, user_id: str, command: Submit
    ) -> Response[bytes]:
        """Who comes without a token acts as the guest that they become, and gets one."""
        if not user_id.startswith(NOBODY):
            return await self._reply(route, request, user_id, command)
        if self.guests is None:
            raise Refused(frames.error_frame(Code.UNAUTHORIZED))
        guest = self.guests.newcomer(str(command.data.get("token")), command.id)
        found = await self._called(request, guest, command)
        if isinstance(found, frames.Ack) and found.data["user"]["role"] == GUEST:
            data = {**found.data, "token": self.guests.mint(guest)}
            found = frames.Ack(id=found.id, data=data, seq=found.seq, duplicate=found.duplicate)
        return respond(request, _shown(route, found))

    def _conversation(self, user_id: str, command: Submit, *, streams: bool) -> Conversation:
        lobby = self.lobby
        talk = Conversation(lobby.router, lobby.bounds, user_id, command, streams=streams)
        lobby.calls.add(talk)
        return talk

    def _hang_up(self, talk: Conversation) -> None:
        talk.close()
        self.lobby.calls.discard(talk)
        self.lobby.stirred()

    async def _ai_reply(
        self, route: Route, request: HttpRequest, user_id: str, command: Submit
    ) -> Response[bytes]:
        talk = self._conversation(user_id, command, streams=False)
        try:
            found = await streamed.unless_gone(self._talked(talk), request.receive)
        finally:
            self._hang_up(talk)
        return respond(request, _shown(route, found))

    async def _talked(self, talk: Conversation) -> frames.Ack | frames.Error:
        """The ack, with what the facilitator said or null."""
        answer = await talk.ask()
        if isinstance(answer, frames.Error):
            return answer
        piece = await talk.next(self.lobby.bounds.facilitator_seconds_max)
        said = dict(piece[1]) if piece is not None and piece[0] == COMPLETE else {}
        data = {**answer.data, "aiResponse": said.pop("message", None), **said}
        return frames.Ack(id=answer.id, data=data, seq=answer.seq, duplicate=answer.duplicate)

    async def _stream(
        self, route: Route, request: HttpRequest, user_id: str, command: Submit
    ) -> Response[bytes]:
        talk = self._conversation(user_id, command, streams=True)
        handed_on = False
        try:
            answer = await streamed.unless_gone(talk.ask(), request.receive)
            if not isinstance(answer, frames.Ack):
                return respond(request, _shown(route, answer))
            handed_on = True
        finally:
            if not handed_on:
                self._hang_up(talk)

        def ended() -> None:
            self._hang_up(talk)
            self._leave(user_id)

        headers = {envelope.REPLAYED: "true"} if answer.duplicate else {}
        return self._streamed(request, self._told(talk, answer), streamed.EVENTS, headers, ended)

    async def _told(self, talk: Conversation, answer: frames.Ack) -> AsyncGenerator[bytes, None]:
        bounds, clock = self.lobby.bounds, self.lobby.clock
        until = clock.mono() + bounds.facilitator_seconds_max
        yield streamed.event_of(("user_message", {"message": answer.data["userMessage"]}))
        while (left := until - clock.mono()) > 0:
            piece = await talk.next(min(left, bounds.beat_seconds))
            yield streamed.BEAT if piece is None else streamed.event_of(piece)
            if piece is not None and over(piece):
                return
        late = envelope.shown(frames.error_frame(Code.SERVICE_UNAVAILABLE))
        yield streamed.event_of(("error", late))

    async def _lines(
        self, route: Route, request: HttpRequest, user_id: str, command: Submit
    ) -> Response[bytes]:
        if self.exports is None:
            raise Refused(frames.error_frame(Code.NOT_FOUND))
        found: AsyncIterator[bytes] | Refusal = self.exports.lines(user_id)
        try:
            if route.in_session:
                found = await self.exports.practice(user_id, command.session_id)
            if isinstance(found, Refusal):
                raise Refused(frames.error_frame(found.code))
            lines = aiter(found)
            first = await anext(lines, b"")
        except StoreUnavailable:
            self.lobby.identities.forget(user_id)  # who that is by now, the next request learns
            raise Refused(frames.error_frame(Code.SERVICE_UNAVAILABLE)) from None
        headers = {"Content-Disposition": 'attachment; filename="beheard.jsonl"'}
        return self._streamed(
            request, _rest_of(first, lines), streamed.LINES, headers,
            lambda: self._leave(user_id),
        )  # fmt: skip

    def _streamed(
        self, request: HttpRequest, pieces: AsyncGenerator[bytes, None], media_type: str,
        headers: Mapping[str, str], ended: Callable[[], None],
    ) -> Response[bytes]:  # fmt: skip
        return streamed.Streamed(
            pieces, media_type, {**_always(request), **headers},
            self.lobby.bounds.crowded_seconds_max, ended,
        )  # fmt: skip


_ANSWERS: Mapping[
    Answer, Callable[[Door, Route, HttpRequest, str, Submit], Awaitable[Response[bytes]]]
] = {
    Answer.REPLY: Door._reply,
    Answer.WELCOME: Door._welcome,
    Answer.AI_REPLY: Door._ai_reply,
    Answer.STREAM: Door._stream,
    Answer.LINES: Door._lines,
}


async def _rest_of(first: bytes, lines: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    yield first
    async for line in lines:
        yield line


def _shown(route: Route, found: frames.Ack | frames.Error | None) -> Answered:
    """None: the client is gone and reads nothing of this."""
    if isinstance(found, frames.Ack):
        return envelope.success(found.data, route.status, duplicate=found.duplicate)
    return envelope.failure(found or frames.error_frame(Code.SERVICE_UNAVAILABLE))


def _address(request: HttpRequest, headers: Mapping[str, str]) -> str:
    """Whom limits per address count: the peer, or whom a proxy on this machine names last."""
    scope: Any = request.scope
    found = address_of(scope)
    if not found and (named := headers.get("x-forwarded-for", "").rpartition(",")[2].strip()):
        found = address_of(cast(Any, {**scope, "client": (named, 0)}))
    return found or LOCAL


# ---- responses


def _always(request: HttpRequest) -> dict[str, str]:
    return {
        envelope.REQUEST_ID: envelope.request_id(request.headers.get(envelope.REQUEST_ID)),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }


def respond(request: HttpRequest, answered: Answered) -> Response[bytes]:
    """With the headers that every response has."""
    headers = {**_always(request), **answered.headers}
    return Response(
        answered.body, status_code=answered.status, media_type=envelope.JSON, headers=headers
    )


def broken(request: HttpRequest, failure: Exception) -> Response[bytes]:
    """Our own fault: a reference for both sides, and no content."""
    reference = uuid4().hex[:12]
    _log.error("request_failed", reference=reference, **telemetry.origin_of(failure))
    error = frames.error_frame(Code.INTERNAL_ERROR, details={"reference": reference})
    return respond(request, envelope.failure(error))
