"""Where the frames of a peer begin and end, so that plain ones need no general parser.

Almost all that clients send is one whole text or binary frame: no fragment, no control frame. Such
a frame is unmasked and offered here, for a sixth of what the general parser takes; all else goes
to that parser byte for byte, which judges it. Pure: bytes in, offers and bytes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

try:
    from websockets.speedups import apply_mask
except ImportError:  # where websockets has no wheel
    from websockets.utils import apply_mask

FINAL_TEXT, FINAL_BINARY = 0x81, 0x82
"""First byte of a frame that is a whole message."""
MASKED = 0x80
HEAD_BYTES_MAX = 14
"""First two bytes, eight of length, four of the mask."""

Take: TypeAlias = Callable[[bytes, bool], bool]
"""``take(payload, is_text)``: whether a plain frame needs no general parser."""


class WholeFrames:
    """The stream of one peer. `bytes_max`: a longer frame is left to the general parser."""

    __slots__ = ("_bytes_max", "_head", "_owed", "_take")

    def __init__(self, bytes_max: int, take: Take) -> None:
        self._bytes_max = bytes_max
        self._take = take
        self._head = b""
        """Of a frame whose length is not known yet."""
        self._owed = 0
        """Bytes that are missing of a frame that the general parser has begun."""

    def rest(self, data: bytes) -> Iterator[bytes]:
        """What came, without the frames that were taken, cut where frames end. Each piece is to be
        parsed before the next is asked for: frames are offered in their order."""
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
            first = data[start]
            plain = first in (FINAL_TEXT, FINAL_BINARY) and data[start + 1] & MASKED
            if not (plain and end <= len(data) and length <= self._bytes_max):
                self._owed = max(0, end - len(data))
                yield data[start:end]
            else:
                begin = start + head
                payload = apply_mask(data[begin:end], data[begin - 4 : begin])
                if not self._take(payload, first == FINAL_TEXT):
                    yield data[start:end]
            start = end


def _sizes(data: bytes, start: int) -> tuple[int, int] | None:
    """Bytes of a frame's head and of its payload; None where they are not told yet."""
    known = len(data) - start
    if known < 2:
        return None
    second = data[start + 1]
    length, head = second & 0x7F, 6 if second & MASKED else 2
    if length < 126:
        return head, length
    more = 2 if length == 126 else 8
    if known < head + more:
        return None
    return head + more, int.from_bytes(data[start + 2 : start + 2 + more], "big")
