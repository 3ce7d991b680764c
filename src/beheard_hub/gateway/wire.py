"""uvicorn's protocols, where this hub needs them to be different.

Each found by reading, by a test or by a profile:

* a frame that arrives in the same segment as the upgrade was lost: the HTTP half kept it;
* frames that arrive before the upgrade is answered are held back until it is, so that every error
  in them meets an open connection;
* a close frame must not wait for a reader that does not read, and a peer that neither reads nor
  answers is cut off after `close_seconds`;
* nothing that a peer sent, a URL least of all, goes into a log;
* a connection that broke looked like one that was closed with an empty close frame (1005);
* a frame that nothing waits before is written without a task of its own, and together with the
  others of the same turn of the loop: each write is a system call (`write_now`);
* a plain frame that nothing waits before is handed on at once, without the general parser, a queue
  and the wakening of a task: what is refused must cost little (`listen`);
* who is refused because too much is under way is left unread for a moment, so that what it goes on
  sending is read, and refused, together (`rest`);
* reading stops only when several messages wait, not for each one: that cost two system calls;
* whoever sends a request by the drop, sends a head without end, or does not read the response, is
  cut off; uvicorn would keep all three.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from typing import Any, TypeAlias

import h11
from uvicorn._types import ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.http11 import Request
from websockets.protocol import OPEN

from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.whole_frames import FINAL_BINARY, FINAL_TEXT, WholeFrames

EARLY_BYTES_MAX = 1024 * 1024
"""What a peer may send before its upgrade is answered."""
HEAD_BYTES_MAX = 32 * 1024
"""Target and headers of one request; the longest token fits twice."""
ASKING = (h11.IDLE, h11.SEND_BODY)
"""States of a peer whose request has not wholly come."""
CLOSE_SECONDS_MAX = 5.0
"""From our close frame to the end of the TCP connection, whatever the peer does."""
WAITING_MESSAGES_MAX = 16
"""Messages of one peer that may wait for the application before its socket is no longer read."""
BROKEN = 1006
DIRECT = "beheard.direct"
"""ASGI extension ``{"wire": w}``: what a `Wire` can do besides `receive` and `send`."""
TOGETHER_BYTES_MAX = 64 * 1024
"""Of frames that wait for the end of a turn of the loop."""
FAILED = "beheard.failed"
"""Message of `receive` that says with which error (`failure`) the listener broke."""

Listener: TypeAlias = Callable[[str | bytes], bool]

_silent = logging.getLogger("beheard_hub.wire")
_silent.disabled = True


class _Requests(h11.Connection):
    """h11 bounds a head only while it is incomplete; this one also when it came in one piece."""

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """As h11's. Raises RemoteProtocolError for a head over `HEAD_BYTES_MAX`."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            size = len(event.target) + sum(len(name) + len(value) for name, value in event.headers)
            if size > HEAD_BYTES_MAX:
                raise h11.RemoteProtocolError("the head is too large", 431)
        return event


