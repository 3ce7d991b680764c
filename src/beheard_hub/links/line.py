"""One end of a socket between gateway and host: queue, batch, write; read, split, decode.

No task and no timer: messages queue as encoded bytes until the loop comes round, and while the
socket is full until it is writable again. So a lone message waits for nothing, and under load the
batch grows by itself.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

import msgspec

from beheard_hub.domain.limits import LINK_FRAME_BYTES_MAX
from beheard_hub.links.framing import FrameReader, MalformedFrame, next_frames
from beheard_hub.telemetry import logger

LINE_BYTES_MAX = 16 * 1024 * 1024
"""Of messages that wait for a peer; one that does not drain its line is cut off beyond."""
PATIENCE = (
    ("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 10_000),
)  # fmt: skip
"""A machine that vanished says no goodbye: seconds for lines where nothing is said, and
milliseconds for those with something under way, which the kernel would send again for minutes."""

_encode = msgspec.msgpack.Encoder().encode
_log = logger("links")


class Line(asyncio.Protocol):
    """A connection that carries lists of messages; the two ends override `received` and `ended`."""

    def __init__(self, decoder: msgspec.msgpack.Decoder[Any]) -> None:
        self.closed = False
        self.queued_bytes = 0
        self._decode = decoder.decode
        self._reader = FrameReader()
        self._parts: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._scheduled = False
        self._paused = False
        self._loop = asyncio.get_running_loop()

    def received(self, message: Any) -> None:
        """One message of the peer, in the order sent."""

    def ended(self) -> None:
        """The line is gone; called once, from the loop and never from within `send`."""

    # ---- sending

    def send(self, message: Any) -> None:
        """Queues a message; without effect once the line is gone."""
        if self.closed:
            return
        part = _encode(message)
        self._parts.append(part)
        self.queued_bytes += len(part)
        if self.queued_bytes > LINE_BYTES_MAX:
            _log.warning("line_not_drained", size_bytes=self.queued_bytes)
            self.abort()
        elif not self._scheduled and not self._paused:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        while self._parts and not self._paused and self._transport is not None:
            frames, count = next_frames(self._parts)
            self.queued_bytes -= sum(map(len, self._parts[:count]))
            del self._parts[:count]
            self._transport.write(frames)

    def close(self) -> None:
        """Writes what is queued and ends the line."""
        if self._transport is not None and not self.closed:
            self._paused = False
            self._flush()
            self._transport.close()

    def abort(self) -> None:
        """Ends the line at once."""
        if self._transport is not None:
            self._transport.abort()
        self._end()

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        # uvloop's transports do not inherit from asyncio's
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=LINK_FRAME_BYTES_MAX)
        raw = transport.get_extra_info("socket")
        if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in PATIENCE:
                if hasattr(socket, name):
                    raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer."""
        try:
            for payload in self._reader.feed(data):
                for message in self._decode(payload):
                    if self.closed:
                        return
                    self.received(message)
        except (MalformedFrame, msgspec.DecodeError) as error:
            _log.warning("malformed_link_frame", error=type(error).__name__)
            self.abort()

    def pause_writing(self) -> None:
        """The socket is full."""
        self._paused = True

    def resume_writing(self) -> None:
        """The socket takes more."""
        self._paused = False
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer, or its process, is gone."""
        self._end()

    def _end(self) -> None:
        if not self.closed:
            self.closed = True
            self._parts.clear()
            self.queued_bytes = 0
            self._loop.call_soon(self.ended)
