"""Responses that are written piece by piece. A client that goes ends them; one that does not read
is given `seconds_max` per piece and then given up, so nobody holds a place here for ever."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec
from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from beheard_hub import telemetry
from beheard_hub.gateway.rest.conversation import Piece

EVENTS = "text/event-stream"
LINES = "application/x-ndjson"
BEAT = b": beat\n\n"

T = TypeVar("T")
Pieces = AsyncGenerator[bytes, None]

_log = telemetry.logger("gateway.rest")


def event_of(piece: Piece) -> bytes:
    """One server-sent event; JSON holds no line feed."""
    name, data = piece
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))


class Streamed(Response[bytes]):
    """`ended` is called when it is over, however that came."""

    def __init__(
        self, pieces: Pieces, media_type: str, headers: Mapping[str, str], seconds_max: float,
        ended: Callable[[], None],
    ) -> None:  # fmt: skip
        super().__init__(b"", media_type=media_type, headers=headers)
        self._pieces = pieces
        self._seconds_max = seconds_max
        self._ended = ended

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        """What writes it."""
        headers = {name: str(value) for name, value in self.headers.items()}
        return _Writer(self._pieces, self._seconds_max, self._ended, headers, str(self.media_type))


class _Writer(ASGIResponse):
    _should_set_content_length = False

    def __init__(
        self, pieces: Pieces, seconds_max: float, ended: Callable[[], None],
        headers: Mapping[str, str], media_type: str,
    ) -> None:  # fmt: skip
        super().__init__(headers=dict(headers), media_type=media_type, status_code=200)
        self._pieces = pieces
        self._seconds_max = seconds_max
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Writes until the end, or until the client is gone. Cancelling ends it."""
        gone = asyncio.create_task(until_gone(receive))
        writing = asyncio.create_task(self._write(send))
        try:
            await asyncio.wait({gone, writing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (gone, writing):
                task.cancel()
            await asyncio.gather(gone, writing, return_exceptions=True)
            if not writing.cancelled() and (failure := writing.exception()) is not None:
                _log.warning("stream_broken", error=type(failure).__name__)
            await self._pieces.aclose()
            self._ended()

    async def _write(self, send: Send) -> None:
        await self.start_response(send)
        async for piece in self._pieces:
            await self._send(send, piece, more=True)
        await self._send(send, b"", more=False)

    async def _send(self, send: Send, body: bytes, *, more: bool) -> None:
        async with asyncio.timeout(self._seconds_max):
            await send({"type": "http.response.body", "body": body, "more_body": more})


async def until_gone(receive: Callable[[], Awaitable[Any]]) -> None:
    """Returns when the client closed its connection. Its body must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def unless_gone(waiting: Awaitable[T], receive: Callable[[], Awaitable[Any]]) -> T | None:
    """What `waiting` gives, or None when the client went away before; then it is cancelled."""
    asked = asyncio.ensure_future(waiting)
    gone = asyncio.create_task(until_gone(receive))
    try:
        await asyncio.wait({asked, gone}, return_when=asyncio.FIRST_COMPLETED)
        return asked.result() if asked.done() else None
    finally:
        for task in (asked, gone):
            task.cancel()
        with contextlib.suppress(Exception):
            await asyncio.gather(asked, gone, return_exceptions=True)