class Upgrade(H11Protocol):
    """HTTP, until it becomes a websocket; then hands over the bytes that came along.

    Two times run against the peer: from the connection, or the first byte of a further request, to
    the end of its request; and from the moment its socket takes no more to the moment it does.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        bounds: Bounds,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = _Requests(h11.SERVER, HEAD_BYTES_MAX)
        self._bounds = bounds
        self._asking: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A peer is there; one too many is cut off at once."""
        super().connection_made(transport)
        if len(self.connections) > self._bounds.sockets_max:
            transport.abort()
        else:
            self._watch_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone."""
        self._no_more_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer. The time of a request runs on, however many come."""
        super().data_received(data)
        if (
            self.transport.get_protocol() is self
        ):  # else it is a websocket by now, as long as it likes
            self._watch_request()

    def pause_writing(self) -> None:
        """The peer does not read as fast as it is answered."""
        super().pause_writing()
        if self._unread is None:
            seconds = self._bounds.crowded_seconds_max
            self._unread = self.loop.call_later(seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        self._unread = _cancelled(self._unread)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Switches protocols."""
        self._no_more_watching()
        came_along, _ = self.conn.trailing_data
        super().handle_websocket_upgrade(event)
        protocol = self.transport.get_protocol()
        if came_along and isinstance(protocol, Wire):
            protocol.data_received(came_along)

    def _watch_request(self) -> None:
        if self.transport.is_closing() or self.conn.their_state not in ASKING:
            self._asking = _cancelled(self._asking)
        elif self._asking is None:
            seconds = self._bounds.request_seconds_max
            self._asking = self.loop.call_later(seconds, self.transport.abort)

    def _no_more_watching(self) -> None:
        self._asking, self._unread = _cancelled(self._asking), _cancelled(self._unread)


def _cancelled(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """What stands in the place of a timer that is no longer needed."""
    if timer is not None:
        timer.cancel()
    return None


class Wire(WebSocketsSansIOProtocol):
    """One websocket."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = _silent
        self._early = b""
        self._frames = WholeFrames(config.ws_max_size, self._taken)
        self._listener: Listener | None = None
        self._unwritten: list[bytes] = []
        self._unwritten_bytes = 0
        self._resting: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer; held back while the upgrade is unanswered."""
        if self.handshake_complete:
            self._came(data)
        elif not self.handshake_initiated:
            super().data_received(data)
        elif len(self._early) + len(data) > EARLY_BYTES_MAX:
            self.transport.abort()
        else:
            self._early += data

    def _came(self, data: bytes) -> None:
        for piece in self._frames.rest(data):
            self._parse(piece)

    def _parse(self, data: bytes) -> None:
        self._write_out()  # a close frame may be answered with one: nothing comes behind it
        super().data_received(data)

    def _taken(self, payload: bytes, is_text: bool) -> bool:
        """Whether the listener took it: only in its order, and where it is a message at all."""
        listener, conn = self._listener, self.conn
        if listener is None or not self.queue.empty():
            return False
        if conn.state is not OPEN or conn.cur_size is not None or self.close_sent:
            return False
        try:
            return listener(payload.decode() if is_text else payload)
        except UnicodeDecodeError:
            return False
        except Exception as failure:  # ours: it ends the connection where the task meets it
            self.queue.put_nowait({"type": FAILED, "failure": failure})  # type: ignore[arg-type]
            return True

    def listen(self, listener: Listener) -> None:
        """Names who is asked first what to do with each message. ``listener(payload)`` returns True
        if it took it; else `receive` gives it, in its order."""
        self._listener = listener

    def rest(self, seconds: float) -> None:
        """Reads nothing for so long, or until `wake`."""
        if self._resting is None:
            self._resting = self.loop.call_later(seconds, self.wake)
            self.transport.pause_reading()

    def wake(self) -> None:
        """Rests no longer."""
        if self._resting is not None:
            self._resting = _cancelled(self._resting)
            if not self.read_paused:
                self.transport.resume_reading()

    def handle_connect(self, event: Request) -> None:
        """The upgrade's request; offers `DIRECT` to the application."""
        super().handle_connect(event)
        if not self.handshake_complete:  # else it was refused, and has no scope
            self.scope["extensions"][DIRECT] = {"wire": self}

    def write_now(self, payload: str | bytes) -> bool:
        """Writes one text or binary frame if the socket takes it now; False: `send` must be awaited
        instead."""
        open_ = self.handshake_complete and not self.close_sent and not self.transport.is_closing()
        if not open_ or not self.writable.is_set() or self.conn.state is not OPEN:
            return False
        if isinstance(payload, str):
            frame = _framed(FINAL_TEXT, payload.encode())
        else:
            frame = _framed(FINAL_BINARY, payload)
        if not self._unwritten:
            self.loop.call_soon(self._write_out)
        self._unwritten.append(frame)
        self._unwritten_bytes += len(frame)
        if self._unwritten_bytes > TOGETHER_BYTES_MAX:
            self._write_out()
        return True

    def _write_out(self) -> None:
        if not self._unwritten:
            return
        frames, self._unwritten, self._unwritten_bytes = self._unwritten, [], 0
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(b"".join(frames))

    def shutdown(self) -> None:
        """The server stops: what was written so far goes first."""
        self._write_out()
        super().shutdown()

    def send_receive_event_to_app(self) -> None:
        """Queues a message; pauses reading only when `WAITING_MESSAGES_MAX` wait."""
        paused, self.read_paused = self.read_paused, True
        super().send_receive_event_to_app()
        self.read_paused = paused
        if not paused and self.queue.qsize() >= WAITING_MESSAGES_MAX:
            self.read_paused = True
            self.transport.pause_reading()

    async def send(self, message: ASGISendEvent) -> None:
        """Does what the application says. Cancelling before it is written loses the message."""
        self._write_out()
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)
        if self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(CLOSE_SECONDS_MAX, self.transport.abort)
        elif self._early and self.handshake_complete and not self.transport.is_closing():
            early, self._early = self._early, b""
            self._came(early)

    def connection_lost(self, exc: Exception | None) -> None:
        """The TCP connection is gone: without a close frame of the peer that is no goodbye."""
        self._listener = None
        self._resting = _cancelled(self._resting)
        if self.handshake_complete and self.conn.close_rcvd is None:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": BROKEN, "reason": None})
        super().connection_lost(exc)

    def keepalive_timeout(self) -> None:
        """No pong in time: ends at once, whatever still waits to be written."""
        super().keepalive_timeout()
        self.loop.call_later(CLOSE_SECONDS_MAX, self.transport.abort)


_head_of_2, _head_of_8 = struct.Struct("!BBH").pack, struct.Struct("!BBQ").pack
"""Heads of frames whose length takes so many bytes."""


def _framed(first: int, payload: bytes) -> bytes:
    """One whole frame of ours."""
    length = len(payload)
    if length < 126:
        return bytes((first, length)) + payload
    if length < 2**16:
        return _head_of_2(first, 126, length) + payload
    return _head_of_8(first, 127, length) + payload
