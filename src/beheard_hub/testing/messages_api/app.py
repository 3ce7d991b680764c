"""The ASGI application: takes a request down, looks into the script, answers or fails."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from beheard_hub.testing.messages_api import answers, wire
from beheard_hub.testing.messages_api.faults import Break, Fault, Rule
from beheard_hub.testing.messages_api.recording import Ending, Request
from beheard_hub.testing.messages_api.wire import Answer, Pace

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

Headers: TypeAlias = Mapping[str, str]
_PLAIN = Fault()
_JSON = (b"content-type", b"application/json")
_EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")


class MessagesApi:
    """The stand-in. One object for one event loop; see the package for an example."""

    def __init__(self, pace: Pace | None = None, *, requests_kept_max: int | None = None) -> None:
        self.pace = pace or Pace()
        self.requests: deque[Request] = deque(maxlen=requests_kept_max)
        """All requests for messages, oldest first."""
        self._rules: list[Rule] = []
        self._numbers = itertools.count(1)
        self._cached: set[str] = set()

    def script(
        self, call: str, *faults: Fault | None, containing: str = "", forever: bool = False
    ) -> Rule:
        """What becomes of the next requests of a call (``*`` stands for any letters) whose body
        contains a text; None in between is an answer by rule. Of several rules the newest counts.

        Args:
            containing: as it stands in the JSON of the body.
            forever: the last fault stays.
        """
        rule = Rule(call, faults, containing, forever=forever)
        self._rules.insert(0, rule)
        return rule

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """One HTTP request."""
        assert scope["type"] == "http", "lifespan is off, and there are no websockets"
        raw = await _body(receive)
        headers = {key.decode().lower(): value.decode() for key, value in scope["headers"]}
        line = _Line(send, f"req_standin_{next(self._numbers):08}")
        handler = _ROUTES.get((scope["method"], scope["path"]))
        if handler is None:
            await line.refuse(404, "Not found")
            return
        try:
            body = msgspec.json.decode(raw)
        except msgspec.DecodeError:
            body = None
        flaw = wire.flaw(body, headers)
        if flaw is not None:
            await line.refuse(*flaw)
            return
        await handler(self, Request(len(self.requests) + 1, raw, body), line, receive)

    async def _count(self, request: Request, line: _Line, _: ASGIReceiveCallable) -> None:
        await line.whole(200, {"input_tokens": wire.input_tokens(request)})

    async def _message(self, request: Request, line: _Line, receive: ASGIReceiveCallable) -> None:
        """Answers until all is said, or until the asker leaves."""
        if not isinstance(request.body.get("max_tokens"), int):
            await line.refuse(400, "max_tokens: Field required")
            return
        self.requests.append(request)
        rule = next((rule for rule in self._rules if rule.means(request)), None)
        fault = (rule and rule.fault(request)) or _PLAIN
        speaking = asyncio.create_task(self._speak(request, fault, line))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait({speaking, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if speaking.done():
                request.end(speaking.result())
        finally:
            for task in (speaking, leaving):
                task.cancel()
            await asyncio.gather(speaking, leaving, return_exceptions=True)
            request.end(Ending.LEFT)

    async def _speak(self, request: Request, fault: Fault, line: _Line) -> Ending:
        if fault.status != 200:
            await line.refuse(fault.status, "By script.", fault.retry_after_seconds)
            return Ending.BROKEN
        answer = self._answer(request, fault, line.request_id)
        how = self._stream if request.body.get("stream") else self._at_once
        return await how(request, fault, line, answer)

    def _answer(self, request: Request, fault: Fault, request_id: str) -> Answer:
        prefix = wire.cached_prefix(request)
        whole, stable = wire.input_tokens(request), wire.tokens(prefix) if prefix else 0
        known = prefix in self._cached
        self._cached.add(prefix)
        return Answer(
            id=f"msg_{request_id.removeprefix('req_')}",
            model=request.body["model"],
            text=answers.answer(request) if fault.text is None else fault.text,
            stop_reason=fault.stop_reason,
            usage={
                "input_tokens": whole - stable,
                "cache_read_input_tokens": stable if known else 0,
                "cache_creation_input_tokens": 0 if known else stable,
            },
        )

    async def _stream(self, request: Request, fault: Fault, line: _Line, answer: Answer) -> Ending:
        await line.start(200, _EVENTS)
        await line.all(answer.opening())
        await asyncio.sleep(self.pace.first_seconds)
        last = fault.after_pieces
        for piece in answer.pieces(self.pace.words_per_piece):
            if request.pieces == last and await self._fails(fault, line):
                return Ending.BROKEN
            await line.more(piece)
            request.pieces += 1
            await asyncio.sleep(self.pace.between_seconds)
        if (last is None or last >= request.pieces) and await self._fails(fault, line):
            return Ending.BROKEN
        await line.all(answer.closing())
        await line.more(b"", last=True)
        return Ending.ANSWERED

    async def _fails(self, fault: Fault, line: _Line) -> bool:
        """The point of the script is reached; whether it goes no further."""
        if fault.hold is not None:
            await fault.hold.passed()
        match fault.breaks:
            case Break.STALL:
                await asyncio.Event().wait()
            case Break.ERROR:
                await line.more(wire.event("error", **_inner(line.request_id)), last=True)
            case Break.GARBLE:
                await line.more(wire.garbled(), last=True)
        return fault.breaks is not None

    async def _at_once(self, request: Request, fault: Fault, line: _Line, answer: Answer) -> Ending:
        """The same without a stream: an error is one, and of a cut or garbled body half comes."""
        if fault.breaks is Break.ERROR:
            await line.refuse(529, "By script.")
            return Ending.BROKEN
        if fault.breaks is None:
            if fault.hold is not None:
                await fault.hold.passed()
            await asyncio.sleep(self.pace.first_seconds)
            await line.whole(200, answer.message())
            return Ending.ANSWERED
        body = msgspec.json.encode(answer.message())
        await line.start(200, _JSON)
        await line.more(body[: len(body) // 2], last=fault.breaks is Break.GARBLE)
        if fault.breaks is Break.STALL:
            await asyncio.Event().wait()
        return Ending.BROKEN


class _Line:
    """The way back to the asker."""

    def __init__(self, send: ASGISendCallable, request_id: str) -> None:
        self.request_id = request_id
        self._send = send

    async def start(self, status: int, *headers: tuple[bytes, bytes]) -> None:
        """The head of the response."""
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"request-id", self.request_id.encode()), *headers],
                "trailers": False,
            }
        )

    async def more(self, data: bytes, *, last: bool = False) -> None:
        """A part of its body. Without a last one the connection is cut."""
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})

    async def all(self, events: Iterable[bytes]) -> None:
        """Several parts, one after the other."""
        for data in events:
            await self.more(data)

    async def whole(self, status: int, body: Any, *headers: tuple[bytes, bytes]) -> None:
        """A response that is all there."""
        await self.start(status, _JSON, *headers)
        await self.more(msgspec.json.encode(body), last=True)

    async def refuse(
        self, status: int, message: str, retry_after_seconds: float | None = None
    ) -> None:
        """An error instead of an answer."""
        wait: list[tuple[bytes, bytes]] = []
        if retry_after_seconds is not None:
            wait.append((b"retry-after", f"{retry_after_seconds:g}".encode()))
        await self.whole(status, wire.error(status, self.request_id, message), *wait)


_ROUTES: Mapping[
    tuple[str, str],
    Callable[[MessagesApi, Request, _Line, ASGIReceiveCallable], Awaitable[None]],
] = {
    ("POST", "/v1/messages"): MessagesApi._message,
    ("POST", "/v1/messages/count_tokens"): MessagesApi._count,
}


def _inner(request_id: str) -> dict[str, Any]:
    """What an ``error`` event carries beside its type."""
    return {key: value for key, value in wire.error(529, request_id).items() if key != "type"}


async def _body(receive: ASGIReceiveCallable) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)


async def _left(receive: ASGIReceiveCallable) -> None:
    """Returns when the asker has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
