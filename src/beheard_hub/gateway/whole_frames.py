"""Where the frames of a peer begin and end, so that plain ones need no general parser.

Almost all that clients send is one whole text or binary frame: no fragment, no control frame. Such
a frame is unmasked and handed on here, for a sixth of what the general parser takes; all else goes
to that parser byte for byte, which judges it. Pure: bytes in, pieces out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

try:
    from websockets.speedups import apply_mask
except ImportError:  # where websockets has no wheel
    from websockets.utils import apply_mask

FINAL_TEXT, FINAL_BINARY = 0x81, 0x82
"""First byte of a frame that is a whole message."""
MASKED = 0x80
HEAD_BYTES_MAX = 14
"""First two bytes, eight of length, four of the mask."""


class Message(msgspec.Struct, frozen=True):
    """A whole message in one frame."""

    payload: bytes
    raw: bytes
    """The same as it came, for whoever must judge it after all."""
    text: bool

    def __repr__(self) -> str:
        return "Message"


Piece: TypeAlias = Message | bytes
"""A plain message, or bytes for the general parser. All pieces together are what came."""


class WholeFrames:
    """The stream of one peer. `bytes_max`: a longer frame is left to the general parser."""

    __slots__ = ("_bytes_max", "_head", "_owed")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._head = b""
        """Of a frame whose length is not known yet."""
        self._owed = 0
        """Bytes that are missing of a frame that the general parser has begun."""

    def pieces(self, data: bytes) -> Iterator[Piece]:
        """What came, cut at the ends of frames. To be used up before it is called again."""
        start = 0
        if self._owed:
            start = min(self._owed, len(data))
            self._owed -= start
            yield data[:start]
        elif self._head:
            data, self._head = self._head + data, b""
        while start < len(data):
            sizes = _sizes(data, start)
            if sizes is None:
                self._head = data[start:]
                return
            head, length = sizes
            end = start + head + length
            plain = data[start] in (FINAL_TEXT, FINAL_BINARY) and data[start + 1] & MASKED
            if plain and end <= len(data) and length <= self._bytes_max:
                payload = apply_mask(
                    data[start + head : end], data[start + head - 4 : start + head]
                )
                yield Message(payload, data[start:end], data[start] == FINAL_TEXT)
            else:
                self._owed = max(0, end - len(data))
                yield data[start:end]
            start = end


def _sizes(data: bytes, start: int) -> tuple[int, int] | None:
    """Bytes of a frame's head and of its payload; None where they are not told yet."""
    if len(data) < start + 2:
        return None
    length, head = data[start + 1] & 0x7F, 6 if data[start + 1] & MASKED else 2
    more = {126: 2, 127: 8}.get(length, 0)
    if len(data) < start + head + more:
        return None
    if more:
        length = int.from_bytes(data[start + 2 : start + 2 + more], "big")
    return head + more, length
