"""A websocket client as lean as a load generator needs it: it must not measure itself.

It speaks what a hub sends (whole, unmasked text frames, pings, a close) and nothing more: no
extensions, no fragments. Frames are masked with a key of zeros, which leaves the text as it is.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
WHOLE, MASKED = 0x80, 0x80
UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    "Authorization: Bearer {token}\r\n\r\n"
)


class Wire(asyncio.Protocol):
    """One connection; `on_text` gets every text frame, `on_lost` the end (called once)."""

    def __init__(self, on_text: Callable[[bytes], None], on_lost: Callable[[], None]) -> None:
        self._on_text = on_text
        self._on_lost = on_lost
        self._buffer = b""
        self._transport: asyncio.Transport
        self._upgraded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unsent: list[bytes] = []
        self.close_code: int | None = None
        """What the hub gave as its reason."""

    @classmethod
    async def connect(
        cls, url: str, token: str, on_text: Callable[[bytes], None], on_lost: Callable[[], None],
        window_bytes: int | None = None,
    ) -> Wire:  # fmt: skip
        """Opens a connection. Raises OSError, ConnectionError when it is not upgraded.
        `window_bytes`: what the kernel may hold of what was not read, else its own choice."""
        where = urlsplit(url)
        loop = asyncio.get_running_loop()
        secure = where.scheme == "wss"
        host, port = where.hostname or "", where.port or (443 if secure else 80)
        peer = await _connected(host, port, window_bytes)
        _, wire = await loop.create_connection(
            lambda: cls(on_text, on_lost), sock=peer, ssl=secure or None,
            server_hostname=host if secure else None,
        )  # fmt: skip
        request = UPGRADE.format(path=where.path, host=where.netloc, token=token)
        wire._transport.write(request.encode())
        await wire._upgraded
        return wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its type

    def data_received(self, data: bytes) -> None:
        """First the answer to the upgrade, then frames."""
        self._buffer += data
        if self._upgraded.done() or self._take_answer():
            self._buffer = self._take_frames(self._buffer)

    def connection_lost(self, error: Exception | None) -> None:
        """Tells whoever waits."""
        if not self._upgraded.done():
            self._upgraded.set_exception(ConnectionError("the connection ended"))
        if not self.lost.done():
            self.lost.set_result(None)
        self._on_lost()

    def send(self, text: bytes) -> None:
        """Queues one text frame; those of one turn of the loop are written together. Raises
        ConnectionError: it is lost, and perhaps nobody heard."""
        if self._transport.is_closing():
            raise ConnectionError("the connection ended")
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(_frame(TEXT, text))

    def _flush(self) -> None:
        frames, self._unsent = self._unsent, []
        if frames and not self._transport.is_closing():
            self._transport.write(b"".join(frames))

    async def close(self) -> None:
        """Says so and waits until the connection is gone."""
        if not self._transport.is_closing():
            self._flush()
            self._transport.write(_frame(CLOSE, b"\x03\xe8"))
        await self.lost

    def abort(self) -> None:
        """Gone at once, without a word."""
        self._transport.abort()

    def stall(self) -> None:
        """Reads nothing from now on."""
        self._transport.pause_reading()

    def _take_answer(self) -> bool:
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return False
        self._buffer = rest
        if head.split(b" ", 2)[1] == b"101":
            self._upgraded.set_result(None)
        else:
            line = head.split(b"\r\n", 1)[0].decode()
            self._upgraded.set_exception(ConnectionError(f"not upgraded: {line}"))
        return True

    def _take_frames(self, data: bytes) -> bytes:
        """Acts on every whole frame; returns what has come of the next."""
        start, known = 0, len(data)
        while known - start >= 2:
            begin, length = start + 2, data[start + 1]
            if length >= 126:
                begin += 2 if length == 126 else 8
                length = int.from_bytes(data[start + 2 : begin], "big")
            end = begin + length
            if end > known:
                break
            assert data[start] & WHOLE, "a hub sends whole frames"
            self._take(data[start] & 0x0F, data[begin:end])
            start = end
        return data[start:]

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self._on_text(payload)
        elif opcode == PING:
            self._transport.write(_frame(PONG, payload))
        elif opcode == CLOSE:
            self._unsent.clear()
            self.close_code = int.from_bytes(payload[:2], "big") or None
            self._transport.write(_frame(CLOSE, payload))
            self._transport.close()


async def _connected(host: str, port: int, window_bytes: int | None) -> socket.socket:
    """A socket whose window was set before it connected, or it would be of no effect."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for number, (family, kind, protocol, _, address) in enumerate(found, 1):
        peer = socket.socket(family, kind, protocol)
        peer.setblocking(False)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if window_bytes is not None:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window_bytes)
            await loop.sock_connect(peer, address)
        except OSError:
            peer.close()
            if number == len(found):
                raise
        else:
            return peer
    raise OSError(f"{host} has no address")


_short_head = struct.Struct("!BB4x").pack
_long_head = struct.Struct("!BBH4x").pack
"""Both with a mask of zeros."""


def _frame(opcode: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        return _short_head(WHOLE | opcode, MASKED | length) + payload
    return _long_head(WHOLE | opcode, MASKED | 126, length) + payload
