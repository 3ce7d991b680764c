"""The ASGI application: takes a request down, looks into the script, answers or fails."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import re
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from beheard_hub.testing.ably_api.faults import Break, Fault, Rule
from beheard_hub.testing.ably_api.recording import PACKED, PLAIN, Request, decoded, encoded

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

TOKEN_SECONDS = 3_600
_SIGNED = ("keyName", "ttl", "capability", "clientId", "timestamp", "nonce")


class Answer(msgspec.Struct, frozen=True):
    """Status and body of a response; `body` None sends none."""

    status: int
    body: Any = None


class AblyApi:
    """The stand-in, for whoever holds `key` (its name, a colon, its secret)."""

    def __init__(self, key: str, *, requests_kept_max: int | None = None) -> None:
        self.key = key
        self.requests: deque[Request] = deque(maxlen=requests_kept_max)
        """Those of known senders, oldest first, failed ones too."""
        self.done: deque[Request] = deque(maxlen=requests_kept_max)
        """Those that were carried out."""
        self.strangers = 0
        """Requests without a key or token of ours."""
        self._changed = asyncio.Condition()
        self._rules: list[Rule] = []
        self._numbers = itertools.count(1)
        self._tokens: set[str] = set()

    @property
    def published(self) -> list[Request]:
        """Messages that stand on channels."""
        return [request for request in self.done if request.call == "channel"]

    @property
    def pushed(self) -> list[Request]:
        """Pushes that went to a device."""
        return [request for request in self.done if request.call == "push"]

    def script(
        self, call: str, *faults: Fault | None, containing: str = "", forever: bool = False
    ) -> Rule:
        """What becomes of the next requests of a call (``*`` stands for any letters) whose raw body
        contains a text; None in between is an answer. Of several rules the newest counts; with
        `forever` the last fault stays."""
        rule = Rule(call, faults, containing, forever=forever)
        self._rules.insert(0, rule)
        return rule

    def forget_tokens(self) -> None:
        """Those that were given open nothing any more, as after an hour."""
        self._tokens.clear()

    async def until(self, reached: Callable[[AblyApi], bool]) -> None:
        """Waits until what was asked so far fulfils a condition."""
        async with self._changed:
            await self._changed.wait_for(lambda: reached(self))

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """One HTTP request."""
        assert scope["type"] == "http", "lifespan is off, and there are no websockets"
        headers = {key.decode().lower(): value.decode() for key, value in scope["headers"]}
        packed = headers.get("content-type", "") == PACKED
        raw = await _body(receive)
        called = (w for w in _WAYS if w[0] == scope["method"] and w[1].match(scope["path"]))
        way = next(called, None)
        if way is None:
            await _answer(send, _wrong(404, 40400), packed)
            return
        if way[2] != "token" and not self._knows(headers.get("authorization", "")):
            self.strangers += 1
            token = headers.get("authorization", "").startswith("Bearer ")
            await _answer(send, _wrong(401, 40142 if token else 40101), packed)
            return
        try:
            request = Request(way[2], scope["path"], raw, decoded(raw, packed), packed)
        except msgspec.DecodeError:
            await _answer(send, _wrong(400, 40000), packed)
            return
        await self._known(request, receive, send)

    async def _known(
        self, request: Request, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        self.requests.append(request)
        rule = next((rule for rule in self._rules if rule.means(request)), None)
        fault = rule.fault(request) if rule else None
        if fault is None or fault.breaks is Break.AFTER:
            answer = _CALLS[request.call](self, request)
            if answer.status < 300:
                self.done.append(request)
        async with self._changed:
            self._changed.notify_all()
        if fault is None:
            await _answer(send, answer, request.packed)
        elif fault.breaks is Break.STALL:
            while (await receive())["type"] != "http.disconnect":
                pass
        elif fault.breaks is Break.GARBLE:
            await _send(send, fault.status, b"text/html", b"<p>Something else</p>")
        elif fault.breaks is None:
            await _answer(send, _wrong(fault.status, fault.code), request.packed)
        else:
            await _cut(send)

    def _knows(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        try:
            word = base64.b64decode(given, validate=True).decode()
        except ValueError:
            return False
        return word in self._tokens if scheme == "Bearer" else word == self.key

    # ---- the calls

    def _token(self, request: Request) -> Answer:
        name, _, secret = self.key.partition(":")
        asked = request.body
        text = "".join(f"{asked.get(field) or ''}\n" for field in _SIGNED)
        mac = base64.b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha256)).decode()
        if asked.get("keyName") != name or asked.get("mac") != mac:
            return _wrong(401, 40101)
        token = f"{name}.token-{next(self._numbers)}"
        self._tokens.add(token)
        expires = asked["timestamp"] + TOKEN_SECONDS * 1000
        shown = {"token": token, "keyName": name, "issued": asked["timestamp"], "expires": expires}
        return Answer(201, {**shown, "capability": '{"*":["*"]}', "clientId": None})

    def _message(self, request: Request) -> Answer:
        body = request.body
        if not isinstance(body, dict) or "data" not in body:
            return _wrong(400, 40000)
        return Answer(201, {"channel": request.channel, "messageId": body.get("id", "")})

    def _push(self, request: Request) -> Answer:
        body = request.body
        fits = isinstance(body, dict) and body.get("recipient") and body.get("notification")
        return Answer(204) if fits else _wrong(400, 40000)


_CALLS: Mapping[str, Callable[[AblyApi, Request], Answer]] = {
    "token": AblyApi._token,
    "channel": AblyApi._message,
    "push": AblyApi._push,
}
_WAYS = (
    ("POST", re.compile(r"/keys/[^/]+/requestToken\Z"), "token"),
    ("POST", re.compile(r"/channels/[^/]+/messages\Z"), "channel"),
    ("POST", re.compile(r"/push/publish\Z"), "push"),
)


def _wrong(status: int, code: int) -> Answer:
    """An error as Ably words it."""
    error = {"statusCode": status, "code": code, "message": "By the stand-in.", "href": ""}
    return Answer(status, {"error": error})


async def _answer(send: ASGISendCallable, answer: Answer, packed: bool) -> None:
    body = b"" if answer.body is None else encoded(answer.body, packed)
    await _send(send, answer.status, (PACKED if packed else PLAIN).encode(), body)


async def _send(send: ASGISendCallable, status: int, kind: bytes, body: bytes) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", kind), (b"content-length", str(len(body)).encode())],
            "trailers": False,
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _cut(send: ASGISendCallable) -> None:
    """The head of an answer and nothing of its body: the server ends the connection."""
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", PLAIN.encode()), (b"content-length", b"64")],
            "trailers": False,
        }
    )
    await send({"type": "http.response.body", "body": b'{"', "more_body": True})


async def _body(receive: ASGIReceiveCallable) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)
